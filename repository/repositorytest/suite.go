package repositorytest

import (
	"context"
	"iter"
	"testing"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/clinical"
	"github.com/lockport-hie/lockport/consent"
	"github.com/lockport-hie/lockport/patient"
)

// Store is what a back-end offers: the operations that broker, query, consent
// and console live on.
type Store interface {
	lockport.Journal
	consent.Subjects
	reader
	queues
	records
	Close(ctx context.Context) error
}

type reader interface {
	End() lockport.Seq
	Entry(ctx context.Context, seq lockport.Seq) (*lockport.Entry, error)
	Entries(ctx context.Context, from lockport.Seq, reverse bool) iter.Seq2[*lockport.Entry, error]
}

type queues interface {
	Counter(ctx context.Context, name string) (uint64, error)
	Outbox(ctx context.Context, feed lockport.FeedID, after []byte, limit int) ([]lockport.OutboxItem, error)
	OutboxChanged() <-chan struct{}
	Quarantine(ctx context.Context, before lockport.Seq, limit int) ([]lockport.Quarantined, error)
	QuarantineState(ctx context.Context, seq lockport.Seq) (lockport.Quarantined, bool, error)
	Directives(ctx context.Context, id *lockport.Identifier, limit int) ([]consent.Directive, error)
}

type records interface {
	Results(ctx context.Context, t *consent.Ticket, f clinical.ResultFilter) ([]clinical.Report, error)
	Visits(ctx context.Context, t *consent.Ticket, f clinical.VisitFilter) ([]clinical.Visit, error)
	Documents(ctx context.Context, t *consent.Ticket, f clinical.DocumentFilter) ([]clinical.DocumentReport, error)
	Facts(ctx context.Context, t *consent.Ticket) ([]clinical.FactSet, error)
	Demographics(ctx context.Context, t *consent.Ticket) ([]patient.Registration, error)
	FeedMessage(ctx context.Context, t *consent.Ticket, row lockport.OutboxRow) (*lockport.Message, error)
}

// Open opens the store in a directory with the given rules, and makes it first
// where there is none. The suite closes what it opens.
type Open func(t *testing.T, dir string, rules lockport.Projector) Store

// Run runs the whole contract against a back-end.
func Run(t *testing.T, open Open) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, open Open)
	}{
		{"entries come back as they were appended", entriesComeBack},
		{"entries are read from anywhere in both directions", entriesBothWays},
		{"what cannot be read back is refused", badBodies},
		{"one call is one unit in its order", callsAreUnits},
		{"a message sent again is stored once", duplicates},
		{"the same message from many senders is stored once", duplicatesAtOnce},
		{"a reader sees what was acknowledged", readYourWrites},
		{"a transaction sees its own writes", ownWrites},
		{"a failing projection leaves only its quarantine", poison},
		{"outbox rows come in order and announce themselves", outbox},
		{"quarantine is listed from the newest back", quarantine},
		{"directives are listed from the newest back", directives},
		{"a subject has everything of its person", subjects},
		{"a merge without end is an error", endlessMerge},
		{"nothing leaves without a ticket", withoutTicket},
		{"a ticket opens its own patient only", withTicket},
		{"documents come as they are in force, or with their history", documents},
		{"facts are of the patient and of the visits that are shown", facts},
		{"a closed store takes and gives nothing", closed},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, open) })
	}
}

// rules is a projector made of one function.
type rules func(tx lockport.Tx, e *lockport.Entry) error

func (rules) Begin(lockport.Tx) error                         { return nil }
func (rules) End(lockport.Tx) error                           { return nil }
func (r rules) Apply(tx lockport.Tx, e *lockport.Entry) error { return r(tx, e) }

func ignore(lockport.Tx, *lockport.Entry) error { return nil }

// start opens a new store and closes it when the test ends.
func start(t *testing.T, open Open, r rules) Store {
	t.Helper()
	return reopen(t, open, t.TempDir(), r)
}

func reopen(t *testing.T, open Open, dir string, r rules) Store {
	t.Helper()
	s := open(t, dir, r)
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error("close:", err)
		}
	})
	return s
}

// must appends entries and returns their receipts.
func must(t *testing.T, s Store, entries ...lockport.Entry) []lockport.Receipt {
	t.Helper()
	receipts, err := s.Append(t.Context(), entries)
	if err != nil {
		t.Fatal("append:", err)
	}
	if len(receipts) != len(entries) {
		t.Fatalf("%d receipts for %d entries", len(receipts), len(entries))
	}
	return receipts
}

func wantKind(t *testing.T, err error, want lockport.Kind) {
	t.Helper()
	if err == nil || lockport.KindOf(err) != want {
		t.Errorf("error %v is of kind %v, want %v", err, lockport.KindOf(err), want)
	}
}
