package main

import (
	"github.com/lockport-hie/lockport/projection"
	"github.com/lockport-hie/lockport/repository"
)

// The folders of the data directory.
const (
	keysDir = "keys"
	dataDir = "data"
)

// createStore makes the keys and the empty repository.
func (env *environment) createStore() error {
	if err := repository.GenerateKeys(env.path(keysDir)); err != nil {
		return err
	}
	keys, err := repository.LoadKeys(env.path(keysDir))
	if err != nil {
		return err
	}
	return repository.Create(repository.Options{Dir: env.path(dataDir), Keys: keys, Now: env.Now})
}

// openStore opens the repository for this process alone.
func (env *environment) openStore() (*repository.Store, error) {
	o, err := env.storeOptions()
	if err != nil {
		return nil, err
	}
	return repository.Open(o)
}

// storeOptions says where the repository is and what works on it.
func (env *environment) storeOptions() (repository.Options, error) {
	keys, err := repository.LoadKeys(env.path(keysDir))
	return repository.Options{Dir: env.path(dataDir), Keys: keys, Now: env.Now, Projector: projection.New()}, err
}
