package lockport

import (
	"errors"
	"fmt"
)

// Kind says what sort of failure an error is. The kind alone decides what the
// outside is told; the text of an error is for the operator's log.
type Kind uint8

// The kinds of failure.
const (
	Internal     Kind = iota // a defect or a failing machine
	Invalid                  // the input breaks a rule; the error names the place
	NotFound                 // what was named does not exist
	Conflict                 // what is to be made exists already, differently
	Refused                  // consent or policy says no
	Unauthorized             // the caller may not ask this
	Unsupported              // a message type, event or version that is not taken
	TooLarge                 // over a configured size
	Overloaded               // a queue is full; the same again later may pass
	Full                     // the disk is full; the same again later may pass
	Unavailable              // not ready: starting, stopping, or behind
	Corrupt                  // stored bytes do not verify
	Unreachable              // the other end does not answer
)

// Meaning is what one Kind is to the outside.
type Meaning struct {
	Name string // stable, snake_case, used in JSON and metrics
	Ack  string // MSA-1 in original mode (HL7 v2.5.1 table 0008): AE or AR
	HL7  int    // ERR-3, table 0357
	HTTP int    // status code
	Exit int    // exit code of a command: 1 failed, 2 usage, 3 refused, 4 server not reachable
}

var meanings = [...]Meaning{
	Internal:     {"internal", "AE", 207, 500, 1},
	Invalid:      {"invalid", "AE", 102, 400, 1},
	NotFound:     {"not_found", "AE", 204, 404, 1},
	Conflict:     {"conflict", "AE", 205, 409, 1},
	Refused:      {"refused", "AE", 207, 403, 3},
	Unauthorized: {"unauthorized", "AR", 207, 403, 3},
	Unsupported:  {"unsupported", "AR", 200, 400, 1},
	TooLarge:     {"too_large", "AR", 104, 413, 1},
	Overloaded:   {"overloaded", "AR", 207, 503, 1},
	Full:         {"full", "AR", 207, 507, 1},
	Unavailable:  {"unavailable", "AE", 207, 503, 1},
	Corrupt:      {"corrupt", "AE", 207, 500, 1},
	Unreachable:  {"unreachable", "AE", 207, 502, 4},
}

// Meaning returns the row of the one table that maps kinds to HL7 codes, HTTP
// status and exit codes.
func (k Kind) Meaning() Meaning {
	if int(k) >= len(meanings) {
		return meanings[Internal]
	}
	return meanings[k]
}

// String returns the kind's stable name.
func (k Kind) String() string { return k.Meaning().Name }

// Error is a failure with its kind. Op names what was being done, Where the
// place in the input ("PID-3.4", "line 12"). Neither ever holds content.
type Error struct {
	Op    string
	Kind  Kind
	Where string
	Err   error
}

// Error returns "op: where: cause".
func (e *Error) Error() string {
	s := e.Op
	if e.Where != "" {
		s = join(s, e.Where)
	}
	if e.Err != nil {
		return join(s, e.Err.Error())
	}
	if s == "" {
		return e.Kind.String()
	}
	return s
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + ": " + b
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an error of a kind. The format follows fmt.Errorf, %w included.
// An empty op is allowed where the caller wraps anyway.
func Errorf(kind Kind, op, format string, args ...any) error {
	return &Error{Op: op, Kind: kind, Err: fmt.Errorf(format, args...)}
}

// KindOf returns the kind of the outermost Error in err's chain; Internal where
// there is none.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}
