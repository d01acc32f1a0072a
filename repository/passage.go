package repository

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
)

// block is what the header block of a journal file says without any keys.
type block struct {
	identity
	follows audit.Head   // the entry before the first
	dropped lockport.Seq // the entry that says that payloads were dropped, or 0
}

// parseBlock reads the header block of a journal file of this format.
func parseBlock(path string, b []byte) (block, error) {
	n := block{identity: identity{kind: kindJournal}}
	if len(b) < blockSize {
		return n, damaged(path, errors.New("it is shorter than its header"))
	}
	if string(b[:16]) != journalMagic {
		return n, damaged(path, errors.New("it is no journal file"))
	}
	if f := binary.BigEndian.Uint32(b[16:]); f > format {
		return n, newerFormat(path, f)
	}
	if crc32.Checksum(b[:headerUsed], castagnoli) != binary.BigEndian.Uint32(b[headerUsed:]) {
		return n, damaged(path, errors.New("its header is not the one that was written"))
	}
	copy(n.store[:], b[20:])
	copy(n.id[:], b[36:])
	copy(n.salt[:], b[52:])
	copy(n.key[:], b[84:])
	n.follows.Seq = lockport.Seq(binary.BigEndian.Uint64(b[92:])) - 1
	copy(n.follows.Hash[:], b[100:])
	n.dropped = lockport.Seq(binary.BigEndian.Uint64(b[headerUsed+4:]))
	if n.dropped != 0 && crc32.Checksum(b[:headerUsed+12], castagnoli) != binary.BigEndian.Uint32(b[headerUsed+12:]) {
		return n, damaged(path, errors.New("its header is not the one that was written"))
	}
	return n, nil
}

// noteDropped writes into a header block that payloads of the file were dropped.
func noteDropped(b []byte, said lockport.Seq) {
	binary.BigEndian.PutUint64(b[headerUsed+4:], uint64(said))
	binary.BigEndian.PutUint32(b[headerUsed+12:], crc32.Checksum(b[:headerUsed+12], castagnoli))
}

// passage watches the bytes of a journal file go by, from its first one or from
// the end of an entry on: every frame must be whole and follow the one before.
// It needs no keys. What it has seen can be trusted as far as the head it began
// with, and nothing else can.
type passage struct {
	path string
	at   int64  // where in the file buf begins
	buf  []byte // what has not made a frame yet
	head audit.Head
	id   [16]byte // of the file, once its block has gone by
}

// Write takes the next bytes. It fails where the journal does not go on.
func (p *passage) Write(b []byte) (int, error) {
	p.buf = append(p.buf, b...)
	rest := p.buf
	if p.at == 0 {
		if len(rest) < blockSize {
			return len(b), nil
		}
		n, err := parseBlock(p.path, rest)
		if err != nil {
			return 0, err
		}
		if n.follows != p.head {
			return 0, damaged(p.path, fmt.Errorf("it does not follow entry %d", p.head.Seq))
		}
		p.id, p.at, rest = n.id, blockSize, rest[blockSize:]
	}
	for {
		size, err := p.entry(rest)
		if err != nil {
			return 0, damaged(p.path, fmt.Errorf("entry %d: %w", p.head.Seq+1, err))
		}
		if size == 0 {
			break
		}
		p.at, rest = p.at+int64(size), rest[size:]
	}
	p.buf = append(p.buf[:0], rest...)
	return len(b), nil
}

// entry looks at the frame at the front and returns its length, 0 when it is
// not all there yet.
func (p *passage) entry(b []byte) (int, error) {
	if len(b) < frameSize+headerSize {
		return 0, nil
	}
	size := int64(binary.BigEndian.Uint32(b[4:]))
	if [4]byte(b) == frameMagic && size <= maxValue && int64(len(b)) < frameSize+size {
		return 0, nil
	}
	fr, err := parseFrame(b, p.at)
	if err != nil {
		return 0, err
	}
	h, _, err := parseHeader(fr.value)
	if err != nil {
		return 0, err
	}
	if h.Seq != p.head.Seq+1 {
		return 0, audit.ErrSequence
	}
	if h.Prev != p.head.Hash {
		return 0, audit.ErrPrevious
	}
	p.head = audit.Head{Seq: h.Seq, Hash: audit.Hash(h)}
	return frameSize + len(fr.value), nil
}

// done fails when the bytes ended in the middle of something.
func (p *passage) done() error {
	if len(p.buf) > 0 || p.at < blockSize {
		return damaged(p.path, fmt.Errorf("it ends in the middle of entry %d", p.head.Seq+1))
	}
	return nil
}
