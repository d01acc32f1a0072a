package repository

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
)

// follow calls fn with each frame of a file in turn. A frame that does not read,
// or does not follow the one before, ends it.
func (f *journalFile) follow(ctx context.Context, fn func(fr frame, h audit.Header) error) (audit.Head, error) {
	chain := audit.NewVerifier(audit.Head{Seq: f.first - 1, Hash: f.prev})
	s := &scan{f: f, at: blockSize}
	for s.at < f.end.Load() {
		seq := chain.Head().Seq + 1
		if seq%1024 == 0 && ctx.Err() != nil {
			return chain.Head(), context.Cause(ctx)
		}
		fr, err := s.frame()
		if errors.Is(err, io.EOF) {
			err = errFrame
		}
		var h audit.Header
		if err == nil {
			h, _, err = parseHeader(fr.value)
		}
		if err != nil {
			return chain.Head(), entryDamaged(seq, err)
		}
		if err := chain.Add(h); err != nil {
			return chain.Head(), err
		}
		if err := fn(fr, h); err != nil {
			return chain.Head(), err
		}
		s.skip(frameSize + len(fr.value))
	}
	return chain.Head(), nil
}

// ages returns how many messages of a file have content, and when its newest
// entry happened.
func (f *journalFile) ages(ctx context.Context) (messages uint64, newest time.Time, err error) {
	_, err = f.follow(ctx, func(fr frame, h audit.Header) error {
		if at := time.UnixMicro(h.Time); at.After(newest) {
			newest = at
		}
		if mayDrop(h.Kind) && !isDropped(fr.value) {
			messages++
		}
		return nil
	})
	dontNeed(f.f, 0, f.end.Load())
	return messages, newest, err
}

// replace writes a file without the content of its messages beside the old one,
// reads it back, and puts it in its place.
func (x *retaining) replace(ctx context.Context, s *Store, f *journalFile) error {
	files := s.journal.all()
	if last := files[f.number].first - 1; x.covered < last {
		return lockport.Errorf(lockport.Refused, "retain", "no snapshot of the record reaches to entry %d: the content of %s stays", last, filepath.Base(f.path))
	}
	fresh := f.path + ".new"
	head, size, err := x.copyFile(ctx, s, f, fresh)
	if err == nil && head != s.headOf(f) {
		err = damaged(f.path, errors.New("it does not end where the next one begins"))
	}
	if err == nil {
		err = x.readBack(ctx, s, f, fresh, head)
	}
	if err != nil {
		return errors.Join(err, os.Remove(fresh))
	}
	x.report.Freed += f.end.Load() - size
	return s.vault.rename(fresh, f.path)
}

// copyFile writes the new file, under an identity of its own: whoever knows the
// old file by its id, as backups do, sees that this is another one.
func (x *retaining) copyFile(ctx context.Context, s *Store, f *journalFile, fresh string) (head audit.Head, size int64, err error) {
	out, err := os.OpenFile(fresh, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return head, 0, err
	}
	to := &journalFile{number: f.number, path: fresh, f: out, first: f.first, prev: f.prev, vault: s.vault}
	defer func() { err = errors.Join(err, out.Close()) }()
	if to.id, err = s.vault.newIdentity(kindJournal, f.id.store); err != nil {
		return head, 0, err
	}
	if _, to.sealer, err = s.vault.check(fresh, &to.id); err != nil {
		return head, 0, err
	}
	block, err := s.vault.encodeBlock(to.id, audit.Head{Seq: f.first - 1, Hash: f.prev})
	if err != nil {
		return head, 0, err
	}
	noteDropped(block, x.report.Entry)
	if _, err := out.WriteAt(block, 0); err != nil {
		return head, 0, err
	}
	at, frames := int64(blockSize), []byte(nil)
	flush := func() error {
		_, err := out.WriteAt(frames, at)
		at, frames = at+int64(len(frames)), frames[:0]
		return err
	}
	head, err = f.follow(ctx, func(fr frame, h audit.Header) error {
		if here := at + int64(len(frames)); here-to.lastMark() >= markBytes {
			to.marks = append(to.marks, mark{h.Seq, here})
		}
		if frames, err = f.without(frames, to.sealer, fr, h); err != nil || len(frames) < scanChunk {
			return err
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	if err != nil {
		return head, 0, err
	}
	to.end.Store(at)
	return head, at, to.finish(head)
}

// without appends a frame of f as it stands in the new file.
func (f *journalFile) without(dst []byte, under sealer, fr frame, h audit.Header) ([]byte, error) {
	if mayDrop(h.Kind) {
		return appendValue(dst, fr.place, fr.more, under.dropValue(fr.value)), nil
	}
	inner, err := f.sealer.open(fr.value[headerSize:], associated(h.Kind, h.ID))
	if err != nil {
		return dst, entryDamaged(h.Seq, errors.New("the seal does not open"))
	}
	return appendFrame(dst, fr.place, fr.more, h, under.seal(nil, inner, associated(h.Kind, h.ID))), nil
}

// readBack opens the new file as the next start will and opens every entry of it.
func (x *retaining) readBack(ctx context.Context, s *Store, old *journalFile, fresh string, want audit.Head) error {
	f, head, err := s.vault.openJournalFile(fresh, old.number)
	if err != nil {
		return err
	}
	var dropped uint64
	got, err := f.follow(ctx, func(fr frame, h audit.Header) error {
		e, _, err := s.openEntry(fr.value, f)
		if err != nil {
			return entryDamaged(h.Seq, err)
		}
		if _, gone := e.Body.(*lockport.Dropped); gone {
			dropped++
		} else if mayDrop(h.Kind) {
			return entryDamaged(h.Seq, errors.New("its content is still there"))
		}
		return nil
	})
	err = errors.Join(err, f.f.Close())
	if err == nil && (got != want || head != want || dropped != x.old[old.number].messages || f.gone != x.report.Entry || f.foot == 0) {
		err = lockport.Errorf(lockport.Corrupt, "retain", "%s does not read back as it was written: the old file stays", filepath.Base(old.path))
	}
	return err
}
