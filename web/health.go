package web

import (
	"encoding/json"
	"net/http"
)

// Health is what the wiring knows about the running server.
type Health struct {
	Ready   bool   `json:"ready"`            // messages are taken and acknowledged
	Reason  string `json:"reason,omitempty"` // why not, without content
	Backlog uint64 `json:"backlog"`          // journal entries the record has yet to apply
}

// Handler answers /healthz (the process lives) and /readyz (it takes messages:
// 200, or 503 with the reason).
func Handler(health func() Health) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		write(w, http.StatusOK, struct {
			Alive bool `json:"alive"`
		}{true})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		h := health()
		status := http.StatusOK
		if !h.Ready {
			status = http.StatusServiceUnavailable
		}
		write(w, status, h)
	})
	return mux
}

func write(w http.ResponseWriter, status int, answer any) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	// A client that has gone away is the only reason for this to fail.
	_ = json.NewEncoder(w).Encode(answer)
}
