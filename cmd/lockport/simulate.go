package main

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"iter"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/consent"
	"github.com/lockport-hie/lockport/internal/simulate"
	"github.com/lockport-hie/lockport/mllp"
)

const simulateHelp = `Make a synthetic region of New York, with hospitals, laboratories, practices and people who are
ill, and write or send what their systems would send. The same seed gives the same messages.

--out writes a stream of MLLP frames (.gz compresses it). --to sends; with --register the
region's organisations, systems and clinicians are first registered with the running server
of --dir, and the consents that its people sign are recorded there. Without it the server has
to accept unknown sources.`

// simulateOptions are the flags of simulate.
type simulateOptions struct {
	config   simulate.Config
	out      string
	to       string
	register bool
	tls      tlsFlags
}

// newSimulate makes "lockport simulate".
func newSimulate(env *environment) *cobra.Command {
	var o simulateOptions
	cmd := &cobra.Command{
		Use:   "simulate --out FILE|--to ADDR",
		Short: "Make or send the messages of a synthetic region",
		Long:  simulateHelp,
		Example: `  lockport simulate --out region.mllp.gz --days 30 --seed 7
  lockport simulate --to 127.0.0.1:2575 --register --rate 20`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case (o.out == "") == (o.to == ""):
				return usagef("say --out FILE or --to ADDR")
			case o.out != "" && o.register:
				return usagef("--register goes with --to")
			case o.out != "" && o.config.Days <= 0:
				return usagef("--out needs --days: a stream without an end fits into no file")
			case o.out != "":
				return env.simulateFile(o)
			}
			return env.simulateLive(cmd.Context(), o)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.out, "out", "", "file to write, - for standard output")
	flags.StringVar(&o.to, "to", "", "MLLP address to send to, host:port")
	flags.BoolVar(&o.register, "register", false, "register the region with the server of --dir and record its consents")
	flags.IntVar(&o.config.Patients, "patients", 2000, "people who live in the region")
	flags.IntVar(&o.config.Locations, "locations", 60, "connected places")
	flags.IntVar(&o.config.Days, "days", 7, "days to simulate, 0 for no end")
	flags.Uint64Var(&o.config.Seed, "seed", 1, "seed")
	flags.Float64Var(&o.config.Rate, "rate", 0, "messages a second, played at their times (0: the population's own pace, sent as fast as they are taken)")
	o.tls.add(flags)
	return cmd
}

// simulateFile writes the stream into a file.
func (env *environment) simulateFile(o simulateOptions) (err error) {
	var sink io.WriteCloser = nopCloser{env.Out}
	if o.out != "-" {
		if sink, err = os.Create(o.out); err != nil {
			return lockport.Errorf(lockport.Invalid, "", "%w", err)
		}
	}
	var packed *gzip.Writer
	w := io.Writer(sink)
	if strings.HasSuffix(o.out, ".gz") {
		packed = gzip.NewWriter(sink)
		w = packed
	}
	bar := env.newProgress("messages")
	n := 0
	counted := func(yield func(simulate.Event) bool) {
		for e := range simulate.New(o.config).Events() {
			if e.Message != nil {
				n++
				bar.set(n)
			}
			if !yield(e) {
				return
			}
		}
	}
	buffered := bufio.NewWriterSize(w, 1<<16)
	err = errors.Join(simulate.WriteMLLP(buffered, counted), buffered.Flush())
	if packed != nil {
		err = errors.Join(err, packed.Close())
	}
	err = errors.Join(err, sink.Close())
	bar.clear()
	if err != nil {
		return lockport.Errorf(lockport.Internal, "simulate", "%w", err)
	}
	env.notef("%s written to %s", plural(n, "message"), o.out)
	return nil
}

// nopCloser keeps a writer open.
type nopCloser struct{ io.Writer }

// Close does nothing.
func (nopCloser) Close() error { return nil }

// simulateLive sends the stream, and enters what has to be entered by hand.
func (env *environment) simulateLive(ctx context.Context, o simulateOptions) error {
	config, err := o.tls.client()
	if err != nil {
		return err
	}
	region := simulate.New(o.config)
	if o.register {
		q := changeQuestion{Changes: region.Directory()}
		if _, err := call[changeAnswer](ctx, env, pathDirectoryChange, q); err != nil {
			return err
		}
	}
	s := &sender{env: env, bar: env.newProgress("sent"), client: &mllp.Client{Address: o.to, TLS: config, Match: matches}}
	defer s.client.Close()
	signed := 0
	for e := range env.played(ctx, region.Events(), o.config.Rate > 0) {
		switch {
		case e.Message != nil:
			err = s.one(ctx, foundMessage{content: e.Message, from: string(e.Application)})
		case o.register:
			signed++
			err = env.sign(ctx, e.Consent)
		}
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			return err
		}
	}
	s.bar.clear()
	env.notef("%d sent, %d accepted, %d not, %s recorded", s.sent, s.sent-s.failed, s.failed, plural(signed, "consent"))
	if s.failed > 0 {
		return &errSilent{}
	}
	return nil
}

// sign records a consent of the stream as a front desk would.
func (env *environment) sign(ctx context.Context, c *simulate.ConsentEvent) error {
	_, err := call[sequenceAnswer](ctx, env, pathConsentRecord, recordConsentQuestion{
		Patient: c.Patient.Value + "^^^" + string(c.Patient.Authority), Participant: c.Participant, Community: c.Community,
		Decision: consent.Value(c.Value), Signed: string(c.Signed), Form: c.Form, Signer: c.Signer,
	})
	return err
}

// played yields events at their own pace, beginning at once, or as fast as they are taken.
func (env *environment) played(ctx context.Context, events iter.Seq[simulate.Event], paced bool) iter.Seq[simulate.Event] {
	return func(yield func(simulate.Event) bool) {
		begun := env.Now()
		var first time.Time
		for e := range events {
			if first.IsZero() {
				first = e.At
			}
			if paced && !wait(ctx, e.At.Sub(first)-env.Now().Sub(begun)) || ctx.Err() != nil {
				return
			}
			if !yield(e) {
				return
			}
		}
	}
}

// wait waits for a duration; false means that ctx ended first.
func wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
