package directory

import (
	"slices"
	"strings"

	"github.com/lockport-hie/lockport"
)

// ResolveAuthority finds the authority that a sender means by CX.4. Two
// designators are the same authority if their universal ids are equal, or if one
// has none and the namespace names the same registered authority. An empty one
// is the application's first authority, else its MSH-4 as namespace.
//
// Where several organisations use one namespace ("MRN"), the application's own
// authorities go before its participant's, and those before anyone else's; what
// is still ambiguous is not resolved, because guessing would join two patients.
//
// An application on trial resolves within the authorities local to it only, and
// always: what is not registered yet is made up, the same way each time.
func (d *Directory) ResolveAuthority(app Application, hd lockport.HD) (Authority, bool) {
	if app.Trial {
		return d.resolveLocal(app, hd), true
	}
	ns, oid := strings.TrimSpace(hd.Namespace), plainOID(hd.UniversalID)
	if ns == "" && oid == "" {
		if len(app.Authorities) > 0 {
			return d.Authority(app.Authorities[0])
		}
		if ns = strings.TrimSpace(app.Facility); ns == "" {
			return Authority{}, false
		}
	}
	if id, ok := d.byOID[oid]; ok && oid != "" {
		return d.Authority(id)
	}
	var own, ours, others []Authority
	for _, id := range d.byNamespace[ns] {
		a := d.authorities[id]
		switch {
		case a.Application != "" && a.Application != app.ID:
		case slices.Contains(app.Authorities, id):
			own = append(own, a)
		case a.Owner == app.Participant || a.Application == app.ID:
			ours = append(ours, a)
		default:
			others = append(others, a)
		}
	}
	for _, tier := range [][]Authority{own, ours, others} {
		if len(tier) == 1 && (oid == "" || tier[0].OID == "") {
			return tier[0], true
		}
		if len(tier) > 0 {
			break // another universal id, or ambiguous: what is further away is no better
		}
	}
	return Authority{}, false
}

// resolveLocal resolves within one trial sender's authorities.
func (d *Directory) resolveLocal(app Application, hd lockport.HD) Authority {
	ns, oid := clean(hd.Namespace), clean(plainOID(hd.UniversalID))
	if ns == "" && oid == "" {
		if len(app.Authorities) > 0 {
			if a := d.authorities[app.Authorities[0]]; a.Application == app.ID {
				return a
			}
		}
		ns = clean(app.Facility)
	}
	var byName *Authority
	for _, id := range d.localTo[app.ID] {
		a := d.authorities[id]
		if oid != "" && a.OID == oid {
			return a
		}
		if byName == nil && ns != "" && a.Namespace == ns && (oid == "" || a.OID == "") {
			byName = &a
		}
	}
	if byName != nil {
		return *byName
	}
	switch {
	case ns != "":
	case oid != "":
		ns = oid
	default:
		ns = "unnamed"
	}
	a := Authority{
		ID:          lockport.AuthorityID(clean(app.Name) + "|" + clean(app.Facility) + "#" + ns),
		Namespace:   ns,
		OID:         oid,
		Owner:       app.Participant,
		Application: app.ID,
	}
	if _, taken := d.authorities[a.ID]; taken && oid != "" {
		// The namespace is registered with another universal id.
		a.ID += lockport.AuthorityID("&" + oid)
	}
	return a
}

// plainOID makes universal ids comparable: UUIDs are written in either case.
func plainOID(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

// MayChange reports whether the application may merge, move or change
// identifiers of the authority: those of its participant, or those local to
// itself. An application on trial has only the latter; a shared authority
// belongs to nobody.
func (d *Directory) MayChange(app Application, a Authority) bool {
	switch {
	case a.Shared || app.ID == "":
		return false
	case a.Application != "":
		return a.Application == app.ID
	}
	return !app.Trial && a.Owner != "" && a.Owner == app.Participant
}

// ParseIdentifier reads a patient identifier of the command line,
// 'ID^^^AUTHORITY' with an optional '^TYPE'. AUTHORITY is a registered
// authority's id or its designator (NS, NS&OID&ISO, &OID&ISO). An authority that
// is only local to a trial sender resolves when exactly one known authority
// bears the namespace. Errors are of kind Invalid, NotFound or, where several
// would fit, Conflict; none repeats the identifier.
func (d *Directory) ParseIdentifier(cx string) (lockport.Identifier, error) {
	parts := strings.Split(cx, "^")
	if len(parts) < 4 || len(parts) > 5 || strings.TrimSpace(parts[0]) == "" || parts[3] == "" {
		return lockport.Identifier{}, lockport.Errorf(lockport.Invalid, "patient", "write the identifier as 'ID^^^AUTHORITY', for example '12345^^^HOSPITAL'")
	}
	a, err := d.namedAuthority(parts[3])
	if err != nil {
		return lockport.Identifier{}, wrap("patient", err)
	}
	id := lockport.Identifier{Value: strings.TrimSpace(parts[0]), Authority: a.ID}
	if len(parts) == 5 {
		id.Type = parts[4]
	}
	return id, nil
}

// namedAuthority finds the one authority that a person means.
func (d *Directory) namedAuthority(text string) (Authority, error) {
	if a, ok := d.authorities[lockport.AuthorityID(text)]; ok {
		return a, nil
	}
	hd, err := ParseHD(text)
	if err != nil {
		return Authority{}, err
	}
	oid := plainOID(hd.UniversalID)
	if id, ok := d.byOID[oid]; ok && oid != "" {
		return d.authorities[id], nil
	}
	var registered, local []lockport.AuthorityID
	for _, a := range d.Authorities() {
		sameOID := oid != "" && plainOID(a.OID) == oid
		sameName := hd.Namespace != "" && a.Namespace == hd.Namespace && (oid == "" || a.OID == "")
		if !sameOID && !sameName {
			continue
		}
		if a.Application == "" {
			registered = append(registered, a.ID)
		} else {
			local = append(local, a.ID)
		}
	}
	for _, found := range [][]lockport.AuthorityID{registered, local} {
		if len(found) == 1 {
			return d.authorities[found[0]], nil
		}
		if len(found) > 1 {
			return Authority{}, lockport.Errorf(lockport.Conflict, "", "%d authorities bear that name; write one of %s", len(found), choices(found))
		}
	}
	return Authority{}, lockport.Errorf(lockport.NotFound, "", "no known assigning authority bears that name; `lockport authority list` shows them")
}

// choices lists a few ids for an error.
func choices(ids []lockport.AuthorityID) string {
	const most = 5
	if len(ids) <= most {
		return words(ids)
	}
	return words(ids[:most]) + " ..."
}
