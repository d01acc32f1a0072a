package directory

import (
	"strings"
	"testing"

	"github.com/lockport-hie/lockport"
	"pgregory.net/rapid"
)

func hd(s string) lockport.HD {
	ns, rest, _ := strings.Cut(s, "&")
	oid, kind, _ := strings.Cut(rest, "&")
	return lockport.HD{Namespace: ns, UniversalID: oid, UniversalIDType: kind}
}

func TestResolveAuthority(t *testing.T) {
	d := mustLoad(append(region(), put(authority("UU", "UU", "urn:UU-1", "north"), authority("none", "", "9.9", "south"))...)...)
	for name, tc := range map[string]struct {
		app  lockport.ApplicationID
		hd   string
		want lockport.AuthorityID // empty: not resolved
	}{
		"by universal id":                              {"south-adt", "&1.2.3&ISO", "mrn-north"},
		"by universal id under another namespace":      {"south-adt", "X&1.2.3&ISO", "mrn-north"},
		"universal ids in either case":                 {"south-adt", "&URN:uu-1&UUID", "UU"},
		"the application's own before others":          {"north-adt", "MRN", "mrn-north"},
		"its participant's before others":              {"south-adt", "MRN", "mrn-south"},
		"ambiguous for a third party":                  {"receiver", "MRN", ""},
		"an unknown universal id is not the same":      {"north-adt", "MRN&9.8.7&ISO", ""},
		"a universal id where the registered has none": {"south-adt", "MRN&9.8.7&ISO", "mrn-south"},
		"a namespace against a known universal id":     {"receiver", "SSN", "SSN"},
		"another universal id than the registered":     {"receiver", "SSN&1.1&ISO", ""},
		"unknown":                                    {"north-adt", "EAST", ""},
		"empty: the first authority":                 {"north-adt", "", "mrn-north"},
		"empty without one: unknown facility":        {"south-adt", "", ""},
		"namespace in another case":                  {"receiver", "ssn", ""},
		"spaces around":                              {"receiver", " SSN ", "SSN"},
		"an authority without namespace by its id":   {"receiver", "&9.9&ISO", "none"},
		"a universal id alone finds no nameless one": {"receiver", "&9.8&ISO", ""},
	} {
		app, _ := d.Application(tc.app)
		a, ok := d.ResolveAuthority(app, hd(tc.hd))
		if ok != (tc.want != "") || ok && a.ID != tc.want {
			t.Errorf("%s: %q, %v; want %q", name, a.ID, ok, tc.want)
		}
	}
	app := system("x", "north", "X", "NORTH")
	if a, ok := d.ResolveAuthority(app, lockport.HD{}); !ok || a.ID != "NORTH" {
		t.Error("empty: MSH-4 is not taken as namespace")
	}
}

// adopt takes a sender on trial and returns its application.
func adopt(t interface{ Fatal(...any) }, d *Directory, msh3, msh4 string) (*Directory, Application) {
	app, changes := Adopt(d, msh3, msh4)
	d, err := d.Apply(changes...)
	if err != nil {
		t.Fatal(err)
	}
	return d, app
}

// meet resolves an authority of a trial sender and registers it when it is new.
func meet(t interface{ Fatal(...any) }, d *Directory, app Application, s string) (*Directory, Authority) {
	before, _ := d.ResolveAuthority(app, hd(s))
	c, isNew := AdoptAuthority(d, app, hd(s))
	if isNew {
		var err error
		if d, err = d.Apply(c); err != nil {
			t.Fatal(err)
		}
	}
	after, ok := d.ResolveAuthority(app, hd(s))
	if !ok || before != after {
		t.Fatal("an authority resolves differently once it is registered")
	}
	if _, again := AdoptAuthority(d, app, hd(s)); again {
		t.Fatal("a known authority is adopted again")
	}
	return d, after
}

func TestTrialAuthorities(t *testing.T) {
	d, app := adopt(t, mustLoad(region()...), "LAB", "EAST")
	ids := map[string]lockport.AuthorityID{}
	for _, s := range []string{"MRN", "MRN&1.2.3&ISO", "", "SSN", "&7.7&ISO", "SSN&5.5&ISO", "SSN&6.6&ISO", "TWO&1&ISO", "TWO&2&ISO", "&2&ISO", "TWO"} {
		var a Authority
		d, a = meet(t, d, app, s)
		ids[s] = a.ID
		if !d.MayChange(app, a) || a.Application != app.ID || a.Shared {
			t.Errorf("%q: a trial sender's authority is not its own", s)
		}
	}
	for s, want := range map[string]lockport.AuthorityID{
		"MRN": "LAB|EAST#MRN", "MRN&1.2.3&ISO": "LAB|EAST#MRN", "": "LAB|EAST#EAST", "SSN": "LAB|EAST#SSN", "SSN&6.6&ISO": "LAB|EAST#SSN",
		"&7.7&ISO": "LAB|EAST#7.7", "TWO&1&ISO": "LAB|EAST#TWO", "TWO&2&ISO": "LAB|EAST#TWO&2", "&2&ISO": "LAB|EAST#TWO&2",
	} {
		if ids[s] != want {
			t.Errorf("%q resolves to %q, want %q", s, ids[s], want)
		}
	}
	_, other := adopt(t, d, "LAB", "WEST")
	if a, _ := d.ResolveAuthority(other, hd("MRN")); a.ID == ids["MRN"] || d.MayChange(other, d.authorities[ids["MRN"]]) {
		t.Error("two trial senders share an authority")
	}
	_, nameless := adopt(t, d, "", "")
	if a, ok := d.ResolveAuthority(nameless, lockport.HD{}); !ok || a.ID != "|#unnamed" {
		t.Errorf("without any name the authority is %q", a.ID)
	}
	if a, ok := d.ResolveAuthority(d.applications["receiver"], hd("TWO&1&ISO")); ok {
		t.Errorf("a registered sender reaches %q of one on trial", a.ID)
	}
	if a, ok := d.ResolveAuthority(d.applications["receiver"], hd("EAST")); ok {
		t.Errorf("a registered sender reaches %q of one on trial", a.ID)
	}
	if _, ok := AdoptAuthority(d, d.applications["north-adt"], hd("EAST")); ok {
		t.Error("an authority of a registered sender is adopted")
	}
}

// Whatever bytes a sender writes, it is taken on trial, found again by the same
// bytes, and never confused with another.
func TestAdoptTakesAnySender(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := mustLoad(region()...)
		name := rapid.OneOf(rapid.SampledFrom([]string{"", "A", "a", "A.B", "A|B", "B", "ADT", strings.Repeat("X", 300), "\xff\xfe", "a\x00b"}), rapid.String())
		seen := map[header]lockport.ApplicationID{}
		for range rapid.IntRange(1, 8).Draw(t, "senders") {
			msh3, msh4 := name.Draw(t, "msh3"), name.Draw(t, "msh4")
			var app Application
			d, app = adopt(t, d, msh3, msh4)
			h := header{strings.TrimSpace(msh3), strings.TrimSpace(msh4)}
			if id, again := seen[h]; again != (id == app.ID) {
				t.Fatal("a sender is not found again")
			}
			seen[h] = app.ID
			d, _ = meet(t, d, app, name.Draw(t, "namespace")+"&"+name.Draw(t, "universal"))
		}
		distinct := map[lockport.ApplicationID]bool{}
		for _, id := range seen {
			distinct[id] = true
		}
		if len(distinct) != len(seen) {
			t.Fatal("two senders became one application")
		}
	})
}

func TestAdopt(t *testing.T) {
	d := mustLoad(region()...)
	d, app := adopt(t, d, "Lab Sys", "EAST")
	p, _ := d.Participant(app.Participant)
	if app.ID != "trial.east.lab-sys" || !app.Trial || !app.AcknowledgeAll || app.ProcessingIDs[0] != "*" || p.EmergencyCapable || p.Joined != NeverJoined {
		t.Errorf("adopted as %+v of %+v", app, p)
	}
	if again, changes := Adopt(d, "Lab Sys", "EAST"); again.ID != app.ID || changes != nil {
		t.Error("a known sender is adopted again")
	}
	if known, changes := Adopt(d, "ADT", "NORTH"); known.ID != "north-adt" || changes != nil {
		t.Error("a registered sender is taken on trial")
	}
	d, second := adopt(t, d, "LAB SYS", "east")
	if second.ID == app.ID || !strings.HasPrefix(string(second.ID), "trial.east.lab-sys-") {
		t.Errorf("a sender of nearly the same name is %q", second.ID)
	}
	// Gone and back: the participant is still there and is taken up again.
	d, err := d.Apply(remove(app)...)
	if err != nil {
		t.Fatal(err)
	}
	if _, back := adopt(t, d, "Lab Sys", "EAST"); back.ID != app.ID {
		t.Errorf("a sender that comes back is %q", back.ID)
	}
}

func TestLocalAuthorityOutlivesItsSender(t *testing.T) {
	d, app := adopt(t, mustLoad(), "LAB", "EAST")
	d, a := meet(t, d, app, "MRN")
	p, _ := d.Participant(app.Participant)
	d, err := d.Apply(remove(app, p)...)
	if err != nil {
		t.Fatal(err)
	}
	if id, err := d.ParseIdentifier("1^^^MRN"); err != nil || id.Authority != a.ID {
		t.Errorf("what a removed sender sent is no longer found: %v", err)
	}
}

func TestMayChange(t *testing.T) {
	d := mustLoad(region()...)
	north, south := d.applications["north-adt"], d.applications["south-adt"]
	trial := changed(north, func(a *Application) { a.Trial = true })
	for name, tc := range map[string]struct {
		app  Application
		id   lockport.AuthorityID
		want bool
	}{
		"the owner's":                {north, "mrn-north", true},
		"another one's":              {south, "mrn-north", false},
		"a shared one":               {north, "SSN", false},
		"the owner's while on trial": {trial, "mrn-north", false},
		"no application at all":      {Application{}, "SSN", false},
	} {
		if d.MayChange(tc.app, d.authorities[tc.id]) != tc.want {
			t.Errorf("%s: want %v", name, tc.want)
		}
	}
}

func TestParseIdentifier(t *testing.T) {
	d := mustLoad(region()...)
	d, east := adopt(t, d, "LAB", "EAST")
	d, _ = meet(t, d, east, "PI")
	d, _ = meet(t, d, east, "ONLY")
	d, west := adopt(t, d, "LAB", "WEST")
	d, _ = meet(t, d, west, "PI")
	d, _ = meet(t, d, west, "NORTH")
	for cx, want := range map[string]lockport.Identifier{
		"77^^^SSN":              {Value: "77", Authority: "SSN"},
		"77^^^SSN^SS":           {Value: "77", Authority: "SSN", Type: "SS"},
		"77^^^&1.2.3&ISO":       {Value: "77", Authority: "mrn-north"},
		"77^^^MRN&1.2.3&ISO^MR": {Value: "77", Authority: "mrn-north", Type: "MR"},
		"77^^^mrn-south":        {Value: "77", Authority: "mrn-south"},
		"77^^^ONLY":             {Value: "77", Authority: "LAB|EAST#ONLY"},
		"77^^^LAB|WEST#PI":      {Value: "77", Authority: "LAB|WEST#PI"},
		"77^^^NORTH":            {Value: "77", Authority: "NORTH"},
		"77^^^ONLY&3.3&ISO":     {Value: "77", Authority: "LAB|EAST#ONLY"},
	} {
		if got, err := d.ParseIdentifier(cx); err != nil || got != want {
			t.Errorf("%s: %q %q %q, %v", cx, got.Value, got.Authority, got.Type, err)
		}
	}
	for cx, kind := range map[string]lockport.Kind{
		"SECRET": lockport.Invalid, "SECRET^^^": lockport.Invalid, "^^^SSN": lockport.Invalid, "SECRET^SSN": lockport.Invalid, "SECRET^^^SSN^SS^x": lockport.Invalid,
		"SECRET^^^&": lockport.Invalid, "SECRET^^^MRN": lockport.Conflict, "SECRET^^^PI": lockport.Conflict, "SECRET^^^EAST": lockport.NotFound,
		"SECRET^^^SSN&1.1&ISO": lockport.NotFound,
	} {
		_, err := d.ParseIdentifier(cx)
		if lockport.KindOf(err) != kind || err == nil || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s: got %v, want kind %v without the identifier", cx, err, kind)
		}
	}
}

func TestCounties(t *testing.T) {
	names := map[string]bool{}
	for i, c := range Counties() {
		names[c.Name] = true
		// The Census numbers the counties of a state by odd numbers in order of name.
		if got, ok := LookupCounty(c.FIPS); !ok || got != c || c.FIPS[:2] != "36" || int(c.FIPS[4]-'0')+10*int(c.FIPS[3]-'0')+100*int(c.FIPS[2]-'0') != 2*i+1 {
			t.Errorf("%s %s is out of order", c.FIPS, c.Name)
		}
	}
	if len(names) != 62 || len(IllustrativeRegion()) != 26 {
		t.Errorf("%d counties, %d in the region", len(names), len(IllustrativeRegion()))
	}
	for name, want := range map[string]string{"onondaga": "36067", "Onondaga County": "36067", "St Lawrence": "36089", "SAINT  LAWRENCE": "36089", "Brooklyn": "36047", "new york": "36061", "Seneca": "36099"} {
		if c, ok := LookupCounty(name); !ok || c.FIPS != want {
			t.Errorf("%s: %s", name, c.FIPS)
		}
	}
	for _, name := range []string{"", "County", "36000", "Cook", "St."} {
		if c, ok := LookupCounty(name); ok {
			t.Errorf("%q is %s", name, c.Name)
		}
	}
}

func TestParseMSH(t *testing.T) {
	if a, f, err := ParseMSH("APP| FAC"); err != nil || a != "APP" || f != "FAC" {
		t.Errorf("%q %q %v", a, f, err)
	}
	if a, f, err := ParseMSH("APP^1.2^ISO|FAC^2.16.840.1.113883.19.1.1^ISO"); err != nil || a != "APP" || f != "FAC" {
		t.Errorf("copied from a message: %q %q %v", a, f, err)
	}
	for _, s := range []string{"", "APP", "|", "^1.2|^", "A|B|C"} {
		if _, _, err := ParseMSH(s); lockport.KindOf(err) != lockport.Invalid || err == nil {
			t.Errorf("%q: %v", s, err)
		}
	}
}

// No text of the command line makes ParseIdentifier fail badly, resolve to an
// authority nobody registered, or repeat the identifier in its error.
func FuzzParseIdentifier(f *testing.F) {
	for _, s := range []string{"77^^^SSN", "77^^^MRN&1.2.3&ISO^MR", "^^^", "77^^^&&&", "77^^^LAB|EAST#MRN"} {
		f.Add(s)
	}
	d, app := adopt(f, mustLoad(region()...), "LAB", "EAST")
	d, _ = meet(f, d, app, "MRN")
	f.Fuzz(func(t *testing.T, value string) {
		id, err := d.ParseIdentifier(value)
		if err == nil {
			if _, ok := d.Authority(id.Authority); !ok || id.Value == "" {
				t.Fatal("resolved to an unknown authority or an empty value")
			}
			return
		}
		_, err = d.ParseIdentifier("secret-number" + value)
		if err != nil && strings.Contains(err.Error(), "secret-number") {
			t.Fatal("the error repeats the identifier")
		}
	})
}
