package directory

import (
	"slices"

	"github.com/lockport-hie/lockport"
)

// checkKept refuses changes of what other things rely on for good.
func (d *Directory) checkKept(c Change) error {
	if c.Application != nil {
		old, ok := d.applications[c.Application.ID]
		if ok && old.Participant != c.Application.Participant {
			return conflict("it belongs to participant %s and cannot move: what it sent and was given stays with that participant; register another application", old.Participant)
		}
	}
	if c.Authority != nil {
		old, ok := d.authorities[c.Authority.ID]
		if ok && old.Shared != c.Authority.Shared {
			return conflict("an authority cannot change between owned and shared, because its identifiers are already kept one way; register another one")
		}
		if ok && old.Application != c.Authority.Application {
			return conflict("an authority local to one sender stays local to it")
		}
	}
	return nil
}

func conflict(format string, args ...any) error {
	return lockport.Errorf(lockport.Conflict, "", format, args...)
}

// checkUnused names what still needs a removed thing.
func (d *Directory) checkUnused(c Change) error {
	kind, id := c.target()
	if _, again := d.lookup(kind, id); again {
		return nil
	}
	user := d.userOf(c)
	if user == "" {
		return nil
	}
	return wrap(kind.String()+" "+id, conflict("%s still needs it: remove or change that first", user))
}

// userOf returns the first thing that refers to the removed one, "" if none.
// Local authorities do not count: they outlive the sender they were made for.
func (d *Directory) userOf(c Change) string {
	for _, a := range d.Applications() {
		if c.Participant != nil && a.Participant == c.Participant.ID ||
			c.Location != nil && a.Location == c.Location.ID ||
			c.Authority != nil && slices.Contains(a.Authorities, c.Authority.ID) ||
			c.Provider != nil && a.DefaultProvider == c.Provider.NPI {
			return "application " + string(a.ID)
		}
	}
	for _, l := range d.Locations() {
		if c.Participant != nil && l.Participant == c.Participant.ID {
			return "location " + string(l.ID)
		}
	}
	for _, p := range d.Providers() {
		if c.Participant != nil && slices.Contains(p.Participants, c.Participant.ID) {
			return "provider " + string(p.NPI)
		}
	}
	for _, a := range d.Authorities() {
		if c.Participant != nil && a.Application == "" && a.Owner == c.Participant.ID {
			return "authority " + string(a.ID)
		}
	}
	for _, f := range sorted(d.feeds) {
		if c.Application != nil && f.Application == c.Application.ID {
			return "feed " + string(f.ID)
		}
	}
	return ""
}

// lookup reports whether the thing is there.
func (d *Directory) lookup(kind changeKind, id string) (found any, ok bool) {
	switch kind {
	case participantKind:
		found, ok = d.participants[lockport.ParticipantID(id)]
	case locationKind:
		found, ok = d.locations[lockport.LocationID(id)]
	case applicationKind:
		found, ok = d.applications[lockport.ApplicationID(id)]
	case providerKind:
		found, ok = d.providers[lockport.NPI(id)]
	case authorityKind:
		found, ok = d.authorities[lockport.AuthorityID(id)]
	case feedKind:
		found, ok = d.feeds[lockport.FeedID(id)]
	}
	return found, ok
}

// need fails with NotFound unless the thing is there. An empty id needs nothing.
func (d *Directory) need(kind changeKind, id string) error {
	if _, ok := d.lookup(kind, id); !ok && id != "" {
		return lockport.Errorf(lockport.NotFound, "", "%s %q is not registered: add it first", kind, id)
	}
	return nil
}

// checkAll checks everything that involves more than one thing.
func (d *Directory) checkAll() error {
	for _, l := range d.Locations() {
		if err := d.need(participantKind, string(l.Participant)); err != nil || l.Participant == "" {
			return wrap("location "+string(l.ID), orMissing(err, "participant"))
		}
	}
	if err := d.checkApplications(); err != nil {
		return err
	}
	for _, p := range d.Providers() {
		for _, id := range p.Participants {
			if err := d.need(participantKind, string(id)); err != nil || id == "" {
				return wrap("provider "+string(p.NPI), orMissing(err, "participant"))
			}
		}
	}
	if err := d.checkAuthorities(); err != nil {
		return err
	}
	for _, f := range sorted(d.feeds) {
		a, ok := d.applications[f.Application]
		op := "feed " + string(f.ID)
		if !ok {
			return wrap(op, orMissing(d.need(applicationKind, string(f.Application)), "application"))
		}
		if !slices.Contains(a.Roles, Provider) {
			return wrap(op, invalid("application %s is no provider: give it the role first", a.ID))
		}
	}
	return nil
}

// orMissing says that a needed reference was not given when there is no other error.
func orMissing(err error, what string) error {
	if err == nil {
		return invalid("name its %s", what)
	}
	return err
}

func (d *Directory) checkApplications() error {
	headers := map[header]lockport.ApplicationID{}
	certificates := map[string]lockport.ApplicationID{}
	for _, a := range d.Applications() {
		op := "application " + string(a.ID)
		if err := d.checkApplicationRefs(a); err != nil {
			return wrap(op, err)
		}
		h := headerOf(a.Name, a.Facility)
		if other, taken := headers[h]; taken {
			return wrap(op, conflict("application %s calls itself by the same MSH-3 and MSH-4; the pair must be unique", other))
		}
		headers[h] = a.ID
		if other, taken := certificates[a.Fingerprint]; taken && a.Fingerprint != "" {
			return wrap(op, conflict("application %s has the same certificate; each application needs its own", other))
		}
		certificates[a.Fingerprint] = a.ID
	}
	return nil
}

func (d *Directory) checkApplicationRefs(a Application) error {
	if a.Participant == "" {
		return orMissing(nil, "participant")
	}
	if err := firstError(d.need(participantKind, string(a.Participant)), d.need(locationKind, string(a.Location)), d.need(providerKind, string(a.DefaultProvider))); err != nil {
		return err
	}
	if l, ok := d.locations[a.Location]; ok && l.Participant != a.Participant {
		return invalid("location %s belongs to another participant", l.ID)
	}
	if p, ok := d.providers[a.DefaultProvider]; ok && !slices.Contains(p.Participants, a.Participant) {
		return invalid("the default provider does not act for participant %s", a.Participant)
	}
	for _, id := range a.Authorities {
		if err := d.need(authorityKind, string(id)); err != nil {
			return err
		}
		if local := d.authorities[id].Application; local != "" && local != a.ID {
			return invalid("authority %s is local to another application", id)
		}
	}
	return nil
}

func (d *Directory) checkAuthorities() error {
	oids := map[string]lockport.AuthorityID{}
	names := map[string]lockport.AuthorityID{} // of authorities without a universal id
	for _, a := range d.Authorities() {
		if a.Application != "" {
			continue
		}
		op := "authority " + string(a.ID)
		if err := d.need(participantKind, string(a.Owner)); err != nil {
			return wrap(op, err)
		}
		key, seen := a.Namespace+"\x00"+string(a.Owner), names
		if a.OID != "" {
			key, seen = plainOID(a.OID), oids
		}
		if other, taken := seen[key]; taken {
			return wrap(op, conflict("authority %s already has the same universal id, or the same namespace and owner; use that one", other))
		}
		seen[key] = a.ID
	}
	return nil
}
