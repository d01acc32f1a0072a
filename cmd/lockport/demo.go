package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/directory"
	"github.com/lockport-hie/lockport/internal/simulate"
	"github.com/lockport-hie/lockport/mllp"
)

const demoHelp = `Run a whole exchange on this machine, with live data: a server on a fresh data directory, a
simulated region of New York counties whose hospitals, laboratories and practices send over
MLLP, patients who sign consents, providers who query, and feeds that are received.

All people and results are invented. The picture shows counts and kinds, never a patient.
Ctrl-C drains, verifies the journal and stops. The directory is removed then, unless --dir
names one.`

// demoOptions are the flags of demo.
type demoOptions struct {
	seed     uint64
	patients int
	rate     float64
	stay     time.Duration
}

// newDemo makes "lockport demo".
func newDemo(env *environment) *cobra.Command {
	var o demoOptions
	cmd := &cobra.Command{
		Use:     "demo",
		Short:   "Run a whole exchange with a simulated region, live",
		Long:    demoHelp,
		Example: "  lockport demo\n  lockport demo --rate 100 --for 1m --dir demo-data",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return env.demo(cmd.Context(), o, cmd.Flags().Changed("dir"))
		},
	}
	flags := cmd.Flags()
	flags.Uint64Var(&o.seed, "seed", 1, "which region: the same seed makes the same one")
	flags.IntVar(&o.patients, "patients", 300, "people in the region")
	flags.Float64Var(&o.rate, "rate", 20, "messages a second, on average")
	flags.DurationVar(&o.stay, "for", 0, "end after this time (0: on Ctrl-C)")
	return cmd
}

// demo makes the directory, runs the demonstration and takes leave.
func (env *environment) demo(ctx context.Context, o demoOptions, keep bool) error {
	if o.rate <= 0 || o.patients <= 0 {
		return usagef("--rate and --patients want more than nothing")
	}
	if !keep {
		parent, err := os.MkdirTemp("", "lockport-demo-")
		if err != nil {
			return lockport.Errorf(lockport.Internal, "", "no temporary directory: %w", err)
		}
		defer os.RemoveAll(parent)
		env.Dir = filepath.Join(parent, "data")
	}
	d, err := env.newDemonstration(ctx, o)
	if err != nil {
		return err
	}
	if o.stay > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.stay)
		defer cancel()
	}
	err = d.run(ctx)
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	return errors.Join(err, d.store.Close(closing))
}

// demonstration is a running demo: the server and the world around it.
type demonstration struct {
	*system
	region   *simulate.Region
	operator string
	feeds    int

	consents counter
	failures counter
	received counter
	persons  chan int // whom the last messages were about, for somebody to ask
}

// newDemonstration makes the data directory with the region's participants in it.
func (env *environment) newDemonstration(ctx context.Context, o demoOptions) (*demonstration, error) {
	operator, err := currentUser()
	if err != nil {
		return nil, err
	}
	quiet := *env
	quiet.Quiet = true
	if err := quiet.initialise(initOptions{listen: demoAddress(), web: "127.0.0.1:0", insecure: true, unknown: unknownReject}); err != nil {
		return nil, err
	}
	c, err := env.loadConfiguration()
	if err != nil {
		return nil, err
	}
	c.LogLevel = "error" // the picture is the log
	store, err := env.openStore()
	if err != nil {
		return nil, err
	}
	s, err := newSystem(ctx, env, c, store)
	if err != nil {
		return nil, errors.Join(err, store.Close(ctx))
	}
	d := &demonstration{
		system: s, operator: operator, persons: make(chan int, 64),
		region: simulate.New(simulate.Config{Seed: o.seed, Start: env.Now(), Patients: o.patients, Rate: o.rate}),
	}
	return d, nil
}

// demoAddress is the usual MLLP address, or any free one where that is taken.
func demoAddress() string {
	l, err := net.Listen("tcp", "127.0.0.1:2575")
	if err != nil {
		return "127.0.0.1:0"
	}
	l.Close()
	return "127.0.0.1:2575"
}

// run registers the region, starts everything, and stops it in the order of the
// message's path when ctx ends.
func (d *demonstration) run(ctx context.Context) error {
	receiver, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return lockport.Errorf(lockport.Internal, "", "the feeds have nowhere to go: %w", err)
	}
	provider := &mllp.Server{Handler: mllp.HandlerFunc(d.receiveFeed)}
	done := make(chan error, 1)
	go provider.Serve(receiver) // it ends with an error only when it is shut down
	if err := d.register(ctx, receiver.Addr().String()); err != nil {
		return err
	}
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	go func() { done <- d.system.run(serving) }()
	select {
	case err := <-done:
		return err
	case <-d.ready:
	}
	d.live(ctx)
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	if err := d.store.WaitApplied(patience, d.store.End()); err != nil {
		return err
	}
	stop()
	if err := <-done; err != nil {
		return err
	}
	if err := provider.Shutdown(patience); err != nil {
		return lockport.Errorf(lockport.Internal, "", "the receiving end did not stop: %w", err)
	}
	return d.farewell(patience)
}

// register journals the region's directory, and a feed for each of the first
// provider applications.
func (d *demonstration) register(ctx context.Context, receiver string) error {
	const feeds = 6
	changes := d.region.Directory()
	for _, c := range changes {
		if c.Application == nil || !hasRole(*c.Application, directory.Provider) || d.feeds == feeds {
			continue
		}
		d.feeds++
		changes = append(changes, directory.Change{Op: directory.Put, Operator: d.operator, Feed: &directory.Feed{
			ID: lockport.FeedID(c.Application.ID + "-results"), Application: c.Application.ID,
			Kind: directory.ResultsFeed, To: receiver, Insecure: true,
		}})
	}
	entries := make([]lockport.Entry, len(changes))
	for i := range changes {
		entries[i] = lockport.Entry{Kind: lockport.EntryDirectory, Time: d.now(), Body: &changes[i]}
	}
	receipts, err := d.store.Append(ctx, entries)
	if err != nil {
		return err
	}
	return d.store.WaitApplied(ctx, receipts[len(receipts)-1].Seq)
}

// farewell verifies the journal and says what was.
func (d *demonstration) farewell(ctx context.Context) error {
	report, err := d.store.Verify(ctx, nil)
	if err != nil {
		return err
	}
	f := d.meter.read()
	fmt.Fprintf(d.env.Out, "\nStopped. %d messages acknowledged, %d consents signed, %d questions answered, %d results delivered.\n",
		f.Answered["AA"]+f.Answered["CA"], d.consents.read(), total(f.Queries), f.Rows[lockport.Delivered])
	if report.Bad != nil {
		return lockport.Errorf(lockport.Corrupt, "", "the journal does not verify: entry %d: %s", report.Bad.Seq, report.Bad.What)
	}
	fmt.Fprintf(d.env.Out, "The journal's %d entries verify, from the first to the last.\n", report.Entries)
	if n := d.failures.read(); n > 0 {
		return lockport.Errorf(lockport.Internal, "", "%d exchanges failed", n)
	}
	return nil
}
