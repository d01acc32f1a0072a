package main

import (
	"context"
	"net"
	"net/http"

	"github.com/lockport-hie/lockport/web"
)

// readyBacklog is how many entries the record may lag behind before the server calls
// itself not ready: from there on senders are made to wait.
const readyBacklog = 5000

// health says what state the server is in.
func (s *system) health() web.Health {
	st := s.store.Stats()
	h := web.Health{Ready: true, Backlog: st.Backlog}
	switch {
	case st.Failed:
		h.Ready, h.Reason = false, "the repository has failed"
	case st.Full:
		h.Ready, h.Reason = false, "the disk is full"
	case st.Backlog > readyBacklog:
		h.Ready, h.Reason = false, "the record is behind"
	}
	return h
}

// serveWeb answers HTTP until stop is done. An address that is taken is no reason to
// refuse messages: it is logged, and everything else runs.
func (s *system) serveWeb(stop context.Context) error {
	if s.config.Web == "" {
		return nil
	}
	l, err := net.Listen("tcp", s.config.Web)
	if err != nil {
		s.log.Warn().Str("address", s.config.Web).Err(err).Msg("nothing is served over HTTP: set web: in the configuration")
		return nil
	}
	return serveHTTP(stop, l, &http.Server{Handler: web.Handler(s.health)})
}
