package main

import "os"

// createStore makes the repository and its keys.
func (env *environment) createStore() error {
	return os.Mkdir(env.path("data"), 0o700)
}
