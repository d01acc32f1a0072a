package repository

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/lockport-hie/lockport"
)

// CheckOptions say how Check works.
type CheckOptions struct {
	Sample   int                                   // how many results, visits, registrations and directives are held against each other; 0 is 200
	Seed     uint64                                // which ones
	Progress func(what string, done, total uint64) // called now and then, when it is not nil
}

// Finding is one thing that is not as it was written.
type Finding struct {
	File string `json:"file"`
	What string `json:"what"`
	Do   string `json:"do"`
}

// What helps.
const (
	doReindex = "run lockport reindex"
	doRestore = "restore it from a backup"
)

// The states of a file.
const (
	stateSound   = "sound"
	stateOpen    = "sound, not closed" // no footer, or no list of free pages: the store was killed
	stateDamaged = "damaged"
)

// CheckedFile is what Check says about one file.
type CheckedFile struct {
	File    string `json:"file"`
	Kind    string `json:"kind"`
	Format  int    `json:"format"`
	Entries uint64 `json:"entries"` // entries of a journal file, rows of the record, tokens of a window
	Bytes   int64  `json:"bytes"`   // on the disk
	State   string `json:"state"`
}

// CheckReport is what Check found. It holds no content.
type CheckReport struct {
	Files    []CheckedFile `json:"files"`
	Findings []Finding     `json:"findings"`
	Entries  lockport.Seq  `json:"entries"` // of the journal
	Applied  lockport.Seq  `json:"applied"` // by the record
	Sampled  int           `json:"sampled"` // rows and entries that were held against each other
	Seed     uint64        `json:"seed"`
}

// Sound reports whether nothing was found.
func (r CheckReport) Sound() bool { return len(r.Findings) == 0 }

// Check reads all files of a store that is not open: their structure, every
// seal and checksum, the chain of hashes, the counts of the record against the
// journal, and a sample of what belongs together in the record. It changes
// nothing. What it finds is in the report; the error says only that it could not
// be finished. That the record is all that the journal makes, Reindex tells.
func Check(ctx context.Context, o Options, c CheckOptions) (CheckReport, error) {
	if c.Sample <= 0 {
		c.Sample = 200
	}
	x := &checking{options: c, report: CheckReport{Files: []CheckedFile{}, Findings: []Finding{}, Seed: c.Seed}, chance: chance{seed: c.Seed}}
	s, err := openOffline(o)
	if lockport.KindOf(err) == lockport.Corrupt {
		return x.report, x.withoutJournal(o, err)
	}
	if err != nil {
		return x.report, err
	}
	x.s = s
	err = errors.Join(x.run(ctx), s.closeOffline())
	return x.report, err
}

// checking is one run of Check.
type checking struct {
	s       *Store
	options CheckOptions
	report  CheckReport
	chance  chance

	applied   lockport.Seq // by the record
	counted   [32]uint64   // entries up to applied, by kind
	sample    []*lockport.Entry
	eligible  uint64 // entries that could have been in the sample
	lastFile  string // of the finding before
	lastFiles int    // how many findings it has
}

// chance gives numbers that look random and are the same for the same seed.
type chance struct{ seed, n uint64 }

func (c *chance) next() [32]byte {
	c.n++
	return sha256.Sum256(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, c.seed), c.n))
}

// below returns a number below n.
func (c *chance) below(n uint64) uint64 {
	b := c.next()
	return binary.BigEndian.Uint64(b[:]) % n
}

// maxFindings is how many findings of one file are listed.
const maxFindings = 20

// found notes a finding about the file that is being checked.
func (x *checking) found(file *CheckedFile, err error, do string) {
	file.State = stateDamaged
	if x.lastFile != file.File {
		x.lastFile, x.lastFiles = file.File, 0
	}
	if x.lastFiles++; x.lastFiles > maxFindings {
		return
	}
	x.report.Findings = append(x.report.Findings, Finding{File: file.File, What: reason(err), Do: do})
}

// reason is what is wrong, without the file and the remedy, which a finding says
// by itself.
func reason(err error) string {
	var known *lockport.Error
	if !errors.As(err, &known) || known.Kind != lockport.Corrupt {
		return err.Error()
	}
	if known.Where != "" {
		return known.Where + ": " + known.Err.Error()
	}
	if inner := errors.Unwrap(known.Err); inner != nil {
		return inner.Error()
	}
	return known.Err.Error()
}

func (x *checking) step(what string, done, total uint64) {
	if x.options.Progress != nil {
		x.options.Progress(what, done, total)
	}
}

// withoutJournal checks what can be checked of a store whose journal does not
// open: the pages of the other files.
func (x *checking) withoutJournal(o Options, broken error) error {
	x.report.Findings = append(x.report.Findings, Finding{File: "journal", What: reason(broken), Do: doRestore})
	names, err := filepath.Glob(filepath.Join(o.Dir, "*.bolt"))
	for _, path := range names {
		file := CheckedFile{File: filepath.Base(path), Kind: kindOf(path), Format: format, Bytes: diskUsage(path), State: "pages sound"}
		if _, err := checkPages(path, true); err != nil {
			x.found(&file, err, doReindex)
		}
		x.report.Files = append(x.report.Files, file)
	}
	return err
}

func kindOf(path string) string {
	if filepath.Base(path) == recordName {
		return kindRecord
	}
	return kindWindow
}

func (x *checking) run(ctx context.Context) error {
	x.report.Entries = x.s.head.Seq
	record := CheckedFile{File: recordName, Kind: kindRecord, Format: format, Bytes: diskUsage(filepath.Join(x.s.dir, recordName)), State: stateSound}
	r, at, err := x.s.openOldRecord()
	if err == nil && x.s.vault.stale(r.epochs.file) {
		err = errors.Join(madeUnder(r.path, r.epochs.file), r.db.abandon())
		r = nil
	}
	switch {
	case err == nil:
		defer func() { _ = r.db.abandon() }() // it was only read
		x.applied, x.report.Applied = at.applied.Seq, at.applied.Seq
	case lockport.KindOf(err) == lockport.NotFound:
		record.State = "none: the next start makes it"
	case lockport.KindOf(err) == lockport.Corrupt || lockport.KindOf(err) == lockport.Refused:
		x.found(&record, err, doReindex)
	default:
		return err
	}
	if err := x.journal(ctx); err != nil {
		return err
	}
	if r != nil {
		if err := x.record(ctx, &record, r, at); err != nil {
			return err
		}
	}
	x.report.Files = append(x.report.Files, record)
	if err := x.windows(ctx); err != nil {
		return err
	}
	return x.others()
}

// windows checks the day files of the duplicate window.
func (x *checking) windows(ctx context.Context) error {
	names, err := filepath.Glob(filepath.Join(x.s.dir, "window-*.bolt"))
	if err != nil {
		return err
	}
	w := &window{vault: x.s.vault, store: x.s.journal.last().id.store}
	for i, path := range names {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		file := CheckedFile{File: filepath.Base(path), Kind: kindWindow, Format: format, Bytes: diskUsage(path), State: stateSound}
		tokens, through, err := w.verifyDay(path)
		switch kind := lockport.KindOf(err); {
		case err != nil && kind != lockport.Corrupt && kind != lockport.Refused:
			return err
		case err != nil:
			x.found(&file, err, doReindex)
		case through > x.s.head.Seq:
			x.found(&file, fmt.Errorf("it knows entry %d and the journal ends at %d: entries are missing", through, x.s.head.Seq), "restore the journal from a backup")
		}
		file.Entries = uint64(tokens)
		x.report.Files = append(x.report.Files, file)
		x.step("windows", uint64(i+1), uint64(len(names)))
	}
	return nil
}

// others lists what else lies in the directory.
func (x *checking) others() error {
	entries, err := os.ReadDir(x.s.dir)
	if err != nil {
		return err
	}
	known := map[string]bool{lockName: true, reserveName: true, scrubName: true}
	for _, f := range x.report.Files {
		known[f.File] = true
	}
	for _, e := range entries {
		if known[e.Name()] {
			continue
		}
		file := CheckedFile{File: e.Name(), Kind: "unknown", State: "not of the store"}
		if filepath.Ext(e.Name()) == ".new" {
			file.Kind, file.State = "unfinished", "the next start removes it"
		}
		if info, err := e.Info(); err == nil {
			file.Bytes = info.Size()
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		x.report.Files = append(x.report.Files, file)
	}
	return nil
}
