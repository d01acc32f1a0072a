package repository

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/lockport-hie/lockport"
)

type nothing struct{}

func (nothing) Begin(lockport.Tx) error { return nil }
func (nothing) Apply(tx lockport.Tx, e *lockport.Entry) error {
	n := uint64(0)
	tx.Get(lockport.TableCounters, []byte("n"), &n)
	n++
	return tx.Put(lockport.TableCounters, []byte("n"), &n)
}
func (nothing) End(lockport.Tx) error { return nil }

func TestSmoke(t *testing.T) {
	dir := t.TempDir()
	if err := GenerateKeys(dir + "/keys"); err != nil {
		t.Fatal(err)
	}
	k, err := LoadKeys(dir + "/keys")
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Dir: dir + "/data", Keys: k, Now: time.Now, Projector: nothing{}}
	if err := Create(o); err != nil {
		t.Fatal(err)
	}
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	for i := range 100 {
		m := &lockport.Message{Raw: []byte(fmt.Sprint("MSH|", i)), ControlID: fmt.Sprint(i)}
		e := lockport.Entry{Kind: lockport.EntryMessage, Body: m, Dedupe: &lockport.Dedupe{Key: fmt.Sprint(i % 50)}}
		r, err := s.Append(ctx, []lockport.Entry{e})
		if err != nil {
			t.Fatal(err)
		}
		if r[0].Duplicate != (i >= 50) {
			t.Fatal(i, r)
		}
	}
	n, err := s.Counter(ctx, "n")
	t.Log(n, err, s.Stats())
	rep, err := s.Verify(ctx, nil)
	t.Log(rep, err)
	if err := s.Close(ctx); err != nil {
		t.Fatal(err)
	}
	s, err = Open(o)
	if err != nil {
		t.Fatal(err)
	}
	for e, err := range s.Entries(ctx, 0, true) {
		if err != nil {
			t.Fatal(err)
		}
		_ = e
		break
	}
	r, err := s.Append(ctx, []lockport.Entry{{Kind: lockport.EntryMessage, Body: &lockport.Message{}, Dedupe: &lockport.Dedupe{Key: "3"}}})
	t.Log(r, err)
	s.Close(ctx)
}
