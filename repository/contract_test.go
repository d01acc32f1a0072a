package repository_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/repository"
	"github.com/lockport-hie/lockport/repository/repositorytest"
)

func TestContract(t *testing.T) {
	repositorytest.Run(t, func(t *testing.T, dir string, rules lockport.Projector) repositorytest.Store {
		keys, err := repository.LoadKeys(filepath.Join(dir, "keys"))
		fresh := lockport.KindOf(err) == lockport.NotFound
		if fresh {
			if err := repository.GenerateKeys(filepath.Join(dir, "keys")); err != nil {
				t.Fatal(err)
			}
			keys, err = repository.LoadKeys(filepath.Join(dir, "keys"))
		}
		if err != nil {
			t.Fatal(err)
		}
		o := repository.Options{Dir: filepath.Join(dir, "data"), Keys: keys, Now: time.Now, Projector: rules}
		if fresh {
			if err := repository.Create(o); err != nil {
				t.Fatal(err)
			}
		}
		s, err := repository.Open(o)
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}
