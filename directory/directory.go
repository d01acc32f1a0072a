package directory

import (
	"cmp"
	"maps"
	"slices"

	"github.com/lockport-hie/lockport"
)

// Directory is one snapshot: what was known after one change. It is safe for
// concurrent use because nothing in it ever changes. What a getter returns
// shares its slices with the snapshot and must not be written to.
type Directory struct {
	participants map[lockport.ParticipantID]Participant
	locations    map[lockport.LocationID]Location
	applications map[lockport.ApplicationID]Application
	providers    map[lockport.NPI]ProviderEntry
	authorities  map[lockport.AuthorityID]Authority
	feeds        map[lockport.FeedID]Feed

	// Derived by index, so that what every message asks costs one look-up.
	byHeader      map[header]lockport.ApplicationID
	byFingerprint map[string]lockport.ApplicationID
	byNamespace   map[string][]lockport.AuthorityID // ascending
	byOID         map[string]lockport.AuthorityID   // of authorities that are not local
	localTo       map[lockport.ApplicationID][]lockport.AuthorityID
	sortedFeeds   []Feed
}

// header is what an application calls itself: MSH-3.1 and MSH-4.1.
type header struct{ app, facility string }

func headerOf(msh3, msh4 string) header { return header{clean(msh3), clean(msh4)} }

// Participant returns a participant.
func (d *Directory) Participant(id lockport.ParticipantID) (Participant, bool) {
	p, ok := d.participants[id]
	return p, ok
}

// Location returns a location.
func (d *Directory) Location(id lockport.LocationID) (Location, bool) {
	l, ok := d.locations[id]
	return l, ok
}

// Application returns an application.
func (d *Directory) Application(id lockport.ApplicationID) (Application, bool) {
	a, ok := d.applications[id]
	return a, ok
}

// Provider returns a provider.
func (d *Directory) Provider(npi lockport.NPI) (ProviderEntry, bool) {
	p, ok := d.providers[npi]
	return p, ok
}

// Authority returns a registered assigning authority.
func (d *Directory) Authority(id lockport.AuthorityID) (Authority, bool) {
	a, ok := d.authorities[id]
	return a, ok
}

// Feed returns a feed.
func (d *Directory) Feed(id lockport.FeedID) (Feed, bool) {
	f, ok := d.feeds[id]
	return f, ok
}

// Participants returns all participants by id.
func (d *Directory) Participants() []Participant { return sorted(d.participants) }

// Locations returns all locations by id.
func (d *Directory) Locations() []Location { return sorted(d.locations) }

// Applications returns all applications by id.
func (d *Directory) Applications() []Application { return sorted(d.applications) }

// Providers returns all providers by NPI.
func (d *Directory) Providers() []ProviderEntry { return sorted(d.providers) }

// Authorities returns all registered authorities by id, local ones included.
func (d *Directory) Authorities() []Authority { return sorted(d.authorities) }

// Feeds returns all feeds by id.
func (d *Directory) Feeds() []Feed { return slices.Clone(d.sortedFeeds) }

// FeedsOf returns the feeds of a participant's applications by id.
func (d *Directory) FeedsOf(participant lockport.ParticipantID) []Feed {
	var feeds []Feed
	for _, f := range d.sortedFeeds {
		if d.applications[f.Application].Participant == participant {
			feeds = append(feeds, f)
		}
	}
	return feeds
}

// ApplicationByFingerprint finds the application of a client certificate. An
// empty fingerprint finds none.
func (d *Directory) ApplicationByFingerprint(fp string) (Application, bool) {
	return d.Application(d.byFingerprint[fp])
}

// ApplicationByHeader finds the application that calls itself so in MSH-3.1 and
// MSH-4.1. Spaces around them do not count, case does. It is no proof of who
// sends.
func (d *Directory) ApplicationByHeader(msh3, msh4 string) (Application, bool) {
	return d.Application(d.byHeader[headerOf(msh3, msh4)])
}

// clone copies the tables; the derived maps are made by index.
func (d *Directory) clone() *Directory {
	return &Directory{
		participants: cloneMap(d.participants),
		locations:    cloneMap(d.locations),
		applications: cloneMap(d.applications),
		providers:    cloneMap(d.providers),
		authorities:  cloneMap(d.authorities),
		feeds:        cloneMap(d.feeds),
	}
}

// cloneMap copies a map; that of the zero Directory is nil and becomes empty.
func cloneMap[K comparable, V any](m map[K]V) map[K]V {
	if m == nil {
		return map[K]V{}
	}
	return maps.Clone(m)
}

// index makes the derived maps of a directory whose tables are complete.
func (d *Directory) index() {
	d.byHeader = map[header]lockport.ApplicationID{}
	d.byFingerprint = map[string]lockport.ApplicationID{}
	d.byNamespace = map[string][]lockport.AuthorityID{}
	d.byOID = map[string]lockport.AuthorityID{}
	d.localTo = map[lockport.ApplicationID][]lockport.AuthorityID{}
	for id, a := range d.applications {
		d.byHeader[headerOf(a.Name, a.Facility)] = id
		if a.Fingerprint != "" {
			d.byFingerprint[a.Fingerprint] = id
		}
	}
	for _, a := range sorted(d.authorities) {
		if a.Application != "" {
			d.localTo[a.Application] = append(d.localTo[a.Application], a.ID)
		} else if a.OID != "" {
			d.byOID[plainOID(a.OID)] = a.ID
		}
		if a.Namespace != "" {
			d.byNamespace[a.Namespace] = append(d.byNamespace[a.Namespace], a.ID)
		}
	}
	d.sortedFeeds = sorted(d.feeds)
}

func sorted[K cmp.Ordered, V any](m map[K]V) []V {
	list := make([]V, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		list = append(list, m[k])
	}
	return list
}
