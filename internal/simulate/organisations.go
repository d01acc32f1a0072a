package simulate

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/directory"
)

// oidRoot is under HL7's arc for examples.
const oidRoot = "2.16.840.1.113883.19.7"

// organisation is a participant with what it runs.
type organisation struct {
	directory.Participant
	index     int
	county    int // index into Region.counties
	place     place
	namespace string // MSH-4.1 and CX.4.1
	oid       string
	authority *authority // nil where no identifiers are assigned
	sites     []*site
	lab, rad  *application // senders of results; nil where none
	asks      *application // provider role; nil where none
	staff     []int        // indices into Region.clinicians, practitioners first
	doctors   int          // how many of staff are practitioners
	registers bool         // sends A28 at first contact
	releases  bool         // sends A03 after outpatient visits
}

// site is a connected place with the system that sends its ADT messages, if any.
type site struct {
	location directory.Location
	adt      *application
}

// authority assigns patient identifiers.
type authority struct {
	directory.Authority
	full, short string // CX.4 with and without the universal identifier
	style, base int
	kind        string // table 0203
}

// application is one system with its habits.
type application struct {
	directory.Application
	index         int
	org           *organisation
	sender        string // MSH-3 and MSH-4, escaped
	version       string
	charset       charset
	offset        bool           // writes offsets in every time
	zone          *time.Location // of the times it writes
	enhanced      bool           // asks for a commit acknowledgement
	prefix        string         // of control identifiers and filler numbers
	fullAuthority bool           // writes universal identifiers into CX.4
	linesAsText   bool           // reports as one TX per line, else one FT
}

// clinician is a provider with the name parts for XCN.
type clinician struct {
	entry         directory.ProviderEntry
	family, given string
	degree        string
}

// pattern is the mix of locations; "" is a further site of an earlier
// organisation of the county, or a practice where there is none.
var pattern = []directory.ParticipantType{
	directory.Hospital, directory.Practice, directory.Laboratory, directory.Practice, directory.Radiology, directory.Practice,
	directory.CaseManagement, directory.HealthDepartment, directory.Practice, "", directory.Hospital, directory.Practice, directory.Practice,
	directory.Counselling, directory.Practice, "", directory.Practice, directory.Practice, "", directory.Practice,
}

var orgWords = []string{
	"Hemlock", "Drumlin", "Butternut", "Tamarack", "Salt Spring", "Blue Heron", "Cattail", "Birch & Sumac", "Windfall", "Ironwood",
	"Kestrel", "Limestone", "Milkweed", "Otter Creek", "Pine Hollow", "Quarry", "Red Mill", "Sycamore", "Trillium", "Whetstone",
	"Applewood", "Beaver Dam", "Cold Brook", "Dogwood", "Evergreen", "Foxglove", "Gorge", "Hickory", "Juniper", "Lockside", "Marsh Hawk",
}

var orgKinds = map[directory.ParticipantType]string{
	directory.Hospital: "Hospital", directory.Laboratory: "Laboratories", directory.Radiology: "Imaging", directory.Practice: "Family Medicine",
	directory.CaseManagement: "Care Management", directory.Counselling: "Counseling Center", directory.HealthDepartment: "District Health Department",
}

func (r *Region) makeOrganisations(rng *rand.Rand) {
	r.shared = r.newAuthority(rng, "NYMEDICAID", oidRoot+".1", "", "MA")
	r.shared.Shared = true
	r.byCounty = make([][]int, len(r.counties))
	names := map[string]bool{}
	for i := range r.config.Locations {
		at := i % len(r.counties)
		if i >= len(r.counties) {
			at = weighted(rng, len(r.counties), func(c int) int { return r.counties[c].weight })
		}
		kind := pattern[i%len(pattern)]
		if kind == "" {
			if o := r.anyWithSites(rng, at); o != nil {
				r.addSite(rng, o)
				continue
			}
			kind = directory.Practice
		}
		o := r.newOrganisation(rng, kind, at, names)
		r.addSite(rng, o)
		r.addServices(rng, o)
		r.addClinicians(rng, o)
	}
}

func (r *Region) anyWithSites(rng *rand.Rand, county int) *organisation {
	var can []*organisation
	for _, i := range r.byCounty[county] {
		if t := r.orgs[i].Type; t == directory.Hospital || t == directory.Practice {
			can = append(can, r.orgs[i])
		}
	}
	if len(can) == 0 {
		return nil
	}
	return pick(rng, can)
}

func (r *Region) newOrganisation(rng *rand.Rand, kind directory.ParticipantType, at int, names map[string]bool) *organisation {
	c := r.counties[at]
	p := pick(rng, c.places)
	name := pick(rng, orgWords) + " " + orgKinds[kind]
	for n := 2; names[name]; n++ {
		name = fmt.Sprintf("%s of %s", pick(rng, orgWords)+" "+orgKinds[kind], title(p.city))
		if n > 20 {
			name += " " + strconv.Itoa(len(r.orgs))
		}
	}
	names[name] = true
	o := &organisation{
		index: len(r.orgs), county: at, place: p,
		namespace: namespaceOf(name, len(r.orgs)), oid: oidRoot + ".2." + strconv.Itoa(len(r.orgs)+1),
		registers: chance(rng, 0.5), releases: chance(rng, 0.5),
	}
	joined := r.config.Start.AddDate(0, 0, -30-rng.IntN(1500))
	if len(r.orgs)%11 == 10 {
		joined = r.config.Start.AddDate(0, 0, -5) // so that older forms exist that do not cover it
	}
	o.Participant = directory.Participant{
		ID: lockport.ParticipantID(slug(name)), Name: name, Type: kind, County: c.fips,
		Joined: lockport.DateOf(joined), EmergencyCapable: kind == directory.Hospital,
	}
	switch kind {
	case directory.Hospital, directory.Practice, directory.Counselling:
		o.authority = r.newAuthority(rng, o.namespace, o.oid, o.ID, "MR")
	case directory.Laboratory, directory.Radiology:
		o.authority = r.newAuthority(rng, o.namespace, o.oid, o.ID, "PI")
	}
	r.orgs = append(r.orgs, o)
	r.byCounty[at] = append(r.byCounty[at], o.index)
	return o
}

func (r *Region) newAuthority(rng *rand.Rand, namespace, oid string, owner lockport.ParticipantID, kind string) *authority {
	a := &authority{
		Authority: directory.Authority{ID: lockport.AuthorityID(namespace), Namespace: namespace, OID: oid, Owner: owner},
		full:      namespace + "&" + oid + "&ISO", short: namespace, style: rng.IntN(5), base: rng.IntN(r.modulus), kind: kind,
	}
	if kind == "MA" {
		a.style = clientNumberStyle
	}
	r.authorities = append(r.authorities, a)
	return a
}

// addSite gives an organisation a place, with a system of its own that sends
// ADT messages where the organisation sees patients.
func (r *Region) addSite(rng *rand.Rand, o *organisation) {
	p := o.place
	if len(o.sites) > 0 {
		p = pick(rng, r.counties[o.county].places)
	}
	n := len(o.sites) + 1
	s := &site{location: directory.Location{
		ID: lockport.LocationID(fmt.Sprintf("%s-%d", o.ID, n)), Participant: o.ID, Name: o.Name + ", " + title(p.city), Type: o.Type,
		County: o.County, Latitude: p.lat + (rng.Float64()-0.5)*0.02, Longitude: p.lon + (rng.Float64()-0.5)*0.02,
	}}
	o.sites = append(o.sites, s)
	switch o.Type {
	case directory.Hospital:
		s.adt = r.newApplication(rng, o, s, "ADT"+strconv.Itoa(n), directory.Source)
	case directory.Practice:
		s.adt = r.newApplication(rng, o, s, "EHR"+strconv.Itoa(n), directory.Source)
	case directory.Counselling:
		s.adt = r.newApplication(rng, o, s, "INTAKE", directory.Source)
	}
}

// addServices gives an organisation the systems that send results and ask.
func (r *Region) addServices(rng *rand.Rand, o *organisation) {
	s := o.sites[0]
	switch o.Type {
	case directory.Hospital:
		o.lab = r.newApplication(rng, o, s, "LAB", directory.Source)
		o.rad = r.newApplication(rng, o, s, "RAD", directory.Source)
		o.asks = r.newApplication(rng, o, s, "PORTAL", directory.Provider)
	case directory.Practice:
		// A practice's own system sends and asks: its point-of-care results too.
		s.adt.Roles = append(s.adt.Roles, directory.Provider)
		o.lab, o.asks = s.adt, s.adt
	case directory.Laboratory:
		o.lab = r.newApplication(rng, o, s, "LIS", directory.Source)
	case directory.Radiology:
		o.rad = r.newApplication(rng, o, s, "RIS", directory.Source)
	case directory.CaseManagement:
		o.asks = r.newApplication(rng, o, s, "CASE", directory.Provider)
	case directory.Counselling:
		o.asks = r.newApplication(rng, o, s, "CHART", directory.Provider)
	case directory.HealthDepartment:
		o.asks = r.newApplication(rng, o, s, "PUBHEALTH", directory.Provider)
	}
	switch {
	case o.asks == nil:
	case o.Type == directory.HealthDepartment:
		o.asks.DefaultPurpose = lockport.PublicHealth
	default:
		o.asks.DefaultPurpose = lockport.Treatment
	}
}

// dialects are the versions and character sets that senders use.
var dialects = []struct {
	version string
	charset charset
}{
	{"2.5.1", utf8Set}, {"2.3", ascii}, {"2.5.1", windows1252}, {"2.4", latin1},
	{"2.3.1", windows1252}, {"2.5.1", utf8Set}, {"2.5", utf8Set}, {"2.3", latin1},
}

func (r *Region) newApplication(rng *rand.Rand, o *organisation, s *site, name string, role directory.Role) *application {
	n := len(r.applications)
	d := dialects[n%len(dialects)]
	a := &application{
		index: n, org: o, version: d.version, charset: d.charset, offset: d.version >= "2.5" || n%3 != 0, zone: r.zone,
		enhanced: d.version == "2.5.1" && n%4 == 1, fullAuthority: d.version != "2.3", linesAsText: n%2 == 0,
		prefix: fmt.Sprintf("%s%03d", name[:2], n),
	}
	a.Application = directory.Application{
		ID: lockport.ApplicationID(fmt.Sprintf("%s-%s", o.ID, strings.ToLower(name))), Participant: o.ID, Location: s.location.ID,
		Name: name, Facility: o.namespace, Roles: []directory.Role{role}, Zone: "America/New_York",
	}
	if d.charset == windows1252 {
		a.Charset = "windows-1252"
	}
	if role == directory.Source && name == "LIS" && n%2 == 0 {
		a.offset, a.zone, a.Zone = false, time.UTC, "UTC" // a laboratory whose analyser runs on UTC
	}
	if o.authority != nil {
		a.Authorities = []lockport.AuthorityID{o.authority.ID, r.shared.ID}
	} else {
		a.Authorities = []lockport.AuthorityID{r.shared.ID}
	}
	a.sender = name + "|" + o.namespace
	if a.fullAuthority {
		a.sender += "^" + o.oid + "^ISO"
	}
	r.applications = append(r.applications, a)
	return a
}

// msh18 is what the sender writes into MSH-18.
func (a *application) msh18() string {
	switch a.charset {
	case utf8Set:
		return "UNICODE UTF-8"
	case latin1:
		return "8859/1"
	}
	return "" // ASCII, or Windows-1252 by agreement: HL7 has no name for it
}

func (r *Region) addClinicians(rng *rand.Rand, o *organisation) {
	doctors := map[directory.ParticipantType]int{directory.Hospital: 12, directory.Practice: 3, directory.CaseManagement: 1, directory.HealthDepartment: 1}[o.Type]
	o.doctors = max(doctors, 1)
	for i := range o.doctors + 1 {
		if i == 0 && o.Type == directory.Practice && chance(rng, 0.2) {
			if h := r.anyWithSites(rng, o.county); h != nil && h.Type == directory.Hospital && h != o {
				// Somebody who works in a hospital and in this practice.
				c := &r.clinicians[h.staff[0]]
				c.entry.Participants = append(c.entry.Participants, o.ID)
				o.staff = append(o.staff, h.staff[0])
				continue
			}
		}
		g := origins[weighted(rng, len(origins), func(i int) int { return origins[i].weight })]
		c := clinician{family: pick(rng, g.families), given: pick(rng, pick(rng, [][]string{g.women, g.men})), degree: "MD"}
		role := directory.Practitioner
		if i == o.doctors {
			role, c.degree = directory.Staff, "RN"
		}
		n := lockport.NPI(npi(len(r.clinicians)*37 + int(r.config.Seed%1000)*100_000))
		c.entry = directory.ProviderEntry{NPI: n, Name: c.given + " " + c.family + ", " + c.degree, Participants: []lockport.ParticipantID{o.ID}, Role: role}
		o.staff = append(o.staff, len(r.clinicians))
		r.clinicians = append(r.clinicians, c)
	}
	if o.asks != nil {
		o.asks.DefaultProvider = r.clinicians[o.staff[0]].entry.NPI
	}
}

// npi makes a National Provider Identifier: nine digits and a check digit
// (Luhn over the digits with 80840 before them).
func npi(n int) string {
	body := fmt.Sprintf("2%08d", n%100_000_000)
	sum := 24 // what 80840 adds
	for i := range body {
		d := int(body[len(body)-1-i] - '0')
		if i%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return body + strconv.Itoa((10-sum%10)%10)
}

func slug(name string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') }), "-")
}

// namespaceOf makes a short name that no other organisation has.
func namespaceOf(name string, n int) string {
	word, _, _ := strings.Cut(strings.ToUpper(slug(name)), "-")
	return word[:min(len(word), 10)] + fmt.Sprintf("%02d", n+1)
}

func title(s string) string {
	words := strings.Fields(strings.ToLower(s))
	for i, w := range words {
		words[i] = strings.ToUpper(w[:1]) + w[1:]
	}
	return strings.Join(words, " ")
}
