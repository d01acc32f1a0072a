package repository

import (
	"context"
	"errors"
	"fmt"
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
	chain := audit.NewVerifier(audit.Head{Seq: f.first - 1, Hash: f.prev})
	whole := true // the chain goes on
	for b := range batches {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		<-b.ready
		for _, o := range b.entries {
			file.Entries++
			if o.err != nil {
				x.found(&file, o.err, doRestore)
			}
			if !whole {
				chain = audit.NewVerifier(audit.Head{Seq: o.h.Seq - 1, Hash: o.h.Prev})
			}
			if err := chain.Add(o.h); err != nil {
				x.found(&file, err, doRestore)
			}
			whole = o.err == nil && chain.Head().Seq == o.h.Seq
			x.count(o)
		}
		if b.err != nil {
			x.found(&file, b.err, doRestore)
			whole = false
		}
		x.step("entries", uint64(chain.Head().Seq), uint64(x.s.head.Seq))
	}
	if end := x.s.headOf(f); whole && chain.Head() != end {
		x.found(&file, fmt.Errorf("it ends at entry %d and should end at %d", chain.Head().Seq, end.Seq), doRestore)
	}
	if f.foot > 0 {
		dontNeed(f.f, 0, f.foot)
	}
	x.report.Files = append(x.report.Files, file)
	return nil
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
	if _, err := f.f.ReadAt(data, from); err != nil {
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
