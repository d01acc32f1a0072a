package main

import "github.com/spf13/cobra"

// commands returns every command, in the order in which help shows them.
func commands(env *environment) []*cobra.Command {
	return []*cobra.Command{
		newInit(env),
		newServe(env),
		newStatus(env),
		newConfig(env),
		newSend(env),
		newReceive(env),
		newQuery(env),
		newSimulate(env),
		newParticipant(env),
		newLocation(env),
		newApplication(env),
		newProvider(env),
		newAuthority(env),
		newConsent(env),
		newPatient(env),
		newMessage(env),
		newQuarantine(env),
		newFeed(env),
		newAudit(env),
		newCheck(env),
		newKeys(env),
		newRekey(env),
		newReindex(env),
		newCompact(env),
		newBackup(env),
		newRestore(env),
		newRetain(env),
		newHL7(env),
		newDemo(env),
		newBench(env),
		newVersion(env),
	}
}
