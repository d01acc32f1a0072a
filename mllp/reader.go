package mllp

import (
	"bytes"
	"errors"
	"io"
)

const (
	firstBuffer = 512     // held by a reader that has not received anything yet
	idleBuffer  = 4 << 10 // the most that is held between frames
	hintLimit   = 64 << 10
	slack       = 512 // room above the frame limit for the trailer and one useful read
	emptyReads  = 100 // reads without a byte and without an error that are borne
)

// position says where in the stream a reader stands.
type position uint8

const (
	between    position = iota // no frame has begun
	inside                     // a start block has been seen
	discarding                 // inside a frame that is too large
)

// Reader takes frames out of a byte stream. It is not safe for concurrent use.
//
// A reader that was stopped by an error of its source, a deadline for example,
// goes on where it stopped when ReadFrame is called again.
type Reader struct {
	source io.Reader
	limit  int

	// buf[start:end] has been read and not been delivered. Inside a frame, start is
	// the first byte of the content and buf[start:scan] is known to hold neither
	// a start block nor the end of the frame.
	buf              []byte
	start, scan, end int

	at       position
	frames   uint64 // frames begun; lets a clock tell one frame from the next
	hint     int    // buffer size the last large frame needed, at most hintLimit
	deferred error  // error of the source that came with the last frame's end
}

// NewReader returns a reader of the frames in r with at most maxFrame bytes of content.
// A maxFrame of zero or less stands for [DefaultFrameLimit].
func NewReader(r io.Reader, maxFrame int) *Reader {
	if maxFrame <= 0 {
		maxFrame = DefaultFrameLimit
	}
	return &Reader{source: r, limit: maxFrame}
}

// ReadFrame returns the content of the next frame, which may be empty but is never
// nil. The slice belongs to the caller.
//
// Errors: io.EOF when the input ends between frames, io.ErrUnexpectedEOF when it
// ends inside one, [*FrameTooLargeError] when the content passes the limit (the
// following call looks for the next frame), and those of the source.
func (r *Reader) ReadFrame() ([]byte, error) {
	for {
		frame, err := r.next()
		if frame != nil || err != nil {
			return frame, err
		}
		if err := r.fill(); err != nil {
			return r.interrupted(err)
		}
	}
}

// Buffered reports whether the beginning of a further frame has been received. It
// does not read from the source.
func (r *Reader) Buffered() bool {
	r.skip()
	return r.at == inside
}

// next looks for the end of a frame in what has been received. It returns nil and
// no error when more input is needed.
func (r *Reader) next() ([]byte, error) {
	r.skip()
	if r.at != inside {
		return nil, nil
	}
	for {
		stop := r.end
		found := bytes.IndexByte(r.buf[r.scan:r.end], EndBlock)
		if found >= 0 {
			stop = r.scan + found
		}
		if err := r.resynchronise(stop); err != nil {
			return nil, err
		}
		r.scan = stop
		if found < 0 || stop+1 == r.end {
			return nil, nil
		}
		switch r.buf[stop+1] {
		case CarriageReturn, '\n':
			return r.deliver(stop, stop+2), nil
		case StartBlock:
			return r.deliver(stop, stop+1), nil
		}
		r.scan = stop + 1
	}
}

// skip drops what cannot belong to a frame: the rest of one that is too large, and
// whatever stands before a start block.
func (r *Reader) skip() {
	if r.at == discarding {
		rest := r.buf[r.start:r.end]
		end := bytes.IndexByte(rest, EndBlock)
		if end >= 0 {
			rest = rest[:end]
		}
		begin := bytes.IndexByte(rest, StartBlock)
		if end < 0 && begin < 0 {
			r.start = r.end
			r.release()
			return
		}
		r.at = between
		if begin < 0 {
			r.start += end + 1
		}
	}
	if r.at == between {
		begin := bytes.IndexByte(r.buf[r.start:r.end], StartBlock)
		if begin < 0 {
			r.start = r.end
			r.release()
			return
		}
		r.start += begin + 1
		r.scan = r.start
		r.at = inside
		r.frames++
	}
}

// resynchronise moves the start of the frame behind the last start block before stop
// and holds what then stands before stop against the limit. The limit counts for a
// frame that is given up too: whether an error is reported must not depend on
// how the bytes were cut into packets.
func (r *Reader) resynchronise(stop int) error {
	for {
		again := bytes.IndexByte(r.buf[r.scan:stop], StartBlock)
		if again < 0 {
			break
		}
		again += r.scan
		if again-r.start > r.limit {
			return r.tooLarge(again)
		}
		r.start, r.scan = again+1, again+1
	}
	if stop-r.start > r.limit {
		return r.tooLarge(stop)
	}
	return nil
}

// tooLarge gives up the frame; the bytes from stop on have not been looked at.
func (r *Reader) tooLarge(stop int) error {
	r.start = stop
	r.at = discarding
	return &FrameTooLargeError{Limit: r.limit}
}

// deliver hands out buf[start:stop]; the input goes on at after.
func (r *Reader) deliver(stop, after int) []byte {
	content := r.buf[r.start:stop:stop]
	r.at = between
	r.hint = 0
	if len(content) > idleBuffer {
		r.hint = min(len(content)+slack, hintLimit)
	}
	if len(r.buf) <= idleBuffer || len(content) < len(r.buf)/2 {
		content = append(make([]byte, 0, len(content)), content...)
		r.start = after
		r.release()
		return content
	}
	// The content fills most of a large buffer: the caller gets the buffer itself,
	// and what follows, which is no more than the content, moves to a new one.
	rest := r.buf[after:r.end]
	r.buf = nil
	r.start, r.end = 0, 0
	if len(rest) > 0 {
		r.buf = make([]byte, max(idleBuffer, len(rest)))
		r.end = copy(r.buf, rest)
	}
	return content
}

// release lets go of a large buffer that has nothing unread in it.
func (r *Reader) release() {
	if r.start < r.end {
		return
	}
	r.start, r.end = 0, 0
	if len(r.buf) > idleBuffer {
		r.buf = nil
	}
}

// fill reads once more from the source.
func (r *Reader) fill() error {
	if err := r.deferred; err != nil {
		return err
	}
	r.makeRoom()
	for range emptyReads {
		n, err := r.source.Read(r.buf[r.end:])
		r.end += n
		if n > 0 && err != nil {
			r.deferred = err
			if timeout(err) {
				r.deferred = nil
			}
			return nil
		}
		if n > 0 || err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

// makeRoom leaves at least one free byte behind end. A full buffer is doubled if more
// than half of it is needed; else its content moves to the front. Each byte is
// therefore moved a bounded number of times.
func (r *Reader) makeRoom() {
	if r.buf == nil {
		size := idleBuffer
		if r.frames == 0 {
			size = firstBuffer
		}
		r.buf = make([]byte, size)
	}
	if r.end < len(r.buf) {
		return
	}
	into := r.buf
	if r.end-r.start > len(r.buf)/2 {
		size := max(2*len(r.buf), idleBuffer, r.hint)
		if size = min(size, r.limit+slack); size > len(r.buf) {
			into = make([]byte, size)
		}
	}
	r.end = copy(into, r.buf[r.start:r.end])
	r.scan -= r.start
	r.start = 0
	r.buf = into
}

// interrupted decides what an error of the source means at this place.
func (r *Reader) interrupted(err error) ([]byte, error) {
	if r.trailing() {
		if !timeout(err) {
			r.deferred = err
		}
		return r.deliver(r.scan, r.end), nil
	}
	if errors.Is(err, io.EOF) && r.at != between {
		return nil, io.ErrUnexpectedEOF
	}
	return nil, err
}

// trailing reports whether the last byte received is the end block of a frame whose
// carriage return has not come yet.
func (r *Reader) trailing() bool {
	return r.at == inside && r.scan+1 == r.end && r.buf[r.scan] == EndBlock
}

// timeout reports whether err is a deadline that has passed, after which the source
// can be read again.
func timeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}
