package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/mllp"
)

const benchOpenHelp = `Measure how long the server of a data directory takes from the start of its process to its
first acknowledgement: after it was stopped, and after it was killed under load. The server
runs as a process of its own, and the store gets more messages with every round.

It is meant for the directory that "lockport bench ingest --keep" leaves, not for one in use.`

// benchOpenOptions are the flags of bench open.
type benchOpenOptions struct {
	rounds  int
	lasting time.Duration
}

func newBenchOpen(env *environment) *cobra.Command {
	var o benchOpenOptions
	cmd := &cobra.Command{
		Use:     "open",
		Short:   "Measure from the start of the server to its first acknowledgement",
		Long:    benchOpenHelp,
		Example: "  lockport bench open --dir bench-data",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return env.benchOpen(cmd.Context(), o) },
	}
	cmd.Flags().IntVar(&o.rounds, "rounds", 3, "how often it is stopped, and killed")
	cmd.Flags().DurationVar(&o.lasting, "for", 2*time.Second, "how long messages are sent before it is stopped or killed")
	return cmd
}

// benchOpenRow is one start.
type benchOpenRow struct {
	After  string  `json:"after"` // what ended the server before
	Bytes  int64   `json:"bytes"` // of the data directory
	First  float64 `json:"first_ack_ms"`
	Memory int64   `json:"anonymous_bytes"`
}

func (env *environment) benchOpen(ctx context.Context, o benchOpenOptions) error {
	c, err := env.loadConfiguration()
	if err != nil {
		return err
	}
	if o.rounds <= 0 || o.lasting <= 0 || len(c.Listen) == 0 {
		return usagef("--rounds and --for want more than nothing, and the configuration a listener")
	}
	b := &benchOpening{env: env, address: c.Listen[0].Address, lasting: o.lasting, stamp: env.Now().UnixNano()}
	after := "nothing known"
	for range o.rounds {
		for _, end := range []os.Signal{syscall.SIGTERM, syscall.SIGKILL} {
			if err := b.start(ctx, after); err != nil {
				return err
			}
			if err := b.end(ctx, end); err != nil {
				return err
			}
			after = map[os.Signal]string{syscall.SIGTERM: "stop", syscall.SIGKILL: "kill"}[end]
		}
	}
	if err := b.start(ctx, after); err != nil {
		return err
	}
	if err := b.end(ctx, syscall.SIGTERM); err != nil {
		return err
	}
	return env.show(b.rows, func(t *table) {
		t.head = []string{"after", "data MB", "first ACK ms", "anon MB"}
		for _, r := range b.rows {
			t.add(r.After, r.Bytes>>20, fmt.Sprintf("%.0f", r.First), r.Memory>>20)
		}
	})
}

// benchOpening is a server that is started again and again.
type benchOpening struct {
	env     *environment
	address string
	lasting time.Duration
	stamp   int64 // makes the messages of this run new ones
	server  *exec.Cmd
	rows    []benchOpenRow
}

// start starts the server and waits for its first acknowledgement.
func (b *benchOpening) start(ctx context.Context, after string) error {
	self, err := os.Executable()
	if err != nil {
		return lockport.Errorf(lockport.Internal, "", "this program cannot be found: %w", err)
	}
	row := benchOpenRow{After: after, Bytes: folderBytes(b.env.path(dataDir))}
	b.server = exec.Command(self, "serve", "--dir", b.env.Dir)
	began := time.Now()
	if err := b.server.Start(); err != nil {
		return lockport.Errorf(lockport.Internal, "", "the server does not start: %w", err)
	}
	messages := newBenchMessages()
	for {
		b.stamp++
		message := messages.message(fmt.Sprintf("O%d", b.stamp), b.stamp, 1)
		c := &mllp.Client{Address: b.address}
		_, err := c.Exchange(ctx, message)
		_ = c.Close()
		if err == nil {
			break
		}
		if ctx.Err() != nil || time.Since(began) > 10*time.Minute {
			return errors.Join(lockport.Errorf(lockport.Unreachable, "", "the server does not answer: %w", err), b.server.Process.Kill())
		}
		time.Sleep(time.Millisecond)
	}
	row.First = float64(time.Since(began)) / float64(time.Millisecond)
	row.Memory = procField(fmt.Sprintf("/proc/%d/status", b.server.Process.Pid), "RssAnon:") << 10
	b.rows = append(b.rows, row)
	return nil
}

// end sends messages for a while and ends the server in the middle of them.
func (b *benchOpening) end(ctx context.Context, how os.Signal) error {
	load := &benchLoad{address: b.address, connections: 16, patients: 100_000, lasting: time.Hour}
	load.sent.Store(b.stamp)
	sending, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = load.run(sending) // the server goes away under it
	}()
	timer := time.NewTimer(b.lasting)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	if how == syscall.SIGTERM {
		stop()
		<-done
	}
	err := b.server.Process.Signal(how)
	_ = b.server.Wait() // a killed server ends with an error
	stop()
	<-done
	b.stamp = load.sent.Load()
	return err
}
