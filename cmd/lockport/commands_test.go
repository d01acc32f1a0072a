package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// walk calls fn for a command and all below it.
func walk(cmd *cobra.Command, fn func(*cobra.Command)) {
	fn(cmd)
	for _, sub := range cmd.Commands() {
		walk(sub, fn)
	}
}

// bare is an environment without a world around it.
func bare() (*environment, *strings.Builder, *strings.Builder) {
	var out, errs strings.Builder
	return &environment{
		In: strings.NewReader(""), Out: &out, Err: &errs,
		Now:    func() time.Time { return time.Date(2025, 3, 1, 12, 0, 0, 0, time.UTC) },
		Getenv: func(string) string { return "" },
	}, &out, &errs
}

func TestEveryCommandExplainsItself(t *testing.T) {
	env, _, _ := bare()
	n := 0
	walk(newRoot(env), func(cmd *cobra.Command) {
		n++
		if cmd.Short == "" || cmd.Long == "" {
			t.Errorf("%s has no help", cmd.CommandPath())
		}
		if cmd.HasSubCommands() {
			return
		}
		for line := range strings.Lines(cmd.Example) {
			if !strings.Contains(line, "lockport") && !strings.HasPrefix(line, "      ") {
				t.Errorf("%s: an example is no command line: %s", cmd.CommandPath(), line)
			}
		}
		if cmd.Example == "" {
			t.Errorf("%s has no example", cmd.CommandPath())
		}
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" {
				t.Errorf("%s --%s does not say what it is for", cmd.CommandPath(), f.Name)
			}
		})
		for _, name := range requiredFlags(cmd) {
			if cmd.Flags().Lookup(name) == nil {
				t.Errorf("%s requires --%s, which it does not have", cmd.CommandPath(), name)
			}
		}
	})
	if n < 50 {
		t.Errorf("%d commands: the tree is not complete", n)
	}
}

func TestExamplesParse(t *testing.T) {
	env, _, _ := bare()
	walk(newRoot(env), func(cmd *cobra.Command) {
		if cmd.HasSubCommands() {
			return
		}
		for example := range strings.SplitSeq(strings.ReplaceAll(cmd.Example, "\\\n", " "), "\n") {
			_, example, _ = strings.Cut(example, "lockport ")
			args := words(example)
			found, rest, err := newRoot(env).Find(args)
			if err == nil {
				err = found.ParseFlags(rest)
			}
			if err == nil && found.Args != nil {
				err = found.Args(found, found.Flags().Args())
			}
			if err != nil || !strings.HasSuffix(found.CommandPath(), cmd.Name()) {
				t.Errorf("%s: example %q: %v", cmd.CommandPath(), example, err)
				continue
			}
			for _, name := range requiredFlags(found) {
				if !found.Flags().Changed(name) {
					t.Errorf("%s: example %q lacks --%s", cmd.CommandPath(), example, name)
				}
			}
		}
	})
}

// words splits a command line as a shell does, as far as the examples need it.
func words(line string) []string {
	var out []string
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			out = append(out, part)
			continue
		}
		for _, w := range strings.Fields(part) {
			switch w {
			case "|": // what stands behind a pipe is the command in question
				out = nil
			case "lockport":
			default:
				out = append(out, w)
			}
		}
	}
	return out
}

func TestExitCodesOfErrors(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		text string
	}{
		{[]string{"status", "--dir", t.TempDir()}, 4, "no server is running"},
		{[]string{"config", "check", "--dir", t.TempDir()}, 1, "there is no configuration"},
		{[]string{"hl7", "get", "-", "MSH-10"}, 1, "not an HL7 v2 message"},
		{[]string{"hl7", "get", "-", "nonsense"}, 2, ""},
		{[]string{"feed"}, 2, "needs a command"},
	} {
		env, out, errs := bare()
		if code := run(context.Background(), env, c.args); code != c.code {
			t.Errorf("%v: exit code %d, want %d", c.args, code, c.code)
		}
		if !strings.Contains(errs.String(), c.text) || !strings.Contains(errs.String(), "lockport: ") {
			t.Errorf("%v: stderr %q", c.args, errs)
		}
		if out.String() != "" {
			t.Errorf("%v: an error printed to stdout: %q", c.args, out)
		}
	}
}
