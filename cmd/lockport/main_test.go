package main

import (
	"encoding/json"
	"errors"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets the test program stand in for the real one: a script's "lockport" runs main
// in a process of its own.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"lockport": main, ackFirst: serveAckFirst})
}

// TestScript runs every script in testdata/script against the real commands.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("LOCKPORT_DIR", filepath.Join(env.WorkDir, "hie"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":    exits,
			"freeport": freePort,
			"serving":  serving,
			"waitfor":  waitFor,
		},
	})
}

// exits runs a command and demands an exit code: exits CODE PROGRAM ARGS...
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGS...")
	}
	if got := exitCode(ts, args[1:]); got != args[0] {
		ts.Fatalf("exit code %s, want %s", got, args[0])
	}
}

// exitCode runs a command and returns its exit code as text.
func exitCode(ts *testscript.TestScript, args []string) string {
	err := ts.Exec(args[0], args[1:]...)
	var failed *exec.ExitError
	switch {
	case err == nil:
		return "0"
	case errors.As(err, &failed):
		return strconv.Itoa(failed.ExitCode())
	}
	ts.Fatalf("%s did not run: %v", args[0], err)
	return ""
}

// freePort puts an address that nobody listens at into a variable: freeport NAME
func freePort(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: freeport NAME")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	defer l.Close()
	ts.Setenv(args[0], l.Addr().String())
}

// patience is how long a condition is waited for. It bounds a broken run and times nothing.
const patience = 30 * time.Second

// serving waits until the server of the data directory answers and puts the address of its
// first listener into a variable: serving NAME
func serving(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: serving NAME")
	}
	waitFor(ts, false, []string{"stdout", "listeners", "lockport", "status", "--output", "json"})
	var status statusAnswer
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &status))
	ts.Setenv(args[0], status.Listeners[0].Address)
}

// waitFor waits for a condition:
//
//	waitfor listen ADDR          somebody accepts connections
//	waitfor stdout TEXT COMMAND  a command succeeds and its output holds a text
//	waitfor exit CODE COMMAND    a command ends with an exit code
func waitFor(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: waitfor listen ADDR | waitfor stdout TEXT COMMAND...")
	}
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds(ts, args) {
		select {
		case <-tick.C:
		case <-deadline.C:
			ts.Fatalf("waited in vain for %s", strings.Join(args, " "))
		}
	}
}

// holds looks at a condition once.
func holds(ts *testscript.TestScript, args []string) bool {
	switch {
	case args[0] == "listen":
		conn, err := net.Dial("tcp", args[1])
		if err != nil {
			return false
		}
		conn.Close()
		return true
	case args[0] == "exit" && len(args) > 2:
		return args[1] == exitCode(ts, args[2:])
	case args[0] == "stdout" && len(args) > 2:
		return ts.Exec(args[2], args[3:]...) == nil && strings.Contains(ts.ReadFile("stdout"), args[1])
	}
	ts.Fatalf("waitfor: unknown condition %s", args[0])
	return false
}
