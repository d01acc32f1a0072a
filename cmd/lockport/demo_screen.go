package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
)

// draw shows the live picture until ctx ends: in place on a terminal, a line now
// and then elsewhere.
func (d *demonstration) draw(ctx context.Context) {
	d.introduce()
	live, pause := terminal(d.env.Out), time.Second
	if !live {
		pause = 5 * time.Second
	}
	lines := 0
	last, lastAt := uint64(0), d.env.Now()
	for until(ctx, time.Now().Add(pause)) {
		f, now := d.meter.read(), d.env.Now()
		taken := total(f.Answered)
		rate := float64(taken-last) / now.Sub(lastAt).Seconds()
		last, lastAt = taken, now
		if !live {
			fmt.Fprintln(d.env.Out, d.line(f, rate))
			continue
		}
		if lines > 0 {
			fmt.Fprintf(d.env.Out, "\x1b[%dA", lines)
		}
		lines = paintLines(d.env.Out, d.picture(f, rate))
	}
}

// introduce says what runs and what to try.
func (d *demonstration) introduce() {
	d.env.notef("")
	dir, err := d.directory(context.Background())
	if err != nil {
		return // the picture itself says soon enough that the store fails
	}
	fmt.Fprintf(d.env.Out, "Lockport is running a simulated region: %d participants, %d applications, %d feeds.\n",
		len(dir.Participants()), len(dir.Applications()), d.feeds)
	fmt.Fprintf(d.env.Out, "MLLP at %s, data in %s\n\n", d.address(), d.env.Dir)
	fmt.Fprintf(d.env.Out, "Try in another terminal:\n")
	for _, command := range d.suggestions() {
		fmt.Fprintf(d.env.Out, "  %s\n", command)
	}
	fmt.Fprintln(d.env.Out)
}

// suggestions are three commands that show something of this very run.
func (d *demonstration) suggestions() []string {
	me := os.Args[0]
	return []string{
		fmt.Sprintf("%s status --dir %s", me, d.env.Dir),
		fmt.Sprintf("%s message list --limit 10 --dir %s", me, d.env.Dir),
		fmt.Sprintf("%s audit tail --dir %s", me, d.env.Dir),
	}
}

// line is the picture where nothing can be redrawn.
func (d *demonstration) line(f figures, rate float64) string {
	return fmt.Sprintf("%s  %d messages (%.0f/s), %d consents, %d questions: %d answered, %d refused; %d deliveries, %d withheld",
		d.env.Now().Format(time.TimeOnly), f.Answered["AA"]+f.Answered["CA"], rate, d.consents.read(), total(f.Queries),
		permits(f), total(f.Queries)-permits(f), f.Rows[lockport.Delivered], f.Rows[lockport.Withheld])
}

func permits(f figures) uint64 { return f.Queries[audit.Permitted] + f.Queries[audit.Emergency] }

// picture is the screen: what comes in, what is on file, what goes out.
func (d *demonstration) picture(f figures, rate float64) []string {
	st := d.store.Stats()
	refused := total(f.Answered) - f.Answered["AA"] - f.Answered["CA"]
	row := func(name, format string, args ...any) string {
		return fmt.Sprintf("  %-10s %s", name, fmt.Sprintf(format, args...))
	}
	return []string{
		row("in", "%s messages on disk and acknowledged, %s a second over %s connections",
			number(f.Answered["AA"]+f.Answered["CA"]), number(uint64(rate+0.5)), number(uint64(f.Connections))),
		row("", "%s refused, %s repeated", number(refused), number(f.Duplicates)),
		row("consent", "%s forms signed and in force", number(d.consents.read())),
		row("queries", "%s permitted (%s results), %s not: no consent, or not known",
			d.env.paint(green, number(permits(f))), number(f.Records), d.env.paint(yellow, number(total(f.Queries)-permits(f)))),
		row("feeds", "%s delivered over %d feeds, %s withheld by consent",
			d.env.paint(green, number(f.Rows[lockport.Delivered])), d.feeds, d.env.paint(yellow, number(f.Rows[lockport.Withheld]))),
		row("journal", "%s entries, chained; the record is %s behind", number(uint64(st.Entries)), number(st.Backlog)),
		row("disk", "%s, a group commit takes %s (99 of 100 within %s)", size(st.JournalBytes+st.RecordBytes+st.WindowBytes),
			brief(st.CommitP50), brief(st.CommitP99)),
		"",
		"  Ctrl-C stops.",
	}
}

// paintLines draws lines over what stood there and returns how many.
func paintLines(w io.Writer, lines []string) int {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString("\r\x1b[K" + l + "\n")
	}
	io.WriteString(w, b.String())
	return len(lines)
}

// number groups the digits of a count.
func number(n uint64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// size writes bytes for people.
func size(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%d KiB", n>>10)
}

// brief rounds a duration to what the eye takes in.
func brief(d time.Duration) string {
	if d < time.Millisecond {
		return d.Round(10 * time.Microsecond).String()
	}
	return d.Round(100 * time.Microsecond).String()
}
