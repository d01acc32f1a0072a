package main

import (
	"context"
	"fmt"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/repository"
)

// scrub lets the repository read itself through once a week until ctx ends. Damage is an
// error in the log, which names the file and what helps; that a pass could not be made is
// no reason to stop the server.
func (s *system) scrub(ctx context.Context) {
	err := s.store.Scrub(ctx, func(f repository.Finding) {
		s.log.Error().Str("file", f.File).Str("what", f.What).Str("do", f.Do).Msg("damage found")
	})
	if err != nil {
		s.log.Error().Str("kind", lockport.KindOf(err).String()).Err(err).Msg("the repository is not read through any more")
	}
}

// drawScrub says when the repository was last read through, and with what result.
func (env *environment) drawScrub(t *table, r repository.ScrubReport) {
	if r.Finished.IsZero() {
		t.add("scrub", "not yet")
		return
	}
	when := fmt.Sprintf("%s, %s read, ", cell(r.Finished), bytesText(r.Bytes))
	if len(r.Findings) == 0 {
		t.add("scrub", painted(when)+env.paint(green, "sound"))
		return
	}
	t.add("scrub", painted(when)+env.paint(red, plural(len(r.Findings), "finding")))
	for _, f := range r.Findings {
		t.add("", env.paint(red, f.File+": "+f.What)+painted("; "+f.Do))
	}
}
