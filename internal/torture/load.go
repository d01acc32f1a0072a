package torture

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"strconv"
	"strings"
	"sync"

	"github.com/lockport-hie/lockport"
)

// Name is the control ID of the n-th message of a sender.
func Name(sender, n int) string { return fmt.Sprintf("T%d-%d", sender, n) }

// parseName is the inverse of Name.
func parseName(id string) (sender, n int, ok bool) {
	a, b, found := strings.Cut(strings.TrimPrefix(id, "T"), "-")
	sender, err := strconv.Atoi(a)
	if err != nil || !found || !strings.HasPrefix(id, "T") {
		return 0, 0, false
	}
	n, err = strconv.Atoi(b)
	return sender, n, err == nil
}

// Batch is how many messages a sender hands over at once: all of them are
// stored, or none.
func Batch(sender int) int { return 1 + sender%3 }

// Load is what senders do while a store is hurt. Each sends one batch after the
// other and goes on only when the last one was acknowledged, as a connection
// does.
type Load struct {
	Senders int
	From    *Tally                                   // where the senders go on; nil begins at 0
	Limit   int                                      // batches of each sender; 0 goes on for ever
	Entry   func(sender, n int) lockport.Entry       // makes a message, which Name names
	Append  func(batch []lockport.Entry) error       // stores it
	Note    func(sender, n int) error                // puts on record that the first n messages of a sender are acknowledged
	Refused func(sender int, err error) (again bool) // asked what to do after an error; nil ends the load

	// Early is a control: the acknowledgement comes before the message is stored.
	Early bool
}

// Run sends until an error, the limit or the end of the context, and returns the
// first error.
func (l *Load) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	for sender := range l.Senders {
		all.Go(func() {
			if err := l.send(ctx, sender); err != nil {
				cancel(err)
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}

func (l *Load) send(ctx context.Context, sender int) error {
	size := Batch(sender)
	n := l.From.Acknowledged(sender)
	for sent := 0; ctx.Err() == nil && (l.Limit == 0 || sent < l.Limit); {
		batch := make([]lockport.Entry, size)
		for i := range batch {
			batch[i] = l.Entry(sender, n+i)
		}
		if l.Early {
			if err := l.Note(sender, n+size); err != nil {
				return err
			}
		}
		if err := l.Append(batch); err != nil {
			if l.Refused != nil && l.Refused(sender, err) {
				continue
			}
			return err
		}
		n, sent = n+size, sent+1
		if l.Early {
			continue
		}
		if err := l.Note(sender, n); err != nil {
			return err
		}
	}
	return nil
}

// Noted is one acknowledgement as a line, short enough for a pipe to take it in
// one piece however many write to it.
func Noted(sender, n int) string { return fmt.Sprintf("%d %d\n", sender, n) }

// Tally is what the senders were told: how many messages of each are
// acknowledged. The nil tally is empty.
type Tally struct {
	acknowledged map[int]int

	// Behind says that the senders went on while this was written down: more
	// batches may be there than the one under way.
	Behind bool
}

// Clone copies a tally.
func (t *Tally) Clone() *Tally {
	return &Tally{acknowledged: maps.Clone(t.acknowledged), Behind: t.Behind}
}

// Acknowledged returns how many of a sender's messages are acknowledged; the one
// of this number is the next.
func (t *Tally) Acknowledged(sender int) int {
	if t == nil {
		return 0
	}
	return t.acknowledged[sender]
}

// Total returns how many messages are acknowledged.
func (t *Tally) Total() int {
	total := 0
	for _, n := range t.acknowledged {
		total += n
	}
	return total
}

// Note takes one line that Noted made.
func (t *Tally) Note(line string) error {
	var sender, n int
	if _, err := fmt.Sscanf(line, "%d %d", &sender, &n); err != nil {
		return fmt.Errorf("%q is no acknowledgement: %w", line, err)
	}
	if was := t.acknowledged[sender]; n != was+Batch(sender) {
		return fmt.Errorf("sender %d has %d messages acknowledged after %d", sender, n, was)
	}
	if t.acknowledged == nil {
		t.acknowledged = make(map[int]int)
	}
	t.acknowledged[sender] = n
	return nil
}

// Read takes lines to their end. A last line that a kill cut short is none.
func (t *Tally) Read(r io.Reader, each func()) error {
	in := bufio.NewReader(r)
	for {
		line, err := in.ReadString('\n')
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = t.Note(line)
		}
		if err != nil {
			return err
		}
		each()
	}
}

// String writes a tally down for Parse, to hand it to another process.
func (t *Tally) String() string {
	var parts []string
	for sender, n := range t.acknowledged {
		parts = append(parts, fmt.Sprintf("%d:%d", sender, n))
	}
	return strings.Join(parts, ",")
}

// Parse reads what String has written.
func Parse(text string) (*Tally, error) {
	t := &Tally{acknowledged: make(map[int]int)}
	for part := range strings.SplitSeq(text, ",") {
		if part == "" {
			continue
		}
		var sender, n int
		if _, err := fmt.Sscanf(part, "%d:%d", &sender, &n); err != nil {
			return nil, fmt.Errorf("%q is no tally: %w", part, err)
		}
		t.acknowledged[sender] = n
	}
	return t, nil
}
