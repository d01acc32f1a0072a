package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// newStatus makes "lockport status".
func newStatus(env *environment) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show how the running server is doing",
		Long: `Show the running server on one screen: what it listens at, who sends, what is stored and
applied, what waits for an operator, how far the feeds are, and how fast the disk is.`,
		Example: `  lockport status
  lockport status --output json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := call[statusAnswer](cmd.Context(), env, pathStatus, nothing{})
			if err != nil {
				return err
			}
			return env.show(a, func(t *table) { a.draw(env, t) })
		},
	}
}

// draw fills the table.
func (a statusAnswer) draw(env *environment, t *table) {
	t.add("server", fmt.Sprintf("%s, version %s, up %s", a.Dir, a.Version, (time.Duration(a.Uptime)*time.Second)))
	for _, l := range a.Listeners {
		mode := env.paint(green, "client certificates")
		if l.Insecure {
			mode = env.paint(red, "insecure")
		}
		t.add("mllp", painted(l.Address)+", "+mode)
	}
	s := a.Sources
	t.add("directory", fmt.Sprintf("%s, %s, %s (%d on trial), %s", plural(s.Participants, "participant"), plural(s.Locations, "location"),
		plural(s.Sources, "source"), s.Trial, plural(s.Providers, "provider application")))
	t.add("entries", fmt.Sprintf("%d stored, %d applied, %d waiting", a.Entries, a.Applied, a.Backlog))
	t.add("last entry", a.LastEntry)
	t.add("answers", counts(a.Traffic.Answered)+fmt.Sprintf(", %d repeated, %d connections open", a.Traffic.Duplicates, a.Traffic.Connections))
	t.add("last answer", a.Traffic.LastAnswer)
	t.add("queries", counts(a.Traffic.Queries)+fmt.Sprintf(", %d records", a.Traffic.Records))
	t.add("quarantine", fmt.Sprintf("%d waiting for an operator", a.Quarantined))
	if a.Failed > 0 {
		t.add("failed", env.paint(red, plural(int(a.Failed), "entry")+" could not be applied"))
	}
	for _, f := range a.Feeds {
		t.add("feed "+string(f.ID), fmt.Sprintf("%s, %d waiting, %d delivered, %d withheld%s", f.State, f.Waiting, f.Delivered, f.Withheld, f.trouble()))
	}
	t.add("disk", fmt.Sprintf("journal %s in %s, record %s, window %s", bytesText(a.Disk.Journal), plural(a.Disk.Files, "file"), bytesText(a.Disk.Record), bytesText(a.Disk.Window)))
	if a.Full {
		t.add("disk full", env.paint(red, "nothing is taken until there is room"))
	}
	t.add("commit", fmt.Sprintf("last %.1f ms, median %.1f ms, p99 %.1f ms", a.Commit.Last, a.Commit.P50, a.Commit.P99))
	env.drawScrub(t, a.Scrub)
}

// counts writes counters by name.
func counts[K ~string](m map[K]uint64) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, fmt.Sprintf("%d %s", m[k], k))
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// bytesText writes a size for people.
func bytesText(n int64) string {
	size, units := float64(n), []string{"B", "KiB", "MiB", "GiB", "TiB"}
	i := 0
	for ; size >= 1024 && i < len(units)-1; i++ {
		size /= 1024
	}
	if i == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", size, units[i])
}
