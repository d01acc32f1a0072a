package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/lockport-hie/lockport"
)

// socketName is the name of the control socket in the data directory.
const socketName = "lockport.sock"

// maxAnswer bounds what a command takes from the server: one message with its frame
// limit, many times over.
const maxAnswer = 256 << 20

// callTimeout bounds a question to the server. Verifying a large journal is the longest.
const callTimeout = 30 * time.Minute

// failure is the JSON body of an answer that is no success.
type failure struct {
	Kind  string `json:"kind"`
	Error string `json:"error"`
}

// call asks the running server one question over its socket and returns the answer.
// The error has the kind that the server gave it; kind Unreachable means that no server
// answers.
func call[Answer any](ctx context.Context, env *environment, path string, question any) (Answer, error) {
	var answer Answer
	body, err := json.Marshal(question)
	if err != nil {
		return answer, lockport.Errorf(lockport.Internal, path, "%w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://lockport"+path, bytes.NewReader(body))
	if err != nil {
		return answer, lockport.Errorf(lockport.Internal, path, "%w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	client := env.httpClient()
	defer client.CloseIdleConnections()
	response, err := client.Do(request)
	if err != nil {
		return answer, env.unreachable(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return answer, lockport.Errorf(lockport.Unreachable, "", "the server stopped while it answered: ask again")
	}
	if response.StatusCode != http.StatusOK {
		return answer, serverError(text)
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return answer, lockport.Errorf(lockport.Internal, path, "the server's answer cannot be read: is it another version?")
	}
	return answer, nil
}

// httpClient speaks HTTP over the socket of the data directory.
func (env *environment) httpClient() *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var dialer net.Dialer
			return dialer.DialContext(ctx, "unix", env.path(socketName))
		},
	}}
}

// unreachable explains why nobody answers.
func (env *environment) unreachable(err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return lockport.Errorf(lockport.Unauthorized, "",
			"this user may not use the socket of %s: ask its owner, or set socket_group in its configuration", env.Dir)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOTDIR):
		return lockport.Errorf(lockport.Unreachable, "",
			"no server is running for %s: start it with `lockport serve --dir %s`", env.Dir, env.Dir)
	case errors.Is(err, context.Canceled):
		return lockport.Errorf(lockport.Internal, "", "interrupted")
	}
	return lockport.Errorf(lockport.Unreachable, "", "the server of %s does not answer: %w", env.Dir, err)
}

// serverError restores the error that the server sent.
func serverError(text []byte) error {
	var f failure
	if json.Unmarshal(text, &f) != nil || f.Error == "" {
		return lockport.Errorf(lockport.Internal, "", "the server refused without saying why: look at its log")
	}
	return &lockport.Error{Kind: kindByName(f.Kind), Err: fmt.Errorf("%s", f.Error)}
}

// kindByName returns the kind of a stable name; Internal for a name of another version.
func kindByName(name string) lockport.Kind {
	for k := lockport.Internal; k <= lockport.Unreachable; k++ {
		if k.String() == name {
			return k
		}
	}
	return lockport.Internal
}
