package mllp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

const (
	vt   = "\x0b"
	fs   = "\x1c"
	cr   = "\r"
	fscr = fs + cr
)

// framed returns the contents as frames, one behind the other.
func framed(contents ...string) string {
	var b []byte
	for _, c := range contents {
		b = AppendFrame(b, []byte(c))
	}
	return string(b)
}

// transcript reads to the end of the input and notes every frame and error in order.
// "EOF" stands for a clean end and "cut" for one inside a frame.
func transcript(r *Reader) (out []string) {
	for {
		frame, err := r.ReadFrame()
		var tooLarge *FrameTooLargeError
		switch {
		case err == nil:
			out = append(out, "="+string(frame))
		case errors.As(err, &tooLarge):
			out = append(out, "large")
		case err == io.EOF:
			return append(out, "EOF")
		case err == io.ErrUnexpectedEOF:
			return append(out, "cut")
		default:
			return append(out, err.Error())
		}
	}
}

// vectors are the framing classes; limit 0 means 1 MiB.
var vectors = []struct {
	name  string
	input string
	limit int
	want  []string
}{
	{"nothing", "", 0, []string{"EOF"}},
	{"one frame", framed("A"), 0, []string{"=A", "EOF"}},
	{"segments", framed("MSH|a\rPID|b\r"), 0, []string{"=MSH|a\rPID|b\r", "EOF"}},
	{"no final segment end", framed("MSH|a\rPID|b"), 0, []string{"=MSH|a\rPID|b", "EOF"}},
	{"line feed ends in content", framed("MSH|a\nPID|b\r\nPV1"), 0, []string{"=MSH|a\nPID|b\r\nPV1", "EOF"}},
	{"blank lines are content", framed("MSH|a\r\r\rPID"), 0, []string{"=MSH|a\r\r\rPID", "EOF"}},
	{"empty frame", framed("", "A", ""), 0, []string{"=", "=A", "=", "EOF"}},
	{"two", framed("A", "B"), 0, []string{"=A", "=B", "EOF"}},
	{"one and a half", framed("A") + vt + "B", 0, []string{"=A", "cut"}},
	{"start block alone", vt, 0, []string{"cut"}},
	{"CR LF between", framed("A") + "\r\n" + framed("B") + "\r\n", 0, []string{"=A", "=B", "EOF"}},
	{"NUL between", framed("A") + "\x00\x00" + framed("B"), 0, []string{"=A", "=B", "EOF"}},
	{"text between", framed("A") + "keep-alive\r" + framed("B"), 0, []string{"=A", "=B", "EOF"}},
	{"end blocks between", framed("A") + fscr + fscr + framed("B"), 0, []string{"=A", "=B", "EOF"}},
	{"leading garbage", "GET / HTTP/1.1\r\n\r\n" + framed("A"), 0, []string{"=A", "EOF"}},
	{"only garbage", "SSH-2.0-x\r\n", 0, []string{"EOF"}},
	{"unframed message", "MSH|^~\\&|a\r", 0, []string{"EOF"}},
	{"FS then VT", vt + "A" + fs + vt + "B" + fscr, 0, []string{"=A", "=B", "EOF"}},
	{"FS then end", vt + "A" + fs, 0, []string{"=A", "EOF"}},
	{"FS LF", vt + "A" + fs + "\n" + framed("B"), 0, []string{"=A", "=B", "EOF"}},
	{"FS in content", vt + "A" + fs + "B" + fscr, 0, []string{"=A\x1cB", "EOF"}},
	{"FS FS CR", vt + "A" + fs + fscr, 0, []string{"=A\x1c", "EOF"}},
	{"FS CR in content twice", vt + "A" + fscr + "B" + fscr + framed("C"), 0, []string{"=A", "=C", "EOF"}},
	{"aborted, then a new one", vt + "half" + framed("A"), 0, []string{"=A", "EOF"}},
	{"doubled framing", vt + framed("A") + fscr, 0, []string{"=A", "EOF"}},
	{"many start blocks", strings.Repeat(vt, 50) + "A" + fscr, 0, []string{"=A", "EOF"}},
	{"byte order mark is content", framed("\xef\xbb\xbfMSH"), 0, []string{"=\xef\xbb\xbfMSH", "EOF"}},
	{"multi-byte letters", framed("Müller 日本"), 0, []string{"=Müller 日本", "EOF"}},
	{"NUL in content", framed("a\x00b"), 0, []string{"=a\x00b", "EOF"}},
	{"commit block", framed("\x06", "\x15"), 0, []string{"=\x06", "=\x15", "EOF"}},

	{"at the limit", framed("12345678", "A"), 8, []string{"=12345678", "=A", "EOF"}},
	{"one above the limit", framed("123456789", "A"), 8, []string{"large", "=A", "EOF"}},
	{"far above the limit", framed(strings.Repeat("x", 50_000), "A"), 8, []string{"large", "=A", "EOF"}},
	{"above the limit, without end", vt + strings.Repeat("x", 50_000), 8, []string{"large", "cut"}},
	{"above the limit, given up", vt + "123456789" + framed("A"), 8, []string{"large", "=A", "EOF"}},
	{"at the limit, given up", vt + "12345678" + framed("A"), 8, []string{"=A", "EOF"}},
	{"FS above the limit", vt + "12345678" + fs + "x" + fscr + framed("A"), 8, []string{"large", "=A", "EOF"}},
	{"FS in what is thrown away", vt + "123456789" + fs + "rest" + fscr + framed("A"), 8, []string{"large", "=A", "EOF"}},
	{"two too large", framed("123456789", "123456789"), 8, []string{"large", "large", "EOF"}},
}

func TestReadFrame(t *testing.T) {
	twenty := make([]string, 20)
	want := make([]string, 0, 21)
	for i := range twenty {
		twenty[i] = fmt.Sprint("message ", i)
		want = append(want, "="+twenty[i])
	}
	cases := append(slices.Clone(vectors), struct {
		name  string
		input string
		limit int
		want  []string
	}{"twenty in one packet", framed(twenty...), 0, append(want, "EOF")})
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			check := func(how string, source io.Reader) {
				t.Helper()
				if got := transcript(NewReader(source, c.limit)); !slices.Equal(got, c.want) {
					t.Errorf("%s: got %.200q, want %.200q", how, got, c.want)
				}
			}
			check("whole", strings.NewReader(c.input))
			check("byte by byte", iotest.OneByteReader(strings.NewReader(c.input)))
			check("data with EOF", iotest.DataErrReader(strings.NewReader(c.input)))
			for i := 1; i < min(len(c.input), 300); i++ {
				check(fmt.Sprint("cut at ", i), io.MultiReader(strings.NewReader(c.input[:i]), strings.NewReader(c.input[i:])))
			}
		})
	}
}

// TestSizes sends frames around every size at which the buffer changes its shape,
// twice and followed by a small one, so that hand-over and tail are both seen.
func TestSizes(t *testing.T) {
	sizes := []int{1, 507, 508, 509, 510, 511, 512, 513, 4089, 4092, 4093, 4094, 4095, 4096, 4097, 8189, 8190, 8192,
		65_000, 65_535, 65_536, 70_000, 1<<20 - 1, 1 << 20, 8 << 20}
	for _, size := range sizes {
		a, b := strings.Repeat("a", size), strings.Repeat("b", size)
		for name, wrap := range map[string]func(io.Reader) io.Reader{
			"whole":  func(r io.Reader) io.Reader { return r },
			"half":   iotest.HalfReader,
			"random": func(r io.Reader) io.Reader { return &choppy{r, rand.New(rand.NewPCG(1, uint64(size))), 3000} },
		} {
			r := NewReader(wrap(strings.NewReader(framed(a, b, "c"))), max(size, 1))
			if got := transcript(r); !slices.Equal(got, []string{"=" + a, "=" + b, "=c", "EOF"}) {
				t.Errorf("%s: frames of %d bytes did not come through", name, size)
			}
			if len(r.buf) > idleBuffer {
				t.Errorf("%s: %d bytes are kept after frames of %d", name, len(r.buf), size)
			}
		}
	}
}

// choppy cuts its source into packets of 1 to most bytes.
type choppy struct {
	source io.Reader
	random *rand.Rand
	most   int
}

func (c *choppy) Read(p []byte) (int, error) {
	return c.source.Read(p[:1+c.random.IntN(min(len(p), c.most))])
}

func TestFramesAreOwnedByTheCaller(t *testing.T) {
	big := strings.Repeat("x", 6000)
	r := NewReader(strings.NewReader(framed(big, "small", big, "small")), 0)
	var frames [][]byte
	for range 4 {
		frame, err := r.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		frames = append(frames, frame)
		_ = append(frame, "overwritten?"...) // must not reach into the next frame
	}
	for i, want := range []string{big, "small", big, "small"} {
		if string(frames[i]) != want {
			t.Errorf("frame %d was changed by a later one", i)
		}
		for j := range frames[i] {
			frames[i][j] = '!'
		}
	}
}

func TestResumeAfterTimeout(t *testing.T) {
	parts := &script{[]any{vt + "on", os.ErrDeadlineExceeded, "e" + fs, os.ErrDeadlineExceeded, cr + framed("two") + vt, io.EOF}}
	r := NewReader(parts, 0)
	var got []string
	for range 6 {
		frame, err := r.ReadFrame()
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			got = append(got, "timeout")
		case err != nil:
			got = append(got, err.Error())
		default:
			got = append(got, string(frame))
		}
	}
	// The second timeout falls behind an end block: the frame is complete by then, and
	// the carriage return that comes later is skipped.
	want := []string{"timeout", "one", "two", io.ErrUnexpectedEOF.Error(), io.ErrUnexpectedEOF.Error(), io.ErrUnexpectedEOF.Error()}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// script is a source that returns its strings and errors in turn, the last for ever.
type script struct{ steps []any }

func (s *script) Read(p []byte) (int, error) {
	step := s.steps[0]
	if err, ok := step.(error); ok {
		if len(s.steps) > 1 {
			s.steps = s.steps[1:]
		}
		return 0, err
	}
	n := copy(p, step.(string))
	if s.steps[0] = step.(string)[n:]; s.steps[0] == "" {
		s.steps = s.steps[1:]
	}
	return n, nil
}

func TestReaderPassesErrorsOn(t *testing.T) {
	broken := errors.New("reset")
	for name, c := range map[string]struct {
		steps []any
		want  []string
	}{
		"between frames":          {[]any{framed("A"), broken}, []string{"=A", "reset"}},
		"inside a frame":          {[]any{vt + "A", broken}, []string{"reset"}},
		"behind an end block":     {[]any{vt + "A" + fs, broken}, []string{"=A", "reset"}},
		"in a frame thrown away":  {[]any{vt + "123456789", broken}, []string{"large", "reset"}},
		"source without progress": {[]any{noProgress{}}, []string{io.ErrNoProgress.Error()}},
	} {
		var source io.Reader = &script{c.steps}
		if s, ok := c.steps[0].(io.Reader); ok {
			source = s
		}
		if got := transcript(NewReader(source, 8)); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

type noProgress struct{}

func (noProgress) Read([]byte) (int, error) { return 0, nil }

func TestBuffered(t *testing.T) {
	for rest, want := range map[string]bool{
		"": false, "\r\n": false, "junk": false, vt: true, "\r\n" + vt + "B": true, framed("B"): true,
	} {
		r := NewReader(strings.NewReader(framed("A")+rest), 0)
		if r.Buffered() {
			t.Error("a new reader has nothing")
		}
		if _, err := r.ReadFrame(); err != nil {
			t.Fatal(err)
		}
		if got := r.Buffered(); got != want {
			t.Errorf("Buffered with %q following is %v", rest, got)
		}
	}
}

// meter is a source that adds up, read by read, how many bytes the reader has still to
// look at and the largest buffer that it held.
type meter struct {
	source  io.Reader
	reader  *Reader
	looked  int
	largest int
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.source.Read(p)
	from := m.reader.start
	if m.reader.at == inside {
		from = m.reader.scan
	}
	m.looked += m.reader.end + n - from
	m.largest = max(m.largest, len(m.reader.buf))
	return n, err
}

// TestLinear counts the bytes looked at, not seconds: input eight times as long, in the
// worst packets, must not cost more than eight times as much.
func TestLinear(t *testing.T) {
	const limit = 1 << 20
	shapes := map[string]func(n int) string{
		"one frame":             func(n int) string { return framed(strings.Repeat("x", n)) },
		"FS in content":         func(n int) string { return framed(strings.Repeat(fs+"x", n/2)) },
		"start blocks":          func(n int) string { return strings.Repeat(vt, n) },
		"given up":              func(n int) string { return strings.Repeat(vt+"xxxxx", n/6) },
		"empty frames":          func(n int) string { return strings.Repeat(framed(""), n/3) },
		"end blocks":            func(n int) string { return strings.Repeat(fs, n) },
		"junk":                  func(n int) string { return strings.Repeat("x", n) },
		"frames with junk":      func(n int) string { return strings.Repeat(framed("A")+"\r\n", n/6) },
		"one-byte segments":     func(n int) string { return framed(strings.Repeat("x\r", n/2)) },
		"restart in a long one": func(n int) string { return vt + strings.Repeat("x", n/2) + vt + strings.Repeat("x", n/2) + fscr },
		"thrown away":           func(n int) string { return strings.Repeat(framed(strings.Repeat("y", 40)), n/43) },
	}
	for name, shape := range shapes {
		for packet, wrap := range map[string]func(io.Reader) io.Reader{
			"whole": func(r io.Reader) io.Reader { return r }, "byte by byte": iotest.OneByteReader,
		} {
			cost := func(n int) (int, uint64) {
				m := &meter{source: wrap(strings.NewReader(shape(n)))}
				r := NewReader(m, limit)
				if name == "thrown away" {
					r.limit = 16
				}
				m.reader = r
				var bytes uint64
				for {
					frame, err := r.ReadFrame()
					bytes += uint64(cap(frame))
					var tooLarge *FrameTooLargeError
					if err != nil && !errors.As(err, &tooLarge) {
						break
					}
				}
				if m.largest > r.limit+idleBuffer {
					t.Errorf("%s, %s: buffer of %d bytes for a limit of %d", name, packet, m.largest, r.limit)
				}
				return m.looked, bytes
			}
			n := 100_000
			looked, held := cost(8 * n)
			if looked > 3*8*n {
				t.Errorf("%s, %s: %d bytes looked at for %d received", name, packet, looked, 8*n)
			}
			if held > 3*8*uint64(n) {
				t.Errorf("%s, %s: %d bytes handed out for %d received", name, packet, held, 8*n)
			}
		}
	}
}

func TestLimitOfHugeFrames(t *testing.T) {
	// 64 MiB against a limit of 1 MiB: the buffer must not follow the sender.
	m := &meter{source: io.MultiReader(strings.NewReader(vt), io.LimitReader(endless{}, 64<<20), strings.NewReader(fscr+framed("A")))}
	m.reader = NewReader(m, 1<<20)
	if got := transcript(m.reader); !slices.Equal(got, []string{"large", "=A", "EOF"}) {
		t.Errorf("got %q", got)
	}
	if m.largest > 1<<20+slack {
		t.Errorf("buffer grew to %d bytes", m.largest)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func TestIdleReaderHoldsLittle(t *testing.T) {
	r := NewReader(&script{[]any{"junk", os.ErrDeadlineExceeded}}, 0)
	if r.buf != nil {
		t.Error("a reader that has not read holds a buffer")
	}
	if _, err := r.ReadFrame(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	if len(r.buf) > firstBuffer {
		t.Errorf("a reader that has seen no frame holds %d bytes", len(r.buf))
	}
}

func TestWriteFrame(t *testing.T) {
	for _, content := range []string{"", "A", "a\rb\r", strings.Repeat("x", 100_000)} {
		var w writes
		if err := WriteFrame(&w, []byte(content)); err != nil {
			t.Fatal(err)
		}
		if len(w) != 1 || w[0] != vt+content+fscr {
			t.Errorf("%d writes for content of %d bytes", len(w), len(content))
		}
	}
	for _, content := range []string{vt, fs, "a" + vt + "b", "a" + fs, "a" + fscr + vt + "b", "a" + fs + "b"} {
		var w writes
		if err := WriteFrame(&w, []byte(content)); !errors.Is(err, ErrUnframeable) || len(w) > 0 {
			t.Errorf("%q: error %v after %d writes", content, err, len(w))
		}
	}
}

type writes []string

func (w *writes) Write(p []byte) (int, error) { *w = append(*w, string(p)); return len(p), nil }

func TestAppendFrameKeepsWhatIsThere(t *testing.T) {
	b := AppendFrame([]byte("head"), []byte("A"))
	if string(b) != "head"+vt+"A"+fscr {
		t.Errorf("got %q", b)
	}
	if n := testing.AllocsPerRun(10, func() { AppendFrame(b[:0], []byte("A")) }); n > 0 {
		t.Errorf("%v allocations into a slice with room", n)
	}
}

func TestErrorsNameNoContent(t *testing.T) {
	for _, err := range []error{&FrameTooLargeError{Limit: 8}, ErrUnframeable, &SendError{Written: true, Err: ErrNoReply}} {
		if strings.Contains(err.Error(), "123456789") || bytes.ContainsAny([]byte(err.Error()), vt+fs) {
			t.Errorf("content in %q", err)
		}
	}
}
