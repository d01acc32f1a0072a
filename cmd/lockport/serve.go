package main

import (
	"context"
	"errors"
	"net"
	"runtime/debug"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockport-hie/lockport"
)

const serveHelp = `Run the exchange of a data directory until SIGINT or SIGTERM: take messages over MLLP, answer
queries, deliver feeds, and do what other commands ask for over DIR/lockport.sock. Only one
server can run for a directory.

On SIGINT or SIGTERM it takes no new messages, answers those that have begun, and closes the
repository. It logs to stderr, one JSON object a line, without content of messages.`

// drainTime is how long messages that have begun may take when the server stops.
const drainTime = 10 * time.Second

// newServe makes "lockport serve".
func newServe(env *environment) *cobra.Command {
	return &cobra.Command{
		Use:     "serve",
		Short:   "Run the exchange of a data directory",
		Long:    serveHelp,
		Example: "  lockport serve --dir /var/lib/lockport",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return env.serve(cmd.Context()) },
	}
}

// rarerCollections lets the heap grow to five times what is in use before it is
// collected. A server has some twenty megabytes in use and much garbage: for a
// hundred megabytes more, a hundred senders get a sixth more through, and a quarter
// less wait at the slow end. GOGC says otherwise.
func (env *environment) rarerCollections() {
	if env.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
}

// serve runs the server of the data directory until ctx ends.
func (env *environment) serve(ctx context.Context) error {
	env.rarerCollections()
	c, err := env.loadConfiguration()
	if err != nil {
		return err
	}
	store, err := env.openStore()
	if err != nil {
		return explainOpen(env, err)
	}
	s, err := newSystem(ctx, env, c, store)
	if err == nil {
		err = s.run(ctx)
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	closed := store.Close(closing) // what is still queued can fail as well
	if failed := store.Err(); failed != nil && err == nil {
		err = lockport.Errorf(lockport.Internal, "", "the repository has failed and the server has stopped: %w", failed)
	}
	return errors.Join(err, closed)
}

// explainOpen says what to do where the store does not open.
func explainOpen(env *environment, err error) error {
	if lockport.KindOf(err) == lockport.Conflict {
		return lockport.Errorf(lockport.Conflict, "", "another server is running for %s: ask it with `lockport status --dir %s`, or stop it first", env.Dir, env.Dir)
	}
	return err
}

// run serves until ctx ends, the store fails or a part ends, then drains. The control
// socket opens last: whoever can reach it finds everything else working.
func (s *system) run(ctx context.Context) error {
	socket, err := s.openDoors(ctx)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var parts sync.WaitGroup
	part := func(run func() error) {
		parts.Go(func() {
			if err := run(); err != nil {
				stop(err)
			}
		})
	}
	for _, l := range s.listeners {
		part(func() error { return l.serve() })
	}
	after, afterwards := context.WithCancel(context.WithoutCancel(ctx))
	defer afterwards()
	part(func() error {
		control := &controlServer{operators: s.config.Operators, verbs: s.verbs()}
		return serveControl(after, socket, control.handler())
	})
	part(func() error { return s.serveWeb(after) })
	part(func() error { s.runFeeds(ctx); return nil })
	part(func() error { s.scrub(ctx); return nil })
	s.log.Info().Str("dir", s.env.Dir).Uint64("entries", uint64(s.store.End())).Msg("serving")
	close(s.ready)
	select {
	case <-ctx.Done():
	case <-s.store.Failed():
	}
	s.log.Info().Msg("stopping")
	s.drain()
	stop(nil)
	afterwards()
	parts.Wait()
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// openDoors opens every address of the configuration and the control socket, or nothing.
func (s *system) openDoors(ctx context.Context) (socket net.Listener, err error) {
	if err = s.listen(); err != nil {
		return nil, err
	}
	if err = s.admitInsecure(ctx); err == nil {
		socket, err = s.env.listenControl(s.config.SocketGroup)
	}
	if err != nil {
		s.closeListeners()
	}
	return socket, err
}
