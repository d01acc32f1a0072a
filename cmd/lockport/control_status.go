package main

import (
	"context"
	"time"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/directory"
	"github.com/lockport-hie/lockport/repository"
)

const pathStatus = "/v1/status"

// statusVerbs is the verb of status.
func (s *system) statusVerbs() []verb {
	return []verb{verbOf(pathStatus, "", s.status)}
}

// statusAnswer is the state of a running server on one screen.
type statusAnswer struct {
	Version     string            `json:"version"`
	Dir         string            `json:"dir"`
	Started     time.Time         `json:"started"`
	Uptime      float64           `json:"uptime_seconds"`
	Listeners   []shownListener   `json:"listeners"`
	Sources     sourceCounts      `json:"sources"`
	Entries     lockport.Seq      `json:"entries"`
	Applied     lockport.Seq      `json:"applied"`
	Backlog     uint64            `json:"backlog"`
	Kinds       map[string]uint64 `json:"entries_by_kind"`
	LastEntry   time.Time         `json:"last_entry,omitzero"`
	Quarantined int               `json:"quarantined"` // waiting for an operator
	Failed      uint64            `json:"projection_failed"`
	Feeds       []shownFeed       `json:"feeds"`
	Disk        diskUse           `json:"disk"`
	Commit      commitTimes       `json:"commit"`
	Full        bool              `json:"disk_full"`
	Traffic     figures           `json:"since_start"`

	Scrub repository.ScrubReport `json:"scrub"` // when the repository was last read through
}

// shownListener is one MLLP address that is open.
type shownListener struct {
	Address  string `json:"address"`
	Insecure bool   `json:"insecure"`
}

// sourceCounts counts what the directory holds.
type sourceCounts struct {
	Participants int `json:"participants"`
	Locations    int `json:"locations"`
	Sources      int `json:"sources"` // applications that send, those on trial included
	Trial        int `json:"on_trial"`
	Providers    int `json:"providers"` // applications that ask and receive
}

// diskUse is what the repository takes, in bytes.
type diskUse struct {
	Journal int64 `json:"journal_bytes"`
	Files   int   `json:"journal_files"`
	Record  int64 `json:"record_bytes"`
	Window  int64 `json:"window_bytes"`
}

// commitTimes is how long the disk takes for one group of entries, in milliseconds.
type commitTimes struct {
	Last float64 `json:"last_ms"`
	P50  float64 `json:"p50_ms"`
	P99  float64 `json:"p99_ms"`
	N    uint64  `json:"groups"`
}

// milliseconds turns a duration into a number for JSON.
func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// status looks at everything once.
func (s *system) status(ctx context.Context, _ caller, _ nothing) (statusAnswer, error) {
	d, err := s.directory(ctx)
	if err != nil {
		return statusAnswer{}, err
	}
	stats := s.store.Stats()
	a := statusAnswer{
		Version: readVersion().Version, Dir: s.env.Dir, Started: s.started.UTC(), Uptime: s.env.Now().Sub(s.started).Seconds(),
		Sources: countSources(d), Entries: stats.Entries, Applied: stats.Applied, Backlog: stats.Backlog,
		Kinds: map[string]uint64{}, Failed: stats.Poisoned, Full: stats.Full, Traffic: s.meter.read(), Listeners: []shownListener{}, Scrub: s.store.LastScrub(),
		Disk:   diskUse{stats.JournalBytes, stats.JournalFiles, stats.RecordBytes, stats.WindowBytes},
		Commit: commitTimes{milliseconds(stats.CommitLast), milliseconds(stats.CommitP50), milliseconds(stats.CommitP99), stats.Commits},
	}
	for kind, n := range stats.Counts {
		a.Kinds[kind.String()] = n
	}
	for _, l := range s.listeners {
		a.Listeners = append(a.Listeners, shownListener{l.socket.Addr().String(), l.config.Insecure})
	}
	if a.LastEntry, err = lastEntryTime(ctx, s.store); err != nil {
		return statusAnswer{}, err
	}
	if a.Quarantined, err = s.countQuarantined(ctx); err != nil {
		return statusAnswer{}, err
	}
	a.Feeds, err = s.listFeeds(ctx, caller{}, nothing{})
	return a, err
}

// countSources counts the directory.
func countSources(d *directory.Directory) sourceCounts {
	c := sourceCounts{Participants: len(d.Participants()), Locations: len(d.Locations())}
	for _, a := range d.Applications() {
		for _, r := range a.Roles {
			if r == directory.Source {
				c.Sources++
			} else {
				c.Providers++
			}
		}
		if a.Trial {
			c.Trial++
		}
	}
	return c
}
