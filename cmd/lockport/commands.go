package main

import "github.com/spf13/cobra"

// commands returns every command, in the order in which help shows them.
func commands(env *environment) []*cobra.Command {
	return []*cobra.Command{
		newInit(env),
		newConfig(env),
		newSend(env),
		newReceive(env),
		newQuery(env),
		newHL7(env),
		newVersion(env),
	}
}
