package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestReadiness(t *testing.T) {
	state := Health{Ready: true}
	h := Handler(func() Health { return state })
	for _, c := range []struct {
		method, path string
		ready        bool
		status       int
		body         string
	}{
		{"GET", "/healthz", false, 200, `{"alive":true}`},
		{"GET", "/readyz", true, 200, `{"ready":true,"backlog":0}`},
		{"GET", "/readyz", false, 503, `{"ready":false,"reason":"stopping","backlog":0}`},
		{"POST", "/readyz", true, 405, ""},
		{"GET", "/patients", true, 404, ""},
	} {
		state = Health{Ready: c.ready}
		if !c.ready {
			state.Reason = "stopping"
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(c.method, c.path, nil))
		if w.Code != c.status || (c.body != "" && strings.TrimSpace(w.Body.String()) != c.body) {
			t.Errorf("%s %s: %d %s", c.method, c.path, w.Code, w.Body)
		}
		if c.status < 400 && w.Header().Get("Cache-Control") != "no-store" {
			t.Error("a state may not be cached")
		}
	}
	if w := httptest.NewRecorder(); true {
		h.ServeHTTP(w, httptest.NewRequest(http.MethodHead, "/healthz", nil))
		if w.Code != 200 {
			t.Errorf("HEAD: %d", w.Code)
		}
	}
}
