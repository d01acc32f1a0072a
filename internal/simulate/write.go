package simulate

import (
	"bufio"
	"io"
	"iter"
)

// WriteMLLP writes the messages of a stream, each in the frame of the Minimal
// Lower Layer Protocol: VT, the message, FS, CR. Consents are left out.
func WriteMLLP(w io.Writer, events iter.Seq[Event]) error {
	return write(w, events, "\x0b", "\x1c\r")
}

// WriteText writes the messages of a stream, segments ended by CR, with an
// empty line (one more CR) between messages. Consents are left out.
func WriteText(w io.Writer, events iter.Seq[Event]) error {
	return write(w, events, "", "\r")
}

func write(w io.Writer, events iter.Seq[Event], before, after string) error {
	out := bufio.NewWriterSize(w, 1<<16)
	for e := range events {
		if e.Message == nil {
			continue
		}
		out.WriteString(before)
		out.Write(e.Message)
		if _, err := out.WriteString(after); err != nil {
			return err // bufio keeps the first error, so one check a message is enough
		}
	}
	return out.Flush()
}
