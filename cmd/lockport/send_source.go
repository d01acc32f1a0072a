package main

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"iter"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/hl7"
	"github.com/lockport-hie/lockport/mllp"
)

// foundMessage is one message of a file.
type foundMessage struct {
	content []byte
	from    string // file, and number within it when there are several
	problem error  // the place holds no message
}

// messages yields the messages of files and folders in order of name. An error ends it.
// With asIs a file is one message, whatever it holds.
func (env *environment) messages(names []string, asIs bool) iter.Seq2[foundMessage, error] {
	return func(yield func(foundMessage, error) bool) {
		for _, name := range names {
			for file, err := range filesOf(name) {
				if err != nil {
					yield(foundMessage{}, lockport.Errorf(lockport.Invalid, "", "%w", err))
					return
				}
				if !env.messagesOf(file, asIs, yield) {
					return
				}
			}
		}
	}
}

// errStop ends a walk whose consumer has had enough.
var errStop = errors.New("enough")

// filesOf yields a file, or the files of a folder and its folders. Hidden ones are left out.
func filesOf(name string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if name == "-" {
			yield(name, nil)
			return
		}
		err := filepath.WalkDir(name, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case path != name && strings.HasPrefix(d.Name(), "."):
				if d.IsDir() {
					return filepath.SkipDir
				}
				return nil
			case d.IsDir():
				return nil
			case !yield(path, nil):
				return errStop
			}
			return nil
		})
		if err != nil && !errors.Is(err, errStop) {
			yield("", err)
		}
	}
}

// messagesOf yields the messages of one file; false means that nothing more is wanted.
func (env *environment) messagesOf(name string, asIs bool, yield func(foundMessage, error) bool) bool {
	in, err := env.openInput(name)
	if err != nil {
		return yield(foundMessage{}, err)
	}
	defer in.Close()
	reader := bufio.NewReaderSize(in, 1<<16)
	if first, err := reader.Peek(1); err == nil && first[0] == mllp.StartBlock && !asIs {
		return framesOf(name, reader, yield)
	}
	content, err := io.ReadAll(io.LimitReader(reader, maxInput+1))
	switch {
	case err != nil:
		return yield(foundMessage{}, lockport.Errorf(lockport.Invalid, name, "%w", err))
	case len(content) > maxInput:
		return yield(foundMessage{}, lockport.Errorf(lockport.TooLarge, name, "larger than %d bytes: send it in parts", maxInput))
	case asIs:
		return yield(foundMessage{content: content, from: name}, nil)
	}
	return splitOf(name, content, yield)
}

// splitOf yields the messages of a file that is no MLLP stream: one message, several, or
// a batch.
func splitOf(name string, content []byte, yield func(foundMessage, error) bool) bool {
	var found []foundMessage
	for m, err := range hl7.Split(content) {
		found = append(found, foundMessage{content: m, problem: err})
	}
	for i, m := range found {
		m.from = name
		if len(found) > 1 {
			m.from += "#" + strconv.Itoa(i+1)
		}
		if !yield(m, nil) {
			return false
		}
	}
	return true
}

// framesOf yields the frames of an MLLP stream one by one, so that its size does not matter.
func framesOf(name string, in io.Reader, yield func(foundMessage, error) bool) bool {
	frames := mllp.NewReader(in, maxFrameSent)
	for n := 1; ; n++ {
		frame, err := frames.ReadFrame()
		at := name + "#" + strconv.Itoa(n)
		var tooLarge *mllp.FrameTooLargeError
		switch {
		case errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
			return true
		case errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &tooLarge):
			if !yield(foundMessage{from: at, problem: err}, nil) {
				return false
			}
			if tooLarge == nil {
				return true
			}
		case err != nil:
			return yield(foundMessage{}, lockport.Errorf(lockport.Invalid, name, "%w", err))
		default:
			if !yield(foundMessage{content: frame, from: at}, nil) {
				return false
			}
		}
	}
}

// maxFrameSent bounds one message of a stream that is sent.
const maxFrameSent = 64 << 20
