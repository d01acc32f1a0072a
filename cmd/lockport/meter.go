package main

import (
	"sync"
	"time"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
)

// meter counts what the parts of a running server tell it. Nothing in it names a patient.
// It implements the observers of mllp, broker and query.
type meter struct {
	now func() time.Time

	mu      sync.Mutex
	figures figures
}

// figures are what was counted since the server started.
type figures struct {
	Connections int                                 `json:"connections"` // open at this moment
	Answered    map[string]uint64                   `json:"answered"`    // by MSA-1
	Duplicates  uint64                              `json:"duplicates"`  // answered again with the stored answer
	LastAnswer  time.Time                           `json:"last_answer,omitzero"`
	Refused     map[string]uint64                   `json:"refused_connections"` // by reason
	Queries     map[audit.Outcome]uint64            `json:"queries"`             // by outcome
	Records     uint64                              `json:"records_released"`
	Rows        map[lockport.DeliveryOutcome]uint64 `json:"feed_rows"` // by outcome
}

// newMeter returns a meter at zero.
func newMeter(now func() time.Time) *meter {
	return &meter{now: now, figures: figures{
		Answered: map[string]uint64{}, Refused: map[string]uint64{},
		Queries: map[audit.Outcome]uint64{}, Rows: map[lockport.DeliveryOutcome]uint64{},
	}}
}

// read returns a copy of the figures.
func (m *meter) read() figures {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.figures
	f.Answered, f.Refused, f.Queries, f.Rows = copyCounts(f.Answered), copyCounts(f.Refused), copyCounts(f.Queries), copyCounts(f.Rows)
	return f
}

// copyCounts copies a map of counters.
func copyCounts[K comparable](counts map[K]uint64) map[K]uint64 {
	out := make(map[K]uint64, len(counts))
	for k, n := range counts {
		out[k] = n
	}
	return out
}

// Connection implements mllp.Observer.
func (m *meter) Connection(delta int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.figures.Connections += delta
}

// Refused implements mllp.Observer.
func (m *meter) Refused(reason string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.figures.Refused[reason]++
}

// Frame implements mllp.Observer. Frames are counted by their answers.
func (m *meter) Frame(int, time.Duration) {}

// Answered implements broker.Observer.
func (m *meter) Answered(_, code string, duplicate bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.figures.Answered[code]++
	m.figures.LastAnswer = m.now().UTC()
	if duplicate {
		m.figures.Duplicates++
	}
}

// Asked implements query.Observer.
func (m *meter) Asked(_ string, outcome audit.Outcome, records int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.figures.Queries[outcome]++
	m.figures.Records += uint64(records)
}

// FeedRow implements broker.FeedObserver.
func (m *meter) FeedRow(_ lockport.FeedID, outcome lockport.DeliveryOutcome) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.figures.Rows[outcome]++
}
