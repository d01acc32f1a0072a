package directory

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lockport-hie/lockport"
)

// changeKind is the first byte of ChangeKey. The numbers are part of the
// record's format and never change.
type changeKind byte

const (
	noKind          changeKind = 0
	participantKind changeKind = 1
	locationKind    changeKind = 2
	applicationKind changeKind = 3
	providerKind    changeKind = 4
	authorityKind   changeKind = 5
	feedKind        changeKind = 6
)

func (k changeKind) String() string {
	return [...]string{"nothing", "participant", "location", "application", "provider", "authority", "feed"}[k]
}

// target says which thing a change is about; noKind when it is not exactly one.
func (c Change) target() (kind changeKind, id string) {
	n := 0
	set := func(k changeKind, name string) { kind, id, n = k, name, n+1 }
	if c.Participant != nil {
		set(participantKind, string(c.Participant.ID))
	}
	if c.Location != nil {
		set(locationKind, string(c.Location.ID))
	}
	if c.Application != nil {
		set(applicationKind, string(c.Application.ID))
	}
	if c.Provider != nil {
		set(providerKind, string(c.Provider.NPI))
	}
	if c.Authority != nil {
		set(authorityKind, string(c.Authority.ID))
	}
	if c.Feed != nil {
		set(feedKind, string(c.Feed.ID))
	}
	if n != 1 {
		return noKind, ""
	}
	return kind, id
}

// ChangeKey is the row key of lockport.TableDirectory: a byte for the kind of
// thing, then its id. Changes about the same thing have the same key.
func ChangeKey(c Change) []byte {
	kind, id := c.target()
	return append([]byte{byte(kind)}, id...)
}

// AuditLine describes the change for the audit trail: who made it, what was done
// ("application put") and which thing became what. It names organisations,
// systems and clinicians' numbers, never a patient.
func (c Change) AuditLine() (who, what, detail string) {
	kind, id := c.target()
	who = c.Operator
	if who == "" {
		who = "sender on trial"
	}
	what = kind.String() + " " + string(c.Op)
	if c.Op != Put {
		return who, what, id
	}
	return who, what, strings.TrimSpace(id + " " + c.summary())
}

// summary lists what matters about the new value for access and identity.
func (c Change) summary() string {
	var s []string
	add := func(name, value string) {
		if value != "" {
			s = append(s, name+"="+value)
		}
	}
	switch {
	case c.Participant != nil:
		p := c.Participant
		add("type", string(p.Type))
		add("county", p.County)
		add("joined", string(p.Joined))
		add("emergency-capable", yes(p.EmergencyCapable))
	case c.Location != nil:
		add("participant", string(c.Location.Participant))
		add("county", c.Location.County)
	case c.Application != nil:
		a := c.Application
		add("participant", string(a.Participant))
		add("msh", fmt.Sprintf("%q", a.Name+"|"+a.Facility))
		add("roles", words(a.Roles))
		add("fingerprint", a.Fingerprint)
		add("trial", yes(a.Trial))
		add("may-record-consent", yes(a.MayRecordConsent))
		add("reveal-protected", yes(a.RevealProtected))
		add("authorities", words(a.Authorities))
	case c.Provider != nil:
		add("participants", words(c.Provider.Participants))
		add("role", string(c.Provider.Role))
	case c.Authority != nil:
		add("oid", c.Authority.OID)
		add("owner", string(c.Authority.Owner))
		add("shared", yes(c.Authority.Shared))
		add("application", string(c.Authority.Application))
	case c.Feed != nil:
		add("application", string(c.Feed.Application))
		add("kind", string(c.Feed.Kind))
		add("to", c.Feed.To)
		add("insecure", yes(c.Feed.Insecure))
		add("paused", yes(c.Feed.Paused))
	}
	return strings.Join(s, " ")
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return ""
}

func words[T ~string](list []T) string {
	s := make([]string, len(list))
	for i, w := range list {
		s[i] = string(w)
	}
	return strings.Join(s, ",")
}

// Load builds the snapshot that a list of changes leads to, for example the
// rows of lockport.TableDirectory. A later change about a thing replaces an
// earlier one; removing what is not there is no error, because a row may be all
// that is left of a thing. References are checked at the end only, so that the
// order of different things does not matter.
func Load(changes []Change) (*Directory, error) {
	return (&Directory{}).apply(changes, true)
}

// Apply returns the snapshot after the changes and leaves d as it is. All of
// them count or none. It fails with kind Invalid for a value that breaks a rule,
// NotFound for a reference to something unknown, and Conflict where two things
// would claim the same name or certificate, or something removed is still
// needed. References are checked after the last change, so that a batch may
// bring things that name each other.
func (d *Directory) Apply(changes ...Change) (*Directory, error) {
	return d.apply(changes, false)
}

func (d *Directory) apply(changes []Change, loading bool) (*Directory, error) {
	next := d.clone()
	for _, c := range changes {
		kind, id := c.target()
		if kind == noKind || c.Op != Put && c.Op != Remove {
			return nil, lockport.Errorf(lockport.Invalid, "directory change", "a change puts or removes exactly one thing")
		}
		op := kind.String() + " " + id
		var err error
		if c.Op == Remove {
			if !next.remove(c) && !loading {
				err = lockport.Errorf(lockport.NotFound, "", "is not registered, so there is nothing to remove")
			}
		} else if err = checkShape(c); err == nil && !loading {
			err = next.checkKept(c)
		}
		if err != nil {
			return nil, wrap(op, err)
		}
		if c.Op == Put {
			next.put(c)
		}
	}
	for _, c := range changes {
		if c.Op == Remove {
			if err := next.checkUnused(c); err != nil {
				return nil, err
			}
		}
	}
	if err := next.checkAll(); err != nil {
		return nil, err
	}
	next.index()
	return next, nil
}

// wrap puts the name of the thing before an error and keeps its kind.
func wrap(op string, err error) error {
	return lockport.Errorf(lockport.KindOf(err), op, "%w", err)
}

// put stores a copy that shares nothing with the change.
func (d *Directory) put(c Change) {
	switch {
	case c.Participant != nil:
		d.participants[c.Participant.ID] = *c.Participant
	case c.Location != nil:
		d.locations[c.Location.ID] = *c.Location
	case c.Application != nil:
		a := *c.Application
		a.Roles = slices.Clone(a.Roles)
		a.ProcessingIDs = slices.Clone(a.ProcessingIDs)
		a.Versions = slices.Clone(a.Versions)
		a.Types = slices.Clone(a.Types)
		a.Authorities = slices.Clone(a.Authorities)
		d.applications[a.ID] = a
	case c.Provider != nil:
		p := *c.Provider
		p.Participants = slices.Clone(p.Participants)
		d.providers[p.NPI] = p
	case c.Authority != nil:
		d.authorities[c.Authority.ID] = *c.Authority
	case c.Feed != nil:
		d.feeds[c.Feed.ID] = *c.Feed
	}
}

// remove reports whether there was anything to remove.
func (d *Directory) remove(c Change) bool {
	switch {
	case c.Participant != nil:
		return drop(d.participants, c.Participant.ID)
	case c.Location != nil:
		return drop(d.locations, c.Location.ID)
	case c.Application != nil:
		return drop(d.applications, c.Application.ID)
	case c.Provider != nil:
		return drop(d.providers, c.Provider.NPI)
	case c.Authority != nil:
		return drop(d.authorities, c.Authority.ID)
	case c.Feed != nil:
		return drop(d.feeds, c.Feed.ID)
	}
	return false
}

func drop[K comparable, V any](m map[K]V, k K) bool {
	_, ok := m[k]
	delete(m, k)
	return ok
}
