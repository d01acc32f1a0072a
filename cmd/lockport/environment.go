package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/term"

	"github.com/lockport-hie/lockport"
)

// environment is all that a command knows of the world around it.
type environment struct {
	In     io.Reader
	Out    io.Writer
	Err    io.Writer
	Now    func() time.Time
	Getenv func(string) string

	Dir    string // data directory
	Output string // table or json
	Quiet  bool   // nothing but results and errors
}

// The two forms of --output.
const (
	outputTable = "table"
	outputJSON  = "json"
)

// exitUsage is the exit code of a command line that cannot be understood; the others
// come from [lockport.Meaning].
const exitUsage = 2

// usageError is a mistake in the command line.
type usageError struct{ err error }

func (u *usageError) Error() string { return u.err.Error() }
func (u *usageError) Unwrap() error { return u.err }

// usagef makes a usageError.
func usagef(format string, args ...any) error {
	return &usageError{fmt.Errorf(format, args...)}
}

// errSilent ends a command with exit code 1 (or that of its kind) when all that is to
// be said has been printed.
type errSilent struct{ kind lockport.Kind }

func (e *errSilent) Error() string { return e.kind.String() }

// run executes one command line and returns its exit code.
func run(ctx context.Context, env *environment, args []string) int {
	root := newRoot(env)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	var silent *errSilent
	if errors.As(err, &silent) {
		return silent.kind.Meaning().Exit
	}
	fmt.Fprintf(env.Err, "lockport: %s\n", strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; "))
	var usage *usageError
	if errors.As(err, &usage) {
		return exitUsage
	}
	return lockport.KindOf(err).Meaning().Exit
}

// path returns a path inside the data directory; an absolute name stays as it is.
func (env *environment) path(name ...string) string {
	joined := filepath.Join(name...)
	if filepath.IsAbs(joined) {
		return joined
	}
	return filepath.Join(env.Dir, joined)
}

// notef tells the user something that is no result. --quiet silences it.
func (env *environment) notef(format string, args ...any) {
	if !env.Quiet {
		fmt.Fprintf(env.Err, format+"\n", args...)
	}
}

// json reports whether results are to be printed as JSON.
func (env *environment) json() bool { return env.Output == outputJSON }

// table is what a read command prints for people.
type table struct {
	head []string
	rows [][]string
}

// add appends a row of any printable cells.
func (t *table) add(cells ...any) {
	row := make([]string, len(cells))
	for i, c := range cells {
		row[i] = cell(c)
	}
	t.rows = append(t.rows, row)
}

// cell prints one value of a table; times are shown to the second, with their zone.
func cell(v any) string {
	switch v := v.(type) {
	case time.Time:
		if v.IsZero() {
			return "-"
		}
		return v.Format("2006-01-02 15:04:05Z07:00")
	case painted:
		return string(v)
	case bool:
		if v {
			return "yes"
		}
		return "no"
	}
	if s := fmt.Sprint(v); s != "" {
		return printable(s)
	}
	return "-"
}

// show prints a result: value as JSON, or the table that draw fills.
func (env *environment) show(value any, draw func(t *table)) error {
	if env.json() {
		return writeJSON(env.Out, value, "  ")
	}
	var t table
	draw(&t)
	return env.write(t)
}

// write prints a table with aligned columns. A table without a head is a list of
// names and values.
func (env *environment) write(t table) error {
	w := tabwriter.NewWriter(env.Out, 0, 8, 2, ' ', 0)
	if len(t.head) > 0 {
		if len(t.rows) == 0 {
			env.notef("nothing to show")
			return nil
		}
		fmt.Fprintln(w, strings.ToUpper(strings.Join(t.head, "\t")))
	}
	for _, row := range t.rows {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	return w.Flush()
}

// printable keeps control characters of received values from steering the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || (r >= 0x7f && r < 0xa0) {
			return '·'
		}
		return r
	}, s)
}

// writeJSON prints one value and a line end. HTML escapes would only make HL7's
// ampersands unreadable.
func writeJSON(w io.Writer, value any, indent string) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", indent)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		return lockport.Errorf(lockport.Internal, "output", "%w", err)
	}
	return nil
}

// terminal reports whether w is a terminal that may be drawn on.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// painted is text of our own that may hold colours, which cell leaves alone.
type painted string

// paint colours s where that helps: on a terminal, unless NO_COLOR is set. Control characters
// of s itself do not get through.
func (env *environment) paint(c colour, s string) painted {
	if s = printable(s); env.Getenv("NO_COLOR") != "" || !terminal(env.Out) {
		return painted(s)
	}
	return painted(fmt.Sprintf("\x1b[%dm%s\x1b[0m", c, s))
}

// colour is a foreground colour of ECMA-48 (SGR).
type colour int

const (
	red    colour = 31
	green  colour = 32
	yellow colour = 33
)
