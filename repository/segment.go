package repository

import (
	"encoding/binary"
	"errors"
	"hash/crc32"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
)

// A journal file is a header block and then one frame for each entry:
//
//	offset  0   4 bytes  "LPJE"
//	offset  4   4 bytes  length of the value
//	offset  8   4 bytes  place of the entry in its group, from 0
//	offset 12   4 bytes  how many further entries belong to the same append
//	offset 16   4 bytes  CRC-32C of bytes 4 to 16 and the value
//	offset 20            the value: clear header and seal
//
// A group is what was flushed at once. Its first sequence, which a frame tells,
// separates two things that look alike after a crash: a group that the disk
// never promised to hold, and bytes that it held and has lost.
const frameSize = 20

var (
	frameMagic = [4]byte{'L', 'P', 'J', 'E'}
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// maxValue is the largest value a frame can have: an entry of the largest size
// that can be read back, its header, salt and seal.
const maxValue = maxPlain + 4096

// frame is one entry as it stands in a file.
type frame struct {
	at    int64 // offset in the file
	place uint32
	more  uint32
	value []byte
}

func (f *frame) next() int64 { return f.at + frameSize + int64(len(f.value)) }

// appendFrame appends an entry's frame to dst. The value is given in two parts,
// so that it need not be put together elsewhere first.
func appendFrame(dst []byte, place, more uint32, h audit.Header, sealed []byte) []byte {
	start := len(dst)
	dst = append(dst, frameMagic[:]...)
	dst = binary.BigEndian.AppendUint32(dst, uint32(headerSize+len(sealed)))
	dst = binary.BigEndian.AppendUint32(dst, place)
	dst = binary.BigEndian.AppendUint32(dst, more)
	dst = append(dst, 0, 0, 0, 0)
	dst = append(appendHeader(dst, h), sealed...)
	binary.BigEndian.PutUint32(dst[start+16:], frameSum(dst[start:]))
	return dst
}

// appendValue appends the frame of a whole value.
func appendValue(dst []byte, place, more uint32, value []byte) []byte {
	start := len(dst)
	dst = append(dst, frameMagic[:]...)
	for _, n := range []uint32{uint32(len(value)), place, more, 0} {
		dst = binary.BigEndian.AppendUint32(dst, n)
	}
	dst = append(dst, value...)
	binary.BigEndian.PutUint32(dst[start+16:], frameSum(dst[start:]))
	return dst
}

func frameSum(b []byte) uint32 {
	return crc32.Update(crc32.Checksum(b[4:16], castagnoli), castagnoli, b[frameSize:])
}

var errFrame = errors.New("its bytes are not those that were written")

// parseFrame reads the frame at the start of b, which stands at offset at. It
// fails with errFrame where there is none or a damaged one.
func parseFrame(b []byte, at int64) (frame, error) {
	if len(b) < frameSize+headerSize || [4]byte(b) != frameMagic {
		return frame{}, errFrame
	}
	size := binary.BigEndian.Uint32(b[4:])
	if size < headerSize || size > maxValue || int(size) > len(b)-frameSize {
		return frame{}, errFrame
	}
	b = b[:frameSize+int(size)]
	if binary.BigEndian.Uint32(b[16:]) != frameSum(b) {
		return frame{}, errFrame
	}
	return frame{at: at, place: binary.BigEndian.Uint32(b[8:]), more: binary.BigEndian.Uint32(b[12:]), value: b[frameSize:]}, nil
}

// sequenceOf returns the sequence that a value says it has.
func sequenceOf(value []byte) lockport.Seq {
	return lockport.Seq(binary.BigEndian.Uint64(value[1:]))
}

// mark is where an entry stands in its file. There is one for about every
// markBytes, which is what a reader reads at most to find an entry.
type mark struct {
	seq lockport.Seq
	at  int64
}

const markBytes = 64 << 10

// footer is written when a file is closed for good or the store is stopped
// cleanly: it says that everything before it was flushed, and where things are.
//
//	4 bytes "LPJF" ‖ 8 end ‖ 32 hash of the entry end ‖ 4 number of marks ‖
//	16 for each mark: sequence, offset ‖ 4 CRC-32C of all before ‖
//	8 offset of the footer ‖ 8 "LPJF end"
type footer struct {
	head  audit.Head
	marks []mark
}

const (
	footerMagic = "LPJF"
	footerEnd   = "LPJF end"
	footerFixed = 4 + 8 + 32 + 4 + 4 + 8 + 8
)

func (f *footer) encode(at int64) []byte {
	b := append(make([]byte, 0, footerFixed+16*len(f.marks)), footerMagic...)
	b = append(binary.BigEndian.AppendUint64(b, uint64(f.head.Seq)), f.head.Hash[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(f.marks)))
	for _, m := range f.marks {
		b = binary.BigEndian.AppendUint64(b, uint64(m.seq))
		b = binary.BigEndian.AppendUint64(b, uint64(m.at))
	}
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	b = binary.BigEndian.AppendUint64(b, uint64(at))
	return append(b, footerEnd...)
}

// parseFooter reads what encode wrote at an offset; ok is false for anything else.
func parseFooter(b []byte, at int64) (f footer, ok bool) {
	if len(b) < footerFixed || string(b[:4]) != footerMagic {
		return f, false
	}
	body, sum := b[:len(b)-20], binary.BigEndian.Uint32(b[len(b)-20:])
	n := int(binary.BigEndian.Uint32(b[44:]))
	if crc32.Checksum(body, castagnoli) != sum || len(body) != 48+16*n {
		return f, false
	}
	f.head = audit.Head{Seq: lockport.Seq(binary.BigEndian.Uint64(b[4:])), Hash: [32]byte(b[12:])}
	for i := range n {
		m := mark{lockport.Seq(binary.BigEndian.Uint64(b[48+16*i:])), int64(binary.BigEndian.Uint64(b[56+16*i:]))}
		if m.at < blockSize || m.at >= at || i > 0 && (m.at <= f.marks[i-1].at || m.seq <= f.marks[i-1].seq) {
			return f, false
		}
		f.marks = append(f.marks, m)
	}
	return f, true
}
