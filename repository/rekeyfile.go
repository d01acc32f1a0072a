package repository

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
)

// replace seals one journal file again, beside the old one, and puts it in its
// place. Nothing in it moves, because a seal is as long under one key as under
// another: the offsets in its footer stay right.
func (x *rekeying) replace(ctx context.Context, f *journalFile) error {
	fresh := f.path + ".new"
	wrote, err := x.copyFile(ctx, f, fresh)
	if err == nil {
		err = x.readBack(ctx, f, fresh, wrote)
	}
	if err != nil {
		return errors.Join(err, os.Remove(fresh))
	}
	return x.vault.rename(fresh, f.path)
}

// content is what a file holds whatever key it is under: its head, and a sum over
// all headers and payloads.
type content struct {
	head audit.Head
	sum  [32]byte
}

// copyFile writes a file's entries into a new one, under the current key.
func (x *rekeying) copyFile(ctx context.Context, f *journalFile, fresh string) (c content, err error) {
	out, err := os.OpenFile(fresh, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return c, err
	}
	to := &journalFile{number: f.number, path: fresh, f: out, first: f.first, prev: f.prev, vault: x.vault, marks: f.marks}
	defer func() { err = errors.Join(err, out.Close()) }()
	if to.id, err = x.vault.newIdentity(kindJournal, f.id.store); err != nil {
		return c, err
	}
	if _, to.sealer, err = x.vault.check(fresh, &to.id); err != nil {
		return c, err
	}
	block, err := x.vault.encodeBlock(to.id, audit.Head{Seq: f.first - 1, Hash: f.prev})
	if err != nil {
		return c, err
	}
	// A disk without room says so before the work is done.
	if err := x.vault.allocate(out, fresh, 0, f.end.Load()+footerFixed+int64(16*len(f.marks))); err != nil {
		return c, err
	}
	if _, err := out.WriteAt(block, 0); err != nil {
		return c, err
	}
	at, frames := int64(blockSize), []byte(nil)
	flush := func() error {
		_, err := out.WriteAt(frames, at)
		at, frames = at+int64(len(frames)), frames[:0]
		return err
	}
	c, err = x.walk(ctx, f, func(fr frame, h audit.Header, inner []byte) error {
		frames = appendFrame(frames, fr.place, fr.more, h, to.sealer.seal(nil, inner, associated(h.Kind, h.ID)))
		if len(frames) < scanChunk {
			return nil
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	if err != nil {
		return c, err
	}
	if at != f.end.Load() {
		return c, fmt.Errorf("%d bytes were written for %d", at, f.end.Load())
	}
	to.end.Store(at)
	x.vault.did("write", fresh)
	if err := to.finish(c.head); err != nil {
		return c, err
	}
	x.vault.didSync(fresh)
	return c, nil
}

// readBack opens the new file as the next start will, and reads all of it.
func (x *rekeying) readBack(ctx context.Context, old *journalFile, fresh string, want content) error {
	f, head, err := x.vault.openJournalFile(fresh, old.number)
	if err != nil {
		return err
	}
	got, err := x.walk(ctx, f, nil)
	err = errors.Join(err, f.f.Close())
	if err == nil && (got != want || head != want.head || f.end.Load() != old.end.Load() || f.foot == 0 || f.id.key != x.report.Key) {
		err = lockport.Errorf(lockport.Corrupt, "rekey", "%s does not read back as it was written: the old file stays", filepath.Base(old.path))
	}
	return err
}

// walk opens every entry of a file in turn, and calls fn with it when that is not
// nil. It reads the file once, a piece at a time. An entry that does not open, or
// does not follow the one before, ends it: what is damaged is not carried over.
func (x *rekeying) walk(ctx context.Context, f *journalFile, fn func(fr frame, h audit.Header, inner []byte) error) (content, error) {
	chain := audit.NewVerifier(audit.Head{Seq: f.first - 1, Hash: f.prev})
	sum := sha256.New()
	s := &scan{f: f, at: blockSize}
	for s.at < f.end.Load() {
		seq := chain.Head().Seq + 1
		fr, err := s.frame()
		if errors.Is(err, errFrame) || errors.Is(err, io.EOF) {
			err = entryDamaged(seq, errFrame)
		}
		if err != nil {
			return content{}, err
		}
		h, inner, err := f.openFrame(fr)
		if err != nil {
			return content{}, entryDamaged(seq, err)
		}
		if err := chain.Add(h); err != nil {
			return content{}, err
		}
		addContent(sum, fr, inner)
		if fn != nil {
			if err := fn(fr, h, inner); err != nil {
				return content{}, err
			}
		}
		n := frameSize + len(fr.value)
		s.skip(n)
		if x.done += int64(n); x.done/scanChunk == (x.done-int64(n))/scanChunk {
			continue
		}
		x.step("bytes", uint64(x.done), uint64(x.total))
		if ctx.Err() != nil {
			return content{}, context.Cause(ctx)
		}
	}
	x.step("bytes", uint64(x.done), uint64(x.total))
	return content{chain.Head(), [32]byte(sum.Sum(nil))}, context.Cause(ctx)
}

// openFrame opens an entry's seal, and no more than that.
func (f *journalFile) openFrame(fr frame) (audit.Header, []byte, error) {
	h, sealed, err := parseHeader(fr.value)
	if err != nil {
		return h, nil, err
	}
	inner, err := f.sealer.open(sealed, associated(h.Kind, h.ID))
	if err != nil {
		err = errors.New("the seal does not open")
	}
	return h, inner, err
}

// addContent adds an entry to the sum of a file: where it belongs, its header,
// and its payload behind its length.
func addContent(sum hash.Hash, fr frame, inner []byte) {
	_, _ = fmt.Fprintf(sum, "%d %d %d ", fr.place, fr.more, len(inner))
	_, _ = sum.Write(fr.value[:headerSize])
	_, _ = sum.Write(inner)
}
