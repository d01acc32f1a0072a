package repository

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/directory"
	"github.com/lockport-hie/lockport/internal/simulate"
	"github.com/lockport-hie/lockport/projection"
)

// simulated returns the directory of a synthetic region and its first n messages.
func simulated(n int) (setup, messages []lockport.Entry) {
	region := simulate.New(simulate.Config{Seed: 1, Patients: 2000})
	apps := make(map[lockport.ApplicationID]*directory.Application)
	for _, c := range region.Directory() {
		setup = append(setup, lockport.Entry{Kind: lockport.EntryDirectory, Time: time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC), Body: &c})
		if c.Application != nil {
			apps[c.Application.ID] = c.Application
		}
	}
	for e := range region.Events() {
		app := apps[e.Application]
		if app == nil {
			continue // a consent is no message
		}
		messages = append(messages, lockport.Entry{Kind: lockport.EntryMessage, Time: e.At,
			Dedupe: &lockport.Dedupe{Key: string(app.ID) + e.ControlID, Digest: sha256.Sum256(e.Message)},
			Body: &lockport.Message{Raw: e.Message, Application: app.ID, Participant: app.Participant, Location: app.Location,
				ControlID: e.ControlID, Type: e.Type, Charset: app.Charset, Zone: app.Zone, AckCode: "AA"}})
		if len(messages) == n {
			break
		}
	}
	return setup, messages
}

// spoiling makes some entries fail and some panic, after they have written.
type spoiling struct{ lockport.Projector }

func (p spoiling) Apply(tx lockport.Tx, e *lockport.Entry) error {
	if e.Kind != lockport.EntryMessage || e.Seq%13 > 1 {
		return p.Projector.Apply(tx, e)
	}
	one := uint64(e.Seq)
	err := errors.Join(tx.Put(lockport.TableCounters, []byte("spoilt"), &one), tx.Delete(lockport.TableOutbox, []byte("x")))
	if e.Seq%13 == 1 {
		panic(err)
	}
	return errors.Join(err, errors.New("spoilt"))
}

// However entries fall into transactions, the record is the same.
func TestTransactionsDoNotShowInTheRecord(t *testing.T) {
	setup, messages := simulated(600)
	var want string
	for round := range 4 {
		r := rand.New(rand.NewPCG(uint64(round), 1))
		o := testOptions(t, spoiling{projection.New()})
		o.Keys = Keys{&keyring{[]*pair{{master: [32]byte{1}, mac: [32]byte{2}}}}} // the same tokens each time
		o.JournalBytes = 200 << 10
		if err := Create(o); err != nil {
			t.Fatal(err)
		}
		s := openAgain(t, o)
		for rest := append(setup[:len(setup):len(setup)], messages...); len(rest) > 0; {
			n := min(len(rest), 1+r.IntN(1+r.IntN(200)))
			if _, err := s.Append(t.Context(), rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
			switch r.IntN(4) {
			case 0: // the transaction ends here
				if err := s.catchUp(); err != nil {
					t.Fatal(err)
				}
			case 1:
				if r.IntN(10) == 0 {
					closeNow(t, s)
					o.Projector = spoiling{projection.New()}
					s = openAgain(t, o)
				}
			}
		}
		if err := s.catchUp(); err != nil {
			t.Fatal(err)
		}
		got := strings.Join(dump(t, s), "\n")
		if round == 0 {
			want = got
		}
		if p := s.Stats().Poisoned; p < 80 || got != want || len(got) < 100_000 {
			t.Errorf("round %d: %d poisoned, %d bytes of rows, the same as before: %v", round, p, len(got), got == want)
		}
	}
}

// Each caller finds its own change in the directory, whoever else asks.
func TestDirectoryReadsItsWrites(t *testing.T) {
	s := openNew(t, projection.New())
	var wg sync.WaitGroup
	for caller := range 8 {
		wg.Go(func() {
			for i := range 15 {
				id := lockport.ParticipantID(fmt.Sprintf("p%d-%d", caller, i))
				change := directory.Change{Op: directory.Put, Participant: &directory.Participant{
					ID: id, Name: "Practice", Type: directory.Practice, County: "36067", Joined: "2025-01-01"}}
				if _, err := s.Append(t.Context(), []lockport.Entry{{Kind: lockport.EntryDirectory, Body: &change}}); err != nil {
					t.Error(err)
					return
				}
				d, err := s.Directory(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				if _, ok := d.Participant(id); !ok {
					t.Errorf("%s is not in the directory", id)
				}
			}
		})
	}
	wg.Wait()
}

// A store that is closed while everything is in use fails with a kind and
// leaves nothing running.
func TestCloseUnderUse(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	for range 5 {
		o := testOptions(t, busyRules{})
		if err := Create(o); err != nil {
			t.Fatal(err)
		}
		s, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		var acknowledged sync.Map
		closing := func(err error) bool {
			if err != nil && lockport.KindOf(err) != lockport.Unavailable {
				t.Error(err)
			}
			return err != nil
		}
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				for k := 0; ; k++ {
					r, err := s.Append(t.Context(), []lockport.Entry{oru(i*100_000 + k)})
					if closing(err) {
						return
					}
					acknowledged.Store(r[0].Seq, true)
				}
			})
		}
		use := []func() error{
			func() (err error) {
				for _, err = range s.Entries(t.Context(), 0, true) {
				}
				return err
			},
			func() error { _, err := s.Outbox(t.Context(), "results", nil, 10); return err },
			func() error { _, err := s.Directory(t.Context()); return err },
			func() error { _, err := s.SubjectOfRegistration(t.Context(), 1); return err },
			func() error { s.Stats(); _, err := s.Counter(t.Context(), "x"); return err },
		}
		for _, fn := range use {
			wg.Go(func() {
				for !closing(fn()) && s.isOpen() {
				}
			})
		}
		for s.End() < 50 {
			<-s.appended.wait()
		}
		closeNow(t, s)
		wg.Wait()
		s = openAgain(t, o)
		acknowledged.Range(func(seq, _ any) bool {
			if seq.(lockport.Seq) > s.End() {
				t.Errorf("entry %d was acknowledged and is lost", seq)
			}
			return true
		})
		closeNow(t, s)
	}
}

func (s *Store) isOpen() bool {
	s.gate.RLock()
	defer s.gate.RUnlock()
	return !s.closed
}

// BenchmarkProject measures how fast the journal of a simulated region becomes a
// record with the real rules: one operation is one message.
func BenchmarkProject(b *testing.B) {
	setup, messages := simulated(b.N)
	o := testOptions(b, ignoring{})
	if err := Create(o); err != nil {
		b.Fatal(err)
	}
	s := openAgain(b, o)
	for batch := range slices.Chunk(append(setup, messages...), 1000) {
		if _, err := s.Append(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	closeNow(b, s)
	if err := os.Remove(filepath.Join(o.Dir, recordName)); err != nil {
		b.Fatal(err)
	}
	o.Projector = projection.New()
	b.ReportAllocs()
	b.ResetTimer()
	s = openAgain(b, o)
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
	if s.Stats().Poisoned > 0 || s.Applied() != s.End() {
		b.Error("not all was projected")
	}
}
