package repository

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
)

// MinimumRetention is the least time that the content of a message is kept: twice
// as long as the duplicate window, which answers from it.
const MinimumRetention = 60 * 24 * time.Hour

// RetainOptions say what Retain drops.
type RetainOptions struct {
	Keep     time.Duration // how long the content of messages is kept
	Check    bool          // only say what would be dropped
	Operator string        // who asked, for the journal
	Progress func(what string, done, total uint64)
}

// RetainReport says what Retain has done, or would do.
type RetainReport struct {
	Before   time.Time    `json:"before"` // what is older goes
	Files    []string     `json:"files"`
	Messages uint64       `json:"messages"` // whose content goes, refused ones included
	Freed    int64        `json:"bytes_freed"`
	Snapshot lockport.Seq `json:"snapshot,omitempty"` // the last entry of the snapshot that was made
	Entry    lockport.Seq `json:"entry,omitempty"`    // the entry that says so
}

// actRetain is the verb under which the journal notes it.
const actRetain = "retain"

// Retain drops the content of messages from the closed journal files whose
// entries are all older than a time. Headers stay, so that the chain of hashes
// still verifies; everything that is no message stays whole. The store must not
// be open.
//
// The record can no longer be made from the first entry on afterwards. So a
// verified snapshot of it is made first, then the journal says what is about to
// happen, and then each file is written anew beside the old one, read back, and
// put in its place. A run that was cut short is ended by the next one. The
// record itself keeps what it holds.
func Retain(ctx context.Context, o Options, r RetainOptions) (RetainReport, error) {
	const op = "retain"
	if r.Keep < MinimumRetention {
		return RetainReport{}, lockport.Errorf(lockport.Invalid, op, "the content of messages is kept for %d days at least", int(MinimumRetention.Hours()/24))
	}
	x := &retaining{options: o, RetainOptions: r}
	x.report.Before = o.Now().Add(-r.Keep).UTC().Truncate(time.Second)
	err := x.offline(x.choose(ctx))
	if err == nil && len(x.old) > 0 && !r.Check {
		if err = x.announce(ctx); err == nil {
			err = x.offline(x.drop(ctx))
		}
	}
	if err != nil {
		return x.report, classify(op, err)
	}
	return x.report, nil
}

// retaining is one run of Retain.
type retaining struct {
	RetainOptions
	options Options
	report  RetainReport
	old     map[int]aged // by number of the file
	covered lockport.Seq // by the snapshot
}

// aged is a file from which content goes.
type aged struct {
	id       [16]byte
	messages uint64
}

func (x *retaining) step(what string, done, total int) {
	if x.Progress != nil {
		x.Progress(what, uint64(done), uint64(total))
	}
}

// offline does something with the files while nobody has them open.
func (x *retaining) offline(do func(*Store) error) (err error) {
	s, err := openOffline(x.options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.closeOffline()) }()
	return do(s)
}

// choose finds the files that are old enough: from the first on, so that what is
// left with content is always the end of the journal.
func (x *retaining) choose(ctx context.Context) func(*Store) error {
	return func(s *Store) error {
		x.old = make(map[int]aged)
		files := s.journal.all()
		for i, f := range files[:len(files)-1] {
			x.step("files looked at", i, len(files)-1)
			if f.gone > 0 {
				continue
			}
			if young, err := x.young(s, files[i+1].first-1); young || err != nil {
				return err
			}
			messages, newest, err := f.ages(ctx)
			if err != nil {
				return err
			}
			if !newest.Before(x.report.Before) {
				return nil
			}
			if messages > 0 {
				x.old[f.number] = aged{f.id.id, messages}
				x.report.Files = append(x.report.Files, filepath.Base(f.path))
				x.report.Messages += messages
			}
		}
		return nil
	}
}

// young looks at one entry: most files need not be read through.
func (x *retaining) young(s *Store, seq lockport.Seq) (bool, error) {
	chunk, err := s.journal.read(seq, false, 1)
	if err != nil {
		return false, err
	}
	if len(chunk) == 0 || chunk[0].seq != seq {
		return false, entryDamaged(seq, errMissing)
	}
	h, _, err := parseHeader(chunk[0].value)
	return !time.UnixMicro(h.Time).Before(x.report.Before), entryDamaged(seq, err)
}

// announce appends what is about to happen, and brings the record up to it.
func (x *retaining) announce(ctx context.Context) (err error) {
	s, err := Open(x.options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close(ctx)) }()
	files := x.report.Files
	a := audit.Action{Operator: x.Operator, Verb: actRetain, Object: files[0] + " to " + files[len(files)-1],
		Reason: fmt.Sprintf("content of %d messages before %s", x.report.Messages, x.report.Before.Format(time.RFC3339))}
	receipts, err := s.Append(ctx, []lockport.Entry{{Kind: lockport.EntryAction, Time: s.now(), Body: &a}})
	if err != nil {
		return err
	}
	x.report.Entry = receipts[0].Seq
	return s.WaitApplied(ctx, x.report.Entry)
}

// drop makes the snapshot and rewrites the files.
func (x *retaining) drop(ctx context.Context) func(*Store) error {
	return func(s *Store) error {
		if err := removeUnfinished(s.dir); err != nil {
			return err
		}
		at, err := s.makeSnapshot(ctx)
		if err != nil {
			return err
		}
		x.covered, x.report.Snapshot = at.Seq, at.Seq
		done := 0
		for _, f := range s.journal.all() {
			chosen, ok := x.old[f.number]
			if !ok {
				continue
			}
			if f.id.id != chosen.id {
				return lockport.Errorf(lockport.Conflict, "retain", "%s has changed meanwhile: run it again", filepath.Base(f.path))
			}
			if err := x.replace(ctx, s, f); err != nil {
				return err
			}
			done++
			x.step("files rewritten", done, len(x.old))
		}
		return pruneSnapshots(s.dir)
	}
}
