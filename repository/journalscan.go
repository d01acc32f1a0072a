package repository

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
)

// scan walks a file that was not closed cleanly and finds its end.
//
// A crash can leave any part of the last group on the disk, because nobody was
// told that it is there; every group before it was flushed. So a frame that does
// not read ends the file, unless a frame of a later group stands behind it: then
// it was flushed once and has rotted, and the walk goes on with that later group.
type scan struct {
	f    *journalFile
	size int64
	buf  []byte // bytes of the file from at on
	at   int64
	eof  bool

	head  audit.Head // after the last append that is complete
	end   int64      // where it ends
	next  audit.Head // after the last frame
	marks []mark
}

// scanChunk is how much is read at a time.
const scanChunk = 1 << 20

// recover reads a file through and sets its end and marks.
func (f *journalFile) recover(size int64) (audit.Head, error) {
	start := audit.Head{Seq: f.first - 1, Hash: f.prev}
	s := &scan{f: f, size: size, at: blockSize, head: start, end: blockSize, next: start}
	for {
		fr, err := s.frame()
		if errors.Is(err, errFrame) {
			bad := mark{s.next.Seq + 1, s.at}
			if fr, err = s.later(); err == nil && len(s.marks) == 0 {
				s.marks = append(s.marks, bad) // so that readers find what is sound behind it
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return audit.Head{}, err
		}
		if err := s.take(fr); err != nil {
			return audit.Head{}, err
		}
	}
	for len(s.marks) > 0 && s.marks[len(s.marks)-1].at >= s.end {
		s.marks = s.marks[:len(s.marks)-1]
	}
	f.marks = s.marks
	f.end.Store(s.end)
	return s.head, nil
}

// fill has at least n bytes in buf, or all there are.
func (s *scan) fill(n int) error {
	if len(s.buf) >= n || s.eof {
		return nil
	}
	grown := make([]byte, max(n, scanChunk))
	have := copy(grown, s.buf)
	read, err := s.f.f.ReadAt(grown[have:], s.at+int64(have))
	s.buf = grown[:have+read]
	if errors.Is(err, io.EOF) {
		s.eof, err = true, nil
	}
	if err != nil {
		return damaged(s.f.path, fmt.Errorf("it cannot be read from byte %d on: %w", s.at, err))
	}
	return nil
}

// skip drops bytes from the front of buf.
func (s *scan) skip(n int) { s.buf, s.at = s.buf[n:], s.at+int64(n) }

// frame reads the frame that stands at the front: io.EOF where the file is at
// its end, errFrame where there is none.
func (s *scan) frame() (frame, error) {
	if err := s.fill(frameSize + headerSize); err != nil {
		return frame{}, err
	}
	if len(s.buf) == 0 {
		return frame{}, io.EOF
	}
	fr, err := parseFrame(s.buf, s.at)
	if err == nil || len(s.buf) < frameSize || [4]byte(s.buf) != frameMagic || s.eof {
		return fr, err
	}
	size := int(be32(s.buf[4:]))
	if size > maxValue || frameSize+size <= len(s.buf) {
		return fr, err
	}
	if err := s.fill(frameSize + size); err != nil {
		return fr, err
	}
	return parseFrame(s.buf, s.at)
}

// later looks behind a frame that does not read for one of a later group.
func (s *scan) later() (frame, error) {
	for {
		if err := s.fill(scanChunk); err != nil {
			return frame{}, err
		}
		if len(s.buf) <= len(frameMagic) {
			return frame{}, io.EOF
		}
		i := bytes.Index(s.buf[1:], frameMagic[:])
		if i < 0 {
			s.skip(len(s.buf) - len(frameMagic) + 1)
			continue
		}
		s.skip(1 + i)
		fr, err := s.frame()
		if err != nil && !errors.Is(err, errFrame) {
			return fr, err
		}
		seq := uint64(0)
		if err == nil {
			seq = uint64(sequenceOf(fr.value))
		}
		if first := seq - uint64(fr.place); err == nil && seq > uint64(fr.place) && first > uint64(s.next.Seq)+1 {
			return fr, nil
		}
	}
}

// take puts a frame behind what was read before.
func (s *scan) take(fr frame) error {
	h, _, err := parseHeader(fr.value)
	if err != nil {
		return damaged(s.f.path, fmt.Errorf("byte %d: %w", fr.at, err))
	}
	if h.Seq <= s.next.Seq {
		return damaged(s.f.path, fmt.Errorf("entry %d stands behind entry %d", h.Seq, s.next.Seq))
	}
	if len(s.marks) == 0 || fr.at-s.marks[len(s.marks)-1].at >= markBytes {
		s.marks = append(s.marks, mark{h.Seq, fr.at})
	}
	s.next = audit.Head{Seq: h.Seq, Hash: audit.Hash(h)}
	s.skip(frameSize + len(fr.value))
	if fr.more == 0 {
		s.head, s.end = s.next, s.at
	}
	return nil
}

func be32(b []byte) uint32 {
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
}

// journalEnds says that a file begins elsewhere than the one before it ends.
func journalEnds(path string, first, end lockport.Seq) error {
	return damaged(path, fmt.Errorf("it begins at entry %d and the file before ends at %d", first, end))
}
