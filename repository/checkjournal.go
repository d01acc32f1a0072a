package repository

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"path/filepath"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
)

// journal checks every file of the journal: what stands in it, frame by frame,
// every seal and commitment, and the chain.
func (x *checking) journal(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for _, f := range x.s.journal.all() {
		if err := x.journalFile(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

func (x *checking) journalFile(ctx context.Context, f *journalFile) error {
	file := CheckedFile{File: filepath.Base(f.path), Kind: kindJournal, Format: format, Bytes: diskUsage(f.path), State: stateSound}
	if f.foot == 0 {
		file.State = stateOpen
	}
	ctx, cancel := context.WithCancel(ctx)
	batches := x.s.openAhead(ctx, f.frames())
	defer func() {
		cancel()
		for b := range batches { // the readers end before the file is closed
			<-b.ready
		}
	}()
	chain := f.chained(func(err error) { x.found(&file, err, doRestore) })
	for b := range batches {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		<-b.ready
		for _, o := range b.entries {
			file.Entries++
			chain.add(o)
			x.count(o)
		}
		chain.gap(b.err)
		x.step("entries", uint64(chain.Head().Seq), uint64(x.s.head.Seq))
	}
	chain.end(x.s.headOf(f))
	if f.foot > 0 {
		dontNeed(f.f, 0, f.foot)
	}
	x.report.Files = append(x.report.Files, file)
	return nil
}

// chained follows the chain of hashes through one file, over what is damaged.
type chained struct {
	*audit.Verifier
	whole bool // every entry so far is sound
	found func(error)
}

func (f *journalFile) chained(found func(error)) *chained {
	return &chained{audit.NewVerifier(audit.Head{Seq: f.first - 1, Hash: f.prev}), true, found}
}

func (c *chained) add(o opened) {
	if o.err != nil {
		c.found(o.err)
	}
	if !c.whole {
		c.Verifier = audit.NewVerifier(audit.Head{Seq: o.h.Seq - 1, Hash: o.h.Prev})
	}
	if err := c.Add(o.h); err != nil {
		c.found(err)
	}
	c.whole = o.err == nil && c.Head().Seq == o.h.Seq
}

// gap notes that a piece of the file does not read, when err is not nil.
func (c *chained) gap(err error) {
	if err != nil {
		c.found(err)
		c.whole = false
	}
}

// end holds the last entry against the one that should be there.
func (c *chained) end(want audit.Head) {
	if c.whole && c.Head() != want {
		c.found(fmt.Errorf("it ends at entry %d and should end at %d", c.Head().Seq, want.Seq))
	}
}

// headOf returns the head of the chain at the end of a file.
func (s *Store) headOf(f *journalFile) audit.Head {
	if files := s.journal.all(); f.number < len(files) {
		next := files[f.number] // numbers begin at 1
		return audit.Head{Seq: next.first - 1, Hash: next.prev}
	}
	return s.head
}

// count counts an entry that the record has applied, and keeps some whose rows
// are known, each as likely as any other.
func (x *checking) count(o opened) {
	if o.err != nil || o.h.Seq > x.applied {
		return
	}
	x.counted[int(o.h.Kind)%len(x.counted)]++
	if o.e.Kind != lockport.EntryDirective && o.e.Kind != lockport.EntryGrant {
		return
	}
	x.eligible++
	if len(x.sample) < x.options.Sample {
		x.sample = append(x.sample, o.e)
	} else if i := x.chance.below(x.eligible); i < uint64(len(x.sample)) {
		x.sample[i] = o.e
	}
}

// frames yields the entries of a file, piece by piece, as they stand in it from
// its first byte to its end. Bytes that are no entry come as an error of kind
// Corrupt; what follows them is found by the file's marks.
func (f *journalFile) frames() iter.Seq2[[]stored, error] {
	return func(yield func([]stored, error) bool) {
		at := int64(blockSize)
		for i := 0; ; i++ {
			from, to, ok := f.section(i)
			if !ok {
				break
			}
			var err error
			if from != at {
				err = damaged(f.path, fmt.Errorf("what stands between bytes %d and %d cannot be found", at, from))
			}
			chunk, e := f.sectionFrames(i, from, to)
			if !yield(chunk, errors.Join(err, e)) {
				return
			}
			at = to
		}
		if end := f.end.Load(); at != end {
			yield(nil, damaged(f.path, fmt.Errorf("what stands between bytes %d and %d cannot be found", at, end)))
		}
	}
}

// sectionFrames reads the entries between two marks, up to the first that does
// not read.
func (f *journalFile) sectionFrames(i int, from, to int64) ([]stored, error) {
	data := make([]byte, to-from)
	if _, err := f.f.ReadAt(data, from); errors.Is(err, fs.ErrClosed) {
		return nil, lockport.Errorf(lockport.Unavailable, "read journal", "the store is closed")
	} else if err != nil {
		return nil, damaged(f.path, fmt.Errorf("bytes %d to %d cannot be read: %w", from, to, err))
	}
	var out []stored
	for off := 0; off < len(data); {
		fr, err := parseFrame(data[off:], from+int64(off))
		if err != nil {
			return out, damaged(f.path, fmt.Errorf("byte %d: %w", from+int64(off), err))
		}
		out = append(out, stored{sequenceOf(fr.value), fr.value, f})
		off += frameSize + len(fr.value)
	}
	f.mu.RLock()
	want := f.marks[i].seq
	f.mu.RUnlock()
	if len(out) > 0 && out[0].seq != want {
		return out, damaged(f.path, fmt.Errorf("its footer says that entry %d stands at byte %d, which is entry %d", want, from, out[0].seq))
	}
	return out, nil
}
