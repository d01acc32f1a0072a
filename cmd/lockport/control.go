package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/user"
	"slices"
	"strconv"
	"time"

	"github.com/lockport-hie/lockport"
)

// maxQuestion bounds what a command may send: an import of participants, or the evidence
// of a consent, is the largest.
const maxQuestion = 32 << 20

// caller is who stands at the other end of the socket. The kernel says so.
type caller struct {
	User  string
	Roles []role
}

// may reports whether the caller has a role. Every user whom the configuration names
// may do what needs no particular one.
func (c caller) may(needed role) bool {
	return needed == "" && len(c.Roles) > 0 || slices.Contains(c.Roles, needed)
}

// verb is one thing that can be asked at the socket.
type verb struct {
	path  string
	needs role // "" for any user whom the configuration names
	serve func(ctx context.Context, who caller, body io.Reader) (any, error)
}

// verbOf binds a typed function to its path. Unknown keys in a question are refused: a
// command of a later version must not be half understood.
func verbOf[Question, Answer any](path string, needs role, f func(context.Context, caller, Question) (Answer, error)) verb {
	return verb{path, needs, func(ctx context.Context, who caller, body io.Reader) (any, error) {
		var q Question
		decoder := json.NewDecoder(body)
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&q); err != nil {
			return nil, lockport.Errorf(lockport.Invalid, "", "the question cannot be read: are command and server of one version?")
		}
		return f(ctx, who, q)
	}}
}

// controlServer answers the verbs.
type controlServer struct {
	operators map[string][]role
	verbs     []verb
}

// callerKey is the context key of a connection's caller.
type callerKey struct{}

// handler returns the HTTP handler of all verbs.
func (s *controlServer) handler() http.Handler {
	mux := http.NewServeMux()
	for _, v := range s.verbs {
		mux.HandleFunc("POST "+v.path, func(w http.ResponseWriter, r *http.Request) {
			answer, err := s.answer(r, v)
			respond(w, answer, err)
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		respond(w, nil, lockport.Errorf(lockport.Unsupported, "", "the server does not know this command: are command and server of one version?"))
	})
	return mux
}

// answer lets the caller do what its roles allow.
func (s *controlServer) answer(r *http.Request, v verb) (any, error) {
	user, ok := r.Context().Value(callerKey{}).(string)
	if !ok {
		return nil, lockport.Errorf(lockport.Unauthorized, "", "the system does not say who is calling")
	}
	who := caller{User: user, Roles: s.operators[user]}
	switch {
	case len(who.Roles) == 0:
		return nil, lockport.Errorf(lockport.Unauthorized, "", "user %s is not named under operators: in the configuration", user)
	case !who.may(v.needs):
		return nil, lockport.Errorf(lockport.Unauthorized, "", "this needs the role %s, which user %s does not have: see operators: in the configuration", v.needs, user)
	}
	return v.serve(r.Context(), who, http.MaxBytesReader(nil, r.Body, maxQuestion))
}

// respond writes an answer or an error.
func respond(w http.ResponseWriter, answer any, err error) {
	status := http.StatusOK
	if err != nil {
		kind := lockport.KindOf(err)
		status = kind.Meaning().HTTP
		answer = failure{Kind: kind.String(), Error: err.Error()}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	writeJSON(w, answer, "") // the caller is gone when this fails, and nobody else wants the answer
}

// listenControl opens the socket. The repository's lock makes sure that no other server of
// this directory lives, so a socket that is there was left behind by a dead one.
func (env *environment) listenControl(group string) (net.Listener, error) {
	name := env.path(socketName)
	if len(name) > maxSocketPath {
		return nil, lockport.Errorf(lockport.Invalid, "", "the path %s is longer than the %d bytes that the system takes for a socket: use a shorter --dir, or start in the directory above it", name, maxSocketPath)
	}
	// Between Listen and restrictSocket the folder keeps others out.
	if err := os.Chmod(env.Dir, 0o700); err != nil {
		return nil, lockport.Errorf(lockport.Internal, "control socket", "%w", err)
	}
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, lockport.Errorf(lockport.Internal, "control socket", "%w", err)
	}
	l, err := net.Listen("unix", name)
	if err != nil {
		return nil, lockport.Errorf(lockport.Internal, "control socket", "%w", err)
	}
	if err := env.restrictSocket(name, group); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// maxSocketPath is the longest path of a unix socket on Linux (unix(7)).
const maxSocketPath = 107

// restrictSocket gives the socket to its owner, or to a group.
func (env *environment) restrictSocket(name, group string) error {
	if group == "" {
		if err := os.Chmod(name, 0o600); err != nil {
			return lockport.Errorf(lockport.Internal, "control socket", "%w", err)
		}
		return nil
	}
	id, err := groupID(group)
	if err != nil {
		return err
	}
	err = errors.Join(os.Chown(name, -1, id), os.Chmod(name, 0o660), os.Chown(env.Dir, -1, id), os.Chmod(env.Dir, 0o710))
	if err != nil {
		return lockport.Errorf(lockport.Internal, "control socket", "%w", err)
	}
	return nil
}

// groupID returns the number of a group; -1 for no group.
func groupID(name string) (int, error) {
	if name == "" {
		return -1, nil
	}
	g, err := user.LookupGroup(name)
	if err != nil {
		return 0, wrong("socket_group", "there is no group %q on this machine", name)
	}
	id, err := strconv.Atoi(g.Gid)
	if err != nil {
		return 0, wrong("socket_group", "group %q has no number", name)
	}
	return id, nil
}

// serveControl answers on l until stop is done, then lets open questions be answered.
func serveControl(stop context.Context, l net.Listener, handler http.Handler) error {
	return serveHTTP(stop, l, &http.Server{Handler: handler, ConnContext: withCaller})
}

// serveHTTP serves until stop is done, then lets what has begun be answered for a while.
func serveHTTP(stop context.Context, l net.Listener, server *http.Server) error {
	server.ReadHeaderTimeout, server.IdleTimeout = 10*time.Second, time.Minute
	done := make(chan error, 1)
	go func() {
		<-stop.Done()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(stop), 5*time.Second)
		defer cancel()
		done <- server.Shutdown(ctx)
	}()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return lockport.Errorf(lockport.Internal, "http at "+l.Addr().String(), "%w", err)
	}
	return <-done
}

// withCaller notes who opened a connection. Without an answer of the kernel the caller
// stays unknown and may do nothing.
func withCaller(ctx context.Context, conn net.Conn) context.Context {
	uid, err := peerUser(conn)
	if err != nil {
		return ctx
	}
	name, err := userName(uid)
	if err != nil {
		return ctx
	}
	return context.WithValue(ctx, callerKey{}, name)
}
