package mllp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
)

// The bytes that make a frame (Transport Specification: MLLP, Release 1).
const (
	StartBlock     = 0x0B // VT, opens a frame
	EndBlock       = 0x1C // FS, closes a frame together with CarriageReturn
	CarriageReturn = 0x0D // CR, the last byte of a frame
)

// The content of the two commit blocks (Transport Specification: MLLP, Release 2).
const (
	CommitAck = 0x06 // ACK: the content has been stored safely
	CommitNak = 0x15 // NAK: the content has not been stored
)

// DefaultFrameLimit is the largest content, in bytes, that is accepted when no
// other limit is set: 1 MiB.
const DefaultFrameLimit = 1 << 20

// frameOverhead is the number of bytes that framing adds to the content.
const frameOverhead = 3

// ErrUnframeable reports content that holds a start or an end block. Sent as it is,
// it would reach the peer as a cut message, or as two.
var ErrUnframeable = errors.New("mllp: content holds a VT or FS byte and cannot be framed")

// FrameTooLargeError reports a frame whose content is longer than the limit.
type FrameTooLargeError struct {
	Limit int // the limit in bytes
}

// Error names the limit; it never quotes the frame.
func (e *FrameTooLargeError) Error() string {
	return fmt.Sprintf("mllp: frame is larger than %d bytes", e.Limit)
}

// AppendFrame appends content as one frame to dst and returns the longer slice.
// It does not look into content: see [WriteFrame] for the check.
func AppendFrame(dst, content []byte) []byte {
	dst = slices.Grow(dst, len(content)+frameOverhead)
	dst = append(dst, StartBlock)
	dst = append(dst, content...)
	return append(dst, EndBlock, CarriageReturn)
}

// WriteFrame writes content as one frame by a single call of w.Write, so that
// small frames travel in one packet. Content with a VT or FS in it is refused
// with [ErrUnframeable] before anything is written.
func WriteFrame(w io.Writer, content []byte) error {
	frame, err := encode(content)
	if err != nil {
		return err
	}
	_, err = w.Write(frame)
	return err
}

// encode frames content after making sure that it can be told apart from its frame.
func encode(content []byte) ([]byte, error) {
	if bytes.IndexByte(content, StartBlock) >= 0 || bytes.IndexByte(content, EndBlock) >= 0 {
		return nil, ErrUnframeable
	}
	return AppendFrame(nil, content), nil
}

// commitBlock tells whether content is a commit block of release 2, and which.
func commitBlock(content []byte) (code byte, ok bool) {
	if len(content) == 1 && (content[0] == CommitAck || content[0] == CommitNak) {
		return content[0], true
	}
	return 0, false
}
