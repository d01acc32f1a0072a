package directory

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/lockport-hie/lockport"
)

// NeverJoined is the joining day of a participant adopted on trial. No grant is
// signed after it, so none covers the participant until it is registered.
const NeverJoined lockport.Date = "9999-12-31"

// Adopt returns the application of an unknown sender and the changes that take
// it on trial (`--unknown-sources accept`): a participant of its own with the
// fewest rights, and a source application that is always answered and takes any
// processing id. For a known sender it returns that application and no changes.
// The same directory and names give the same result.
//
// Each sender gets its own participant even where MSH-4 is the same, because a
// facility's name in a message proves nothing.
func Adopt(d *Directory, msh3, msh4 string) (Application, []Change) {
	if a, ok := d.ApplicationByHeader(msh3, msh4); ok {
		return a, nil
	}
	h := headerOf(msh3, msh4)
	id := d.trialID(h)
	p := Participant{
		ID:     lockport.ParticipantID(id),
		Name:   strings.TrimSpace(h.facility + " " + h.app + " (on trial)"),
		Type:   Practice,
		Joined: NeverJoined,
	}
	a := Application{
		ID:             lockport.ApplicationID(id),
		Participant:    p.ID,
		Name:           h.app,
		Facility:       h.facility,
		Roles:          []Role{Source},
		ProcessingIDs:  []string{"*"},
		AcknowledgeAll: true,
		Trial:          true,
	}
	return a, []Change{{Op: Put, Participant: &p}, {Op: Put, Application: &a}}
}

// trialID makes the id of an adopted sender: readable where its names allow,
// with a hash where they are not ids or the readable one is in use.
func (d *Directory) trialID(h header) string {
	facility, app := slug(h.facility), slug(h.app)
	readable := "trial." + strings.Trim(facility+"."+app, ".")
	if facility == "" && app == "" {
		readable = "trial.unnamed"
	}
	if len(readable) <= maxID && d.free(readable) {
		return readable
	}
	readable = readable[:min(len(readable), maxID-9)]
	for n := 0; ; n++ {
		sum := sha256.Sum256([]byte(h.app + "\x00" + h.facility + "\x00" + strconv.Itoa(n)))
		if id := readable + "-" + hex.EncodeToString(sum[:4]); d.free(id) {
			return id
		}
	}
}

// free reports whether an adopted sender may have the id. A participant that is
// left from an application since removed is taken up again.
func (d *Directory) free(id string) bool {
	if _, taken := d.applications[lockport.ApplicationID(id)]; taken {
		return false
	}
	for _, a := range d.applications {
		if a.Participant == lockport.ParticipantID(id) {
			return false
		}
	}
	return true
}

// slug keeps of a name what may stand in an id.
func slug(s string) string {
	b := []byte(strings.ToLower(s))
	kept := b[:0]
	for _, c := range b {
		switch {
		case isLowerAlnum(c), strings.IndexByte("-_.", c) >= 0:
			kept = append(kept, c)
		case c == ' ':
			kept = append(kept, '-')
		}
	}
	return string(kept)
}

// AdoptAuthority returns the change that registers a new assigning authority of
// an application on trial. It reports false when the authority is known already
// or the application is not on trial.
func AdoptAuthority(d *Directory, app Application, hd lockport.HD) (Change, bool) {
	if !app.Trial {
		return Change{}, false
	}
	a := d.resolveLocal(app, hd)
	if _, known := d.authorities[a.ID]; known {
		return Change{}, false
	}
	return Change{Op: Put, Authority: &a}, true
}

// clean makes a name out of a message fit to be kept: without surrounding
// spaces, and replaced by a hash when it is overlong, is no UTF-8, or contains a
// character that the names of local authorities are built with. The hash keeps
// different names different.
func clean(s string) string {
	s = strings.TrimSpace(s)
	if len(s) <= maxID && utf8.ValidString(s) && !strings.ContainsAny(s, "^~|&#") && !strings.ContainsFunc(s, isControl) {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	return "hash-" + hex.EncodeToString(sum[:8])
}
