package hl7

import (
	"bytes"
	"unicode/utf8"

	"golang.org/x/text/encoding/japanese"
)

const esc = 0x1B // begins an ISO 2022 escape sequence

// shift is a character set that an ISO 2022 escape sequence calls in.
type shift uint8

const (
	shiftNone     shift = iota
	shiftASCII          // ASCII or JIS X 0201 Roman on the left side
	shiftKatakana       // JIS X 0201 katakana on the left side
	shiftJIS0208
	shiftJIS0212
	shiftRight // a set on the right side (bytes from 0xA0), see rightSide
)

// leftSide are the sequences, without ESC, that call a set in for the bytes below 0x80.
var leftSide = []struct {
	sequence string
	set      shift
}{
	{"(B", shiftASCII}, {"(J", shiftASCII}, {"(I", shiftKatakana},
	{"$B", shiftJIS0208}, {"$@", shiftJIS0208}, {"$(B", shiftJIS0208}, {"$(D", shiftJIS0212},
}

// rightSide are the sequences, without ESC, that call a set in for the bytes from 0xA0.
var rightSide = []struct {
	sequence string
	codec    codec
}{
	{"-A", codec8859_1}, {"-B", codec8859_2}, {"-C", codec8859_3}, {"-D", codec8859_4}, {"-L", codec8859_5},
	{"-G", codec8859_6}, {"-F", codec8859_7}, {"-H", codec8859_8}, {"-M", codec8859_9}, {"-b", codec8859_15},
	{")I", codecIR14}, {"$)C", codecKSX1001}, {"$)A", codecGB18030},
}

// shiftAt recognises a switch at the beginning of b, as ESC sequence or as \C..\ or \M..\ escape, and returns the set
// and the length of the sequence; 0 when there is none. With esc as escape only ESC sequences are recognised.
func shiftAt(b []byte, escape byte) (shift, int) {
	var sequence []byte
	n := 0
	var buf [3]byte
	switch {
	case len(b) < 3:
		return shiftNone, 0
	case b[0] == esc:
		sequence = b[1:min(4, len(b))]
	case b[0] == escape && (b[1] == 'C' || b[1] == 'M'):
		end := bytes.IndexByte(b[1:min(len(b), 9)], escape)
		if end < 0 || !isShiftEscape(b[1:1+end]) {
			return shiftNone, 0
		}
		n = end + 2
		sequence = appendHex(buf[:0], b[2:1+end])
	default:
		return shiftNone, 0
	}
	for _, l := range leftSide {
		if bytes.HasPrefix(sequence, []byte(l.sequence)) {
			return l.set, max(n, 1+len(l.sequence))
		}
	}
	for _, r := range rightSide {
		if bytes.HasPrefix(sequence, []byte(r.sequence)) {
			return shiftRight, max(n, 1+len(r.sequence))
		}
	}
	return shiftNone, 0
}

// isShiftEscape tells whether the body of an escape is Cxxyy, Mxxyy or Mxxyyzz in hexadecimal digits.
func isShiftEscape(body []byte) bool {
	switch {
	case len(body) == 5 && (body[0] == 'C' || body[0] == 'M'), len(body) == 7 && body[0] == 'M':
		return isHex(body[1:])
	}
	return false
}

// appendShifted decodes bytes with ISO 2022 escape sequences. c is the set that holds before the first sequence.
func (c codec) appendShifted(dst, src []byte) []byte {
	left, right := shiftASCII, c
	if c == codecJIS {
		right = codecUndeclared
	}
	for len(src) > 0 {
		set, n := shiftAt(src, esc)
		if n > 0 {
			if set == shiftRight {
				right = rightCodec(src[1:n])
			} else {
				left = set
			}
			src = src[n:]
			continue
		}
		end := 1
		if next := bytes.IndexByte(src[1:], esc); next >= 0 {
			end += next
		} else {
			end = len(src)
		}
		dst = appendRun(dst, src[:end], left, right)
		src = src[end:]
	}
	return dst
}

func rightCodec(sequence []byte) codec {
	for _, r := range rightSide {
		if string(sequence) == r.sequence {
			return r.codec
		}
	}
	return codecUnknown
}

// appendRun decodes bytes between two sequences.
func appendRun(dst, run []byte, left shift, right codec) []byte {
	switch left {
	case shiftKatakana:
		for _, b := range run {
			if b >= 0x21 && b <= 0x5F {
				dst = utf8.AppendRune(dst, halfKatakana+rune(b-0x21))
			} else {
				dst = append(dst, b)
			}
		}
		return dst
	case shiftJIS0208, shiftJIS0212:
		decoder := japanese.EUCJP.NewDecoder()
		for len(run) > 0 {
			if len(run) < 2 || run[0] <= 0x20 || run[0] >= 0x7F || run[1] <= 0x20 || run[1] >= 0x7F {
				dst = append(dst, run[0])
				run = run[1:]
				continue
			}
			euc := []byte{0x8F, run[0] | 0x80, run[1] | 0x80}
			if left == shiftJIS0208 {
				euc = euc[1:]
			}
			one, err := decoder.Bytes(euc)
			if err != nil || bytes.ContainsRune(one, utf8.RuneError) {
				one = run[:2]
			}
			dst = append(dst, one...)
			run = run[2:]
		}
		return dst
	}
	return right.appendDecoded(dst, run, false)
}
