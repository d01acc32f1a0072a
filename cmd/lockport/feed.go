package main

import (
	"net"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/directory"
	"github.com/lockport-hie/lockport/mllp"
)

// feedNoun is the noun "feed".
func feedNoun() noun[shownFeed] {
	return noun[shownFeed]{
		name: "feed", list: pathFeedList, example: "famcare-results",
		columns: []string{"id", "application", "kind", "to", "state", "waiting", "lag", "delivered", "withheld", "attempts", "last error", "from", "tls ca", "insecure"}, listed: 9,
		row: func(f shownFeed) []any {
			lag := time.Duration(f.Lag) * time.Second
			return []any{f.ID, f.Application, f.Kind, f.To, f.State, f.Waiting, lag, f.Delivered, f.Withheld, f.Attempts, f.Error, f.From, f.CA, f.Insecure}
		},
		id: func(f shownFeed) string { return string(f.ID) },
		remove: func(id string) directory.Change {
			return directory.Change{Op: directory.Remove, Feed: &directory.Feed{ID: lockport.FeedID(id)}}
		},
	}
}

// newFeed makes "lockport feed".
func newFeed(env *environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "feed",
		Short: "Streams of new results to provider applications",
		Long: `A feed sends each new result of consenting patients to a provider application over MLLP, in
order. Consent is asked for again at the moment of each delivery. A destination that does not
answer, or refuses, is tried again until it takes the message.`,
	}
	cmd.AddCommand(newFeedAdd(env), newFeedPause(env, "pause", true), newFeedPause(env, "resume", false), newFeedRetry(env), newFeedUncorrected(env))
	cmd.AddCommand(feedNoun().commands(env)...)
	return cmd
}

// feedOptions are the flags of "feed add".
type feedOptions struct {
	feed     directory.Feed
	patients string
	kind     string
	from     string
	replace  bool
}

// newFeedAdd makes "lockport feed add".
func newFeedAdd(env *environment) *cobra.Command {
	var o feedOptions
	cmd := &cobra.Command{
		Use:   "add ID --application APPLICATION --kind results --to ADDR",
		Short: "Register a stream to a provider application",
		Long: `Register a stream to a provider application. It carries the results that arrive from now on,
or from a later time. Without --tls-ca the destination must be on this machine, or --insecure
must be said.`,
		Example: `  lockport feed add famcare-results --application ehr.famcare --kind results --to 127.0.0.1:2600
  lockport feed add famcare-results --application ehr.famcare --kind results --to ehr.example:2600 --tls-ca ehr-ca.pem`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.feed.ID = lockport.FeedID(args[0])
			if err := o.check(env); err != nil {
				return err
			}
			return env.change(cmd, changeQuestion{Changes: []directory.Change{{Op: directory.Put, Feed: &o.feed}}, Replace: o.replace})
		},
	}
	flags := cmd.Flags()
	flags.StringVar((*string)(&o.feed.Application), "application", "", "provider application that receives")
	flags.StringVar(&o.kind, "kind", string(directory.ResultsFeed), "what it carries: results or documents")
	flags.StringVar(&o.feed.To, "to", "", "MLLP address of the destination, host:port")
	flags.StringVar(&o.feed.CA, "tls-ca", "", "file with the authorities that vouch for the destination (PEM)")
	flags.BoolVar(&o.feed.Insecure, "insecure", false, "plain MLLP to another machine")
	flags.Var(newChoice(&o.patients, "consented", "consented"), "patients", "whose results: of all who consented")
	flags.StringVar(&o.from, "from", "now", "now, or a later time, RFC 3339")
	replaceFlag(cmd, &o.replace)
	require(cmd, "application", "to")
	return cmd
}

// check reads the flags that are more than text.
func (o *feedOptions) check(env *environment) (err error) {
	if o.feed.Kind, err = directory.ParseFeedKind(o.kind); err != nil {
		return &usageError{err}
	}
	if o.from != "now" {
		if o.feed.From, err = time.Parse(time.RFC3339, o.from); err != nil {
			return usagef("--from wants now or a time, RFC 3339")
		}
		if o.feed.From.Before(env.Now()) {
			return usagef("--from lies in the past: a feed carries what arrives after it was registered")
		}
	}
	if o.feed.CA != "" {
		// The server stands in another directory than the caller.
		if o.feed.CA, err = filepath.Abs(o.feed.CA); err != nil {
			return usagef("--tls-ca: %w", err)
		}
		if _, err := mllp.ClientTLS("", "", o.feed.CA); err != nil {
			return usagef("--tls-ca: %w", err)
		}
	}
	host, _, err := net.SplitHostPort(o.feed.To)
	if err != nil {
		return usagef("--to wants host:port")
	}
	if o.feed.CA == "" && isLoopback(host) {
		o.feed.Insecure = true
	}
	if o.feed.CA == "" && !o.feed.Insecure {
		return usagef("%s is another machine: give --tls-ca, or say --insecure", host)
	}
	return nil
}

// newFeedUncorrected makes "lockport feed uncorrected".
func newFeedUncorrected(env *environment) *cobra.Command {
	var q limitQuestion
	cmd := &cobra.Command{
		Use:   "uncorrected",
		Short: "List who holds a version that was corrected and may not have the correction",
		Long: `List the providers that received a result or document which was corrected, retracted or replaced
since, while consent keeps the correction from them. The privacy desk decides how they learn of it.`,
		Example: "  lockport feed uncorrected",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := call[[]shownUncorrected](cmd.Context(), env, pathFeedUncorrected, q)
			if err != nil {
				return err
			}
			return env.show(list, func(t *table) {
				t.head = []string{"withheld", "feed", "participant", "registration", "correction", "reason"}
				for _, u := range list {
					t.add(u.Withheld, u.Feed, u.Participant, u.Registration, u.Correction, u.Reason)
				}
			})
		},
	}
	limitFlag(cmd, &q.Limit)
	return cmd
}

// newFeedPause makes "lockport feed pause" and "lockport feed resume".
func newFeedPause(env *environment, name string, paused bool) *cobra.Command {
	what := map[bool]string{true: "Stop delivering; what arrives waits", false: "Deliver again, beginning with what has waited"}[paused]
	return &cobra.Command{
		Use:     name + " ID",
		Short:   what,
		Long:    what + ".",
		Example: "  lockport feed " + name + " famcare-results",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return env.done(call[changeAnswer](cmd.Context(), env, pathFeedPause, pauseQuestion{lockport.FeedID(args[0]), paused}))
		},
	}
}

// newFeedRetry makes "lockport feed retry".
func newFeedRetry(env *environment) *cobra.Command {
	return &cobra.Command{
		Use:     "retry ID",
		Short:   "Try again at once",
		Long:    "Let a feed that waits for its next attempt try again at once.",
		Example: "  lockport feed retry famcare-results",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return env.done(call[changeAnswer](cmd.Context(), env, pathFeedRetry, feedQuestion{lockport.FeedID(args[0])}))
		},
	}
}
