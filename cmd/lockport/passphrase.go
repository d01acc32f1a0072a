package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/lockport-hie/lockport"
)

// passphraseVariable is where a passphrase may stand. It is never a flag: every user of a
// machine sees the command lines of all programs.
const passphraseVariable = "LOCKPORT_PASSPHRASE"

// passphraseFlag declares --passphrase-file.
func passphraseFlag(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVar(file, "passphrase-file", "", "file whose first line is the passphrase (or $"+passphraseVariable+"; else the terminal is asked)")
}

// passphrase reads a passphrase from a file, the environment or the terminal; there it is
// asked for again where twice says so.
func (env *environment) passphrase(ctx context.Context, file string, twice bool) ([]byte, error) {
	if file != "" {
		return firstLine(file)
	}
	if p := env.Getenv(passphraseVariable); p != "" {
		return []byte(p), nil
	}
	in, ok := env.In.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return nil, usagef("a passphrase is needed: name a file with --passphrase-file, set $%s, or run the command on a terminal", passphraseVariable)
	}
	p, err := env.ask(ctx, in, "passphrase: ")
	if err != nil || !twice {
		return p, err
	}
	again, err := env.ask(ctx, in, "the same again: ")
	if err == nil && !bytes.Equal(p, again) {
		err = usagef("the two are not the same")
	}
	return p, err
}

// firstLine reads the first line of a file.
func firstLine(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, lockport.Errorf(lockport.Invalid, "", "the passphrase cannot be read: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, 4096))
	if err != nil {
		return nil, lockport.Errorf(lockport.Invalid, "", "the passphrase cannot be read: %w", err)
	}
	line, _, _ := bytes.Cut(data, []byte("\n"))
	return bytes.TrimSuffix(line, []byte("\r")), nil
}

// ask reads a line from a terminal that does not show it. The terminal shows what is
// typed again, however the question ends.
func (env *environment) ask(ctx context.Context, in *os.File, question string) ([]byte, error) {
	fd := int(in.Fd())
	state, err := term.GetState(fd)
	if err != nil {
		return nil, lockport.Errorf(lockport.Internal, "", "%w", err)
	}
	fmt.Fprint(env.Err, question)
	defer fmt.Fprintln(env.Err)
	type answer struct {
		line []byte
		err  error
	}
	answered := make(chan answer, 1)
	go func() {
		line, err := term.ReadPassword(fd)
		answered <- answer{line, err}
	}()
	select {
	case a := <-answered:
		if a.err != nil {
			return nil, lockport.Errorf(lockport.Invalid, "", "no passphrase was given")
		}
		return a.line, nil
	case <-ctx.Done():
		_ = term.Restore(fd, state)
		return nil, context.Cause(ctx)
	}
}
