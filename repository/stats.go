package repository

import (
	"time"

	"github.com/lockport-hie/lockport"
)

// Stats are figures about a store. They hold no content.
type Stats struct {
	Entries        lockport.Seq                  `json:"entries"`
	Applied        lockport.Seq                  `json:"applied"`
	Backlog        uint64                        `json:"backlog"` // entries the record has yet to apply
	JournalFiles   int                           `json:"journal_files"`
	JournalBytes   int64                         `json:"journal_bytes"` // on disk, without the holes of files that have grown ahead
	RecordBytes    int64                         `json:"record_bytes"`
	WindowBytes    int64                         `json:"window_bytes"`
	Commits        uint64                        `json:"commits"`            // groups since the store was opened
	CommitLast     time.Duration                 `json:"commit_last"`        // writing and flushing one group
	CommitP50      time.Duration                 `json:"commit_p50"`         // of the last 1,024 groups
	CommitP99      time.Duration                 `json:"commit_p99"`         //
	Counts         map[lockport.EntryKind]uint64 `json:"counts"`             // applied entries by kind
	Poisoned       uint64                        `json:"projection_failed"`  // entries whose projection failed
	FreePages      int                           `json:"record_free_pages"`  // many make the record slow: compact it
	Full           bool                          `json:"full"`               // the last commit found no room
	Failed         bool                          `json:"failed"`             // nothing is acknowledged any more
	DuplicateCache int                           `json:"window_unpersisted"` // tokens of the duplicate window that are only in memory
}

// Stats returns the store's figures at this moment.
func (s *Store) Stats() Stats {
	out := Stats{
		Applied:        s.Applied(),
		WindowBytes:    s.window.bytes(),
		RecordBytes:    diskUsage(s.record.path),
		Counts:         make(map[lockport.EntryKind]uint64),
		Full:           s.full.Load() || s.recordFull.Load(),
		Failed:         s.Err() != nil,
		DuplicateCache: s.window.waiting(),
	}
	out.Entries = s.End()
	out.Backlog = uint64(out.Entries - out.Applied)
	for _, f := range s.journal.all() {
		out.JournalFiles++
		out.JournalBytes += diskUsage(f.path)
	}
	out.CommitLast, out.CommitP50, out.CommitP99, out.Commits = s.commit.latency.percentiles()
	p := s.progress.Load()
	for kind, n := range p.counts {
		if n > 0 {
			out.Counts[lockport.EntryKind(kind)] = n
		}
	}
	out.Poisoned = p.poison
	pages := s.record.db.Stats()
	out.FreePages = pages.FreePageN
	return out
}
