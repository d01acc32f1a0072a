package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/projection"
	"github.com/lockport-hie/lockport/repository"
)

const benchIngestHelp = `Measure how fast messages are taken on this machine: from the socket of an EHR to the
acknowledgement, and until the record shows them. For each number of connections a fresh store
gets result messages from senders in the same process, each of which waits for its answer; so
the senders' work is in the figures.

Beside it, in the same run and the same folder, stand two bounds: how often a second a plain
file takes 4 KiB and a flush, and what a server gives that only appends, flushes in groups and
answers. Compare ratios, not figures of two days.

--flush adds a time to every flush, as a slower disk would take.`

// benchOptions are the flags of bench ingest.
type benchOptions struct {
	connections []int
	lasting     time.Duration
	rate        float64
	flush       time.Duration
	patients    int
	preload     int
	reads       bool
	backup      bool
	keep        string
}

// newBench makes "lockport bench".
func newBench(env *environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure this machine",
		Long:  "Measure what this build gives on this machine, beside what the machine itself can give.",
		Args:  cobra.NoArgs,
	}
	cmd.AddCommand(newBenchIngest(env), newBenchOpen(env))
	return cmd
}

func newBenchIngest(env *environment) *cobra.Command {
	var o benchOptions
	cmd := &cobra.Command{
		Use:     "ingest",
		Short:   "Measure from socket to acknowledgement and record",
		Long:    benchIngestHelp,
		Example: "  lockport bench ingest\n  lockport bench ingest --connections 16 --for 20s --flush 5ms\n  lockport bench ingest --connections 16 --rate 2000",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return env.benchIngest(cmd.Context(), o) },
	}
	flags := cmd.Flags()
	flags.IntSliceVar(&o.connections, "connections", []int{1, 16, 100}, "senders at the same time, one run for each number")
	flags.DurationVar(&o.lasting, "for", 5*time.Second, "how long each run sends")
	flags.Float64Var(&o.rate, "rate", 0, "messages a second in all; latency then counts from when a message was due (0: as fast as answers come)")
	flags.DurationVar(&o.flush, "flush", 0, "add this to each flush of the disk")
	flags.IntVar(&o.patients, "patients", 100_000, "how many patients the messages are about")
	flags.IntVar(&o.preload, "preload", 0, "messages that the store holds before the measured run begins")
	flags.BoolVar(&o.reads, "reads", false, "ask for the newest 50 results of a patient at the same time, 50 times a second")
	flags.BoolVar(&o.backup, "backup", false, "make backups at the same time, one after the other")
	flags.StringVar(&o.keep, "keep", "", "leave the data directory of the last run here")
	return cmd
}

// benchRow is what one run gave.
type benchRow struct {
	Connections int     `json:"connections"`
	Messages    int     `json:"messages"`
	Rate        float64 `json:"messages_per_second"`
	Projected   float64 `json:"projected_per_second"`
	Backlog     uint64  `json:"backlog"`
	P50         float64 `json:"p50_ms"`
	P99         float64 `json:"p99_ms"`
	Disk        float64 `json:"disk_bytes_per_message"`
	Written     float64 `json:"written_bytes_per_message"`
	Memory      int64   `json:"anonymous_bytes"`
	Bare        float64 `json:"bare_per_second"`
	Flushes     float64 `json:"plain_flushes_per_second"`
	Preload     float64 `json:"preload_per_second,omitempty"` // projected, of the messages before the run
	Backups     int     `json:"backups,omitempty"`
	BackupBytes int64   `json:"backup_bytes,omitempty"`
	Reads       int     `json:"reads,omitempty"`
	ReadResults float64 `json:"results_per_read,omitempty"`
	ReadP50     float64 `json:"read_p50_ms,omitempty"`
	ReadP99     float64 `json:"read_p99_ms,omitempty"`
}

func (env *environment) benchIngest(ctx context.Context, o benchOptions) error {
	if o.lasting <= 0 || o.patients <= 0 || o.rate < 0 || o.flush < 0 || len(o.connections) == 0 {
		return usagef("--for, --patients and --connections want more than nothing")
	}
	var rows []benchRow
	for _, n := range o.connections {
		if n <= 0 || n > 10_000 {
			return usagef("--connections wants numbers from 1 to 10000")
		}
		row, err := env.benchRun(ctx, o, n)
		if err != nil {
			return err
		}
		rows = append(rows, row)
	}
	return env.show(rows, func(t *table) {
		t.head = []string{"connections", "msg/s", "projected/s", "p50 ms", "p99 ms", "bare msg/s", "plain flush/s", "disk B", "written B", "backlog", "anon MB", "preload/s", "read p50", "read p99", "backups"}
		for _, r := range rows {
			t.add(r.Connections, fmt.Sprintf("%.0f", r.Rate), fmt.Sprintf("%.0f", r.Projected),
				fmt.Sprintf("%.2f", r.P50), fmt.Sprintf("%.2f", r.P99), fmt.Sprintf("%.0f", r.Bare), fmt.Sprintf("%.0f", r.Flushes),
				fmt.Sprintf("%.0f", r.Disk), fmt.Sprintf("%.0f", r.Written), r.Backlog, r.Memory>>20,
				fmt.Sprintf("%.0f", r.Preload), fmt.Sprintf("%.2f", r.ReadP50), fmt.Sprintf("%.2f", r.ReadP99), r.Backups)
		}
	})
}

// benchRun measures one number of connections on a store of its own.
func (env *environment) benchRun(ctx context.Context, o benchOptions, connections int) (row benchRow, err error) {
	parent, err := os.MkdirTemp("", "lockport-bench-")
	if err != nil {
		return row, lockport.Errorf(lockport.Internal, "", "no temporary directory: %w", err)
	}
	defer os.RemoveAll(parent)
	row.Connections = connections
	if row.Flushes, err = plainFlushes(filepath.Join(parent, "plain"), time.Second); err != nil {
		return row, err
	}
	if row.Bare, err = benchBare(ctx, filepath.Join(parent, "bare"), o, connections); err != nil {
		return row, err
	}
	quiet := *env
	quiet.Quiet, quiet.Dir = true, cmp.Or(o.keep, filepath.Join(parent, "data"))
	return quiet.benchServer(ctx, o, row)
}

// benchServer runs a server in this process and measures it.
func (env *environment) benchServer(ctx context.Context, o benchOptions, row benchRow) (benchRow, error) {
	env.rarerCollections()
	if err := env.initialise(initOptions{listen: benchAddress(), web: "127.0.0.1:0", insecure: true, unknown: unknownAccept}); err != nil {
		return row, err
	}
	c, err := env.loadConfiguration()
	if err != nil {
		return row, err
	}
	c.LogLevel = "error"
	keys, err := repository.LoadKeys(env.path(keysDir))
	if err != nil {
		return row, err
	}
	store, err := repository.Open(repository.Options{
		Dir: env.path(dataDir), Keys: keys, Now: env.Now, Projector: projection.New(), FlushDelay: o.flush})
	if err != nil {
		return row, err
	}
	s, err := newSystem(ctx, env, c, store)
	if err != nil {
		return row, errors.Join(err, store.Close(ctx))
	}
	serving, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- s.run(serving) }()
	select {
	case err := <-done:
		stop()
		return row, errors.Join(err, store.Close(ctx))
	case <-s.ready:
	}
	row, err = s.benchMeasure(ctx, o, row)
	stop()
	err = errors.Join(err, <-done)
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	err = errors.Join(err, store.Close(closing))
	if err == nil {
		row.Disk = float64(folderBytes(env.path(dataDir))) / float64(row.Messages+o.preload)
	}
	return row, err
}

func (s *system) benchMeasure(ctx context.Context, o benchOptions, row benchRow) (benchRow, error) {
	load := &benchLoad{address: s.listeners[0].socket.Addr().String(), patients: o.patients, connections: row.Connections}
	if o.preload > 0 {
		load.most, load.lasting, load.connections = o.preload, 24*time.Hour, 64
		began := time.Now()
		if _, err := load.run(ctx); err != nil {
			return row, err
		}
		if err := s.benchApplied(ctx); err != nil {
			return row, err
		}
		row.Preload = float64(o.preload) / time.Since(began).Seconds()
		load.most, load.connections = 0, row.Connections
	}
	load.lasting, load.rate = o.lasting, o.rate
	reads, err := s.benchReader(ctx, o)
	if err != nil {
		return row, err
	}
	backups := s.benchBackups(ctx, o)
	written, began := processWritten(), time.Now()
	result, err := load.run(ctx)
	err = errors.Join(err, reads(&row), backups(&row))
	if err != nil {
		return row, err
	}
	row.Messages, row.Rate = len(result.took), float64(len(result.took))/time.Since(began).Seconds()
	row.Backlog = s.store.Stats().Backlog
	if err := s.benchApplied(ctx); err != nil {
		return row, err
	}
	row.Projected = float64(row.Messages) / time.Since(began).Seconds()
	row.Written = float64(processWritten()-written) / float64(row.Messages)
	row.Memory = anonymousMemory()
	row.P50, row.P99 = result.percentile(50), result.percentile(99)
	return row, nil
}

// benchApplied waits until the record has everything.
func (s *system) benchApplied(ctx context.Context) error {
	for {
		err := s.store.WaitApplied(ctx, s.store.End())
		if lockport.KindOf(err) != lockport.Unavailable || s.store.Err() != nil {
			return err
		}
	}
}
