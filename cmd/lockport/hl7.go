package main

import (
	"bufio"
	"fmt"
	"iter"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/hl7"
)

// newHL7 makes "lockport hl7".
func newHL7(env *environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "hl7",
		Short: "Look into HL7 v2 messages offline",
		Long: `Look into an HL7 v2 message in a file or on standard input. No server is asked. Segments may
end in CR, LF or CRLF; MLLP framing and gzip are undone.`,
	}
	cmd.AddCommand(newHL7Show(env), newHL7Get(env), newHL7Validate(env))
	return cmd
}

// newHL7Show makes "lockport hl7 show".
func newHL7Show(env *environment) *cobra.Command {
	return &cobra.Command{
		Use:   "show FILE|-",
		Short: "Print a message as a tree of places and values",
		Long: `Print every value of a message with its place: segment, field, repetition, component and
subcomponent, counted from 1. Empty places are left out, "" (delete) is shown. The exit
code is 1 when the input is not HL7.`,
		Example: `  lockport hl7 show admit.hl7
  cat admit.hl7 | lockport hl7 show - --output json`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			m, err := env.readMessage(args[0])
			if err != nil {
				return err
			}
			return env.showMessage(m)
		},
	}
}

// newHL7Get makes "lockport hl7 get".
func newHL7Get(env *environment) *cobra.Command {
	return &cobra.Command{
		Use:   "get FILE|- PATH...",
		Short: "Print single values of a message",
		Long: `Print the value at each path on a line of its own, decoded to UTF-8, with escapes undone. A
path is SEG(n)-FIELD(rep).COMPONENT.SUBCOMPONENT, counted from 1; what it leaves out means
the first segment or repetition, or the whole field. Absent and empty values print an
empty line, "" prints "". The exit code is 1 when the input is not HL7.`,
		Example: `  lockport hl7 get admit.hl7 MSH-10 PID-3.1 'PID-3(2).4.1'
  lockport hl7 get result.hl7 'OBX(3)-5'`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(_ *cobra.Command, args []string) error { return env.getValues(args[0], args[1:]) },
	}
}

// readMessage reads and parses one message.
func (env *environment) readMessage(name string) (*hl7.Message, error) {
	content, err := env.readInput(name)
	if err != nil {
		return nil, err
	}
	m, err := firstMessage(content)
	if err != nil {
		return nil, lockport.Errorf(lockport.Invalid, name, "not an HL7 v2 message: %w", err)
	}
	return m, nil
}

// firstMessage parses a message, or the first one of a batch, a stream of frames or a
// text that has one in it.
func firstMessage(content []byte) (*hl7.Message, error) {
	m, err := hl7.Parse(content)
	if err == nil {
		return m, nil
	}
	for message, failed := range hl7.Split(content) {
		if failed == nil {
			return hl7.Parse(message)
		}
	}
	return nil, err
}

// getValues prints the values at some paths, all of which are looked at before the input.
func (env *environment) getValues(name string, texts []string) error {
	paths := make([]hl7.Path, len(texts))
	for i, text := range texts {
		p, err := hl7.ParsePath(text)
		if err != nil {
			return &usageError{err}
		}
		paths[i] = p
	}
	m, err := env.readMessage(name)
	if err != nil {
		return err
	}
	values := make([]string, len(paths))
	for i, p := range paths {
		if v := m.At(p); v.Presence() != hl7.Empty {
			values[i] = v.Text()
		}
	}
	if env.json() {
		return writeJSON(env.Out, values, "  ")
	}
	w := bufio.NewWriter(env.Out)
	for _, v := range values {
		fmt.Fprintln(w, v)
	}
	return w.Flush()
}

// shownSegment is one segment of a message as "hl7 show" prints it.
type shownSegment struct {
	Segment string       `json:"segment"`
	Values  []shownValue `json:"values"`
}

// shownValue is one place of a segment and what stands there.
type shownValue struct {
	Path  string `json:"path"`
	Value string `json:"value"`
}

// showMessage prints a message as a tree.
func (env *environment) showMessage(m *hl7.Message) error {
	tree := messageTree(m)
	if env.json() {
		return writeJSON(env.Out, tree, "  ")
	}
	w := bufio.NewWriter(env.Out)
	for _, s := range tree {
		fmt.Fprintln(w, s.Segment)
		for _, v := range s.Values {
			fmt.Fprintf(w, "  %-12s %s\n", v.Path, printable(v.Value))
		}
	}
	return w.Flush()
}

// messageTree lists every place of a message that says something. The names of repeated
// segments carry their number, so that each path can be given to "hl7 get".
func messageTree(m *hl7.Message) []shownSegment {
	tree := []shownSegment{}
	seen := map[string]int{}
	for _, s := range m.Segments() {
		name := s.ID()
		if s.Junk() {
			tree = append(tree, shownSegment{Segment: "(not a segment)", Values: []shownValue{}})
			continue
		}
		if seen[name]++; seen[name] > 1 {
			name += "(" + strconv.Itoa(seen[name]) + ")"
		}
		tree = append(tree, shownSegment{Segment: name, Values: segmentValues(name, s)})
	}
	return tree
}

// segmentValues lists the leaves of a segment.
func segmentValues(name string, s hl7.Segment) []shownValue {
	out := []shownValue{}
	for f, field := range s.Fields() {
		place := name + "-" + strconv.Itoa(f)
		repetitions := field.NumRepetitions()
		for r, v := range field.Repetitions() {
			at := place
			if repetitions > 1 {
				at += "(" + strconv.Itoa(r) + ")"
			}
			out = appendLeaves(out, at, v, v.NumComponents(), hl7.Value.Components, true)
		}
	}
	return out
}

// appendLeaves appends the n parts of a value, and the parts of those when deeper.
func appendLeaves(out []shownValue, at string, v hl7.Value, n int, parts func(hl7.Value) iter.Seq2[int, hl7.Value], deeper bool) []shownValue {
	for i, p := range parts(v) {
		place := at
		if n > 1 {
			place += "." + strconv.Itoa(i)
		}
		if count := p.NumSubcomponents(); deeper && count > 1 {
			if n == 1 {
				place += ".1"
			}
			out = appendLeaves(out, place, p, count, hl7.Value.Subcomponents, false)
			continue
		}
		if presence := p.Presence(); presence == hl7.Valued || presence == hl7.Null {
			out = append(out, shownValue{place, p.Text()})
		}
	}
	return out
}
