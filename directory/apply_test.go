package directory

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lockport-hie/lockport"
	"pgregory.net/rapid"
)

func TestApplyRefuses(t *testing.T) {
	d := mustLoad(region()...)
	app := system("new", "north", "LAB", "NORTH")
	feed, _ := d.Feed("clinic-results")
	receiver, _ := d.Application("receiver")
	with := func(f func(*Application)) []Change { return put(changed(app, f)) }
	for name, tc := range map[string]struct {
		changes []Change
		kind    lockport.Kind
		says    string // a word of the advice
	}{
		"nothing":                          {[]Change{{Op: Put}}, lockport.Invalid, "exactly one"},
		"two things":                       {[]Change{{Op: Put, Participant: &Participant{}, Feed: &Feed{}}}, lockport.Invalid, "exactly one"},
		"no operation":                     {[]Change{{Participant: &Participant{ID: "x"}}}, lockport.Invalid, "puts or removes"},
		"an id with a space":               {put(changed(hospital("x"), func(p *Participant) { p.ID = "a b" })), lockport.Invalid, "lower-case"},
		"an id in upper case":              {put(changed(hospital("x"), func(p *Participant) { p.ID = "A" })), lockport.Invalid, "lower-case"},
		"an id like a path":                {put(changed(hospital("x"), func(p *Participant) { p.ID = "../x" })), lockport.Invalid, "beginning"},
		"no name":                          {put(changed(hospital("x"), func(p *Participant) { p.Name = " " })), lockport.Invalid, "name"},
		"an unknown type":                  {put(changed(hospital("x"), func(p *Participant) { p.Type = "clinic" })), lockport.Invalid, "health-department"},
		"an unknown county":                {put(changed(hospital("x"), func(p *Participant) { p.County = "42001" })), lockport.Invalid, "FIPS"},
		"a county by name":                 {put(changed(hospital("x"), func(p *Participant) { p.County = "Onondaga" })), lockport.Invalid, "FIPS"},
		"no joining day":                   {put(changed(hospital("x"), func(p *Participant) { p.Joined = "" })), lockport.Invalid, "YYYY-MM-DD"},
		"a joining day in short form":      {put(changed(hospital("x"), func(p *Participant) { p.Joined = "20260101" })), lockport.Invalid, "YYYY-MM-DD"},
		"a place off the map":              {put(Location{ID: "x", Participant: "north", Name: "X", Latitude: math.NaN()}), lockport.Invalid, "latitude"},
		"a location of nobody":             {put(Location{ID: "x", Name: "X"}), lockport.Invalid, "participant"},
		"a location of an unknown one":     {put(Location{ID: "x", Participant: "west", Name: "X"}), lockport.NotFound, "add it first"},
		"an application of an unknown one": {with(func(a *Application) { a.Participant = "west" }), lockport.NotFound, "add it first"},
		"an application of nobody":         {with(func(a *Application) { a.Participant = "" }), lockport.Invalid, "participant"},
		"another one's location":           {put(changed(system("new", "south", "LAB", "S"), func(a *Application) { a.Location = "north-er" })), lockport.Invalid, "another participant"},
		"the same MSH-3 and MSH-4":         {with(func(a *Application) { a.Name = " ADT " }), lockport.Conflict, "unique"},
		"neither MSH-3 nor MSH-4":          {with(func(a *Application) { a.Name, a.Facility = "", "" }), lockport.Invalid, "MSH-3"},
		"the same certificate":             {with(func(a *Application) { a.Fingerprint = receiver.Fingerprint }), lockport.Conflict, "certificate"},
		"a fingerprint in upper case":      {with(func(a *Application) { a.Fingerprint = strings.Repeat("AB", 32) }), lockport.Invalid, "lower-case"},
		"an unknown zone":                  {with(func(a *Application) { a.Zone = "America/Lockport" }), lockport.Invalid, "IANA"},
		"the machine's own zone":           {with(func(a *Application) { a.Zone = "Local" }), lockport.Invalid, "IANA"},
		"no role":                          {with(func(a *Application) { a.Roles = nil }), lockport.Invalid, "source,provider"},
		"an unknown role":                  {with(func(a *Application) { a.Roles = []Role{"admin"} }), lockport.Invalid, "source, provider"},
		"a provider on trial":              {with(func(a *Application) { a.Trial, a.Roles = true, []Role{Provider} }), lockport.Invalid, "register"},
		"consent by one on trial":          {with(func(a *Application) { a.Trial, a.MayRecordConsent = true, true }), lockport.Invalid, "trial"},
		"a reply-to without port":          {with(func(a *Application) { a.ReplyTo = "host" }), lockport.Invalid, "host:port"},
		"an unknown purpose":               {with(func(a *Application) { a.DefaultPurpose = "RESEARCH" }), lockport.Invalid, "TREAT"},
		"another one's clinician":          {with(func(a *Application) { a.DefaultProvider = doctor }), lockport.Invalid, "does not act"},
		"an unknown clinician":             {with(func(a *Application) { a.DefaultProvider = "1111111111" }), lockport.NotFound, "add it first"},
		"an unknown authority":             {with(func(a *Application) { a.Authorities = []lockport.AuthorityID{"X"} }), lockport.NotFound, "add it first"},
		"an application that moves":        {put(system("north-adt", "south", "ADT", "NORTH")), lockport.Conflict, "cannot move"},
		"an NPI of nine digits":            {put(ProviderEntry{NPI: "123456789", Name: "X", Participants: []lockport.ParticipantID{"north"}, Role: Staff}), lockport.Invalid, "ten digits"},
		"a provider of nobody":             {put(ProviderEntry{NPI: "1111111111", Name: "X", Role: Staff}), lockport.Invalid, "participant"},
		"a provider of an unknown one":     {put(ProviderEntry{NPI: "1111111111", Name: "X", Participants: []lockport.ParticipantID{"west"}, Role: Staff}), lockport.NotFound, "add it first"},
		"an authority of nobody":           {put(authority("X", "X", "", "")), lockport.Invalid, "owns"},
		"an authority of an unknown one":   {put(authority("X", "X", "", "west")), lockport.NotFound, "add it first"},
		"a shared authority with an owner": {put(Authority{ID: "X", Namespace: "X", Owner: "north", Shared: true}), lockport.Invalid, "choose one"},
		"an authority with a delimiter":    {put(authority("A&B", "A&B", "", "north")), lockport.Invalid, "must not contain"},
		"the same universal id":            {put(authority("X", "X", "1.2.3", "south")), lockport.Conflict, "mrn-north"},
		"the same namespace and owner":     {put(authority("X", "MRN", "", "south")), lockport.Conflict, "mrn-south"},
		"an authority that becomes shared": {put(Authority{ID: "NORTH", Namespace: "NORTH", Shared: true}), lockport.Conflict, "register another"},
		"a feed of a source only":          {put(changed(feed, func(f *Feed) { f.Application = "north-adt" })), lockport.Invalid, "no provider"},
		"a feed of an unknown one":         {put(changed(feed, func(f *Feed) { f.Application = "west" })), lockport.NotFound, "add it first"},
		"a feed of nobody":                 {put(changed(feed, func(f *Feed) { f.Application = "" })), lockport.Invalid, "application"},
		"a feed without CA":                {put(changed(feed, func(f *Feed) { f.CA = "" })), lockport.Invalid, "insecure"},
		"a feed with both":                 {put(changed(feed, func(f *Feed) { f.Insecure = true })), lockport.Invalid, "choose one"},
		"a feed to port 0":                 {put(changed(feed, func(f *Feed) { f.To = "host:0" })), lockport.Invalid, "host:port"},
		"a feed to a bare IPv6 address":    {put(changed(feed, func(f *Feed) { f.To = "::1:2575" })), lockport.Invalid, "host:port"},
		"a feed of unknown kind":           {put(changed(feed, func(f *Feed) { f.Kind = "films" })), lockport.Invalid, "results"},
		"removing the unknown":             {remove(hospital("west")), lockport.NotFound, "nothing to remove"},
		"removing a needed participant":    {remove(hospital("north")), lockport.Conflict, "application north-adt"},
		"removing a needed application":    {remove(receiver), lockport.Conflict, "feed clinic-results"},
		"removing a needed authority":      {remove(authority("mrn-north", "", "", "")), lockport.Conflict, "application north-adt"},
		"removing a needed provider":       {remove(ProviderEntry{NPI: doctor}), lockport.Conflict, "application receiver"},
		"losing the role a feed needs":     {put(changed(receiver, func(a *Application) { a.Roles = []Role{Source} })), lockport.Invalid, "no provider"},
	} {
		t.Run(name, func(t *testing.T) {
			next, err := d.Apply(tc.changes...)
			if err == nil || lockport.KindOf(err) != tc.kind || !strings.Contains(err.Error(), tc.says) {
				t.Fatalf("got %v (%v), want kind %v and %q", err, lockport.KindOf(err), tc.kind, tc.says)
			}
			if next != nil {
				t.Fatal("a snapshot came with the error")
			}
		})
	}
}

func TestApplyTakes(t *testing.T) {
	d := mustLoad(region()...)
	feed, _ := d.Feed("clinic-results")
	receiver, _ := d.Application("receiver")
	for name, changes := range map[string][]Change{
		"the same again":                       region(),
		"a batch whose parts need each other":  put(system("west-adt", "west", "ADT", "WEST", "WEST"), authority("WEST", "WEST", "", "west"), hospital("west")),
		"removing a thing and what needs it":   remove(receiver, feed),
		"removing and adding again":            append(remove(hospital("north")), put(hospital("north"))...),
		"an IPv6 destination":                  put(changed(feed, func(f *Feed) { f.To = "[::1]:2575" })),
		"an MSH-4 alone":                       put(system("x", "north", "", "X")),
		"the namespace of another owner":       put(authority("mrn-clinic", "MRN", "", "clinic")),
		"the namespace with another universal": put(authority("mrn-2", "MRN", "1.2.4", "north")),
	} {
		if _, err := d.Apply(changes...); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestApplyLeavesTheSnapshotAlone(t *testing.T) {
	d := mustLoad(region()...)
	roles := []Role{Source}
	next, err := d.Apply(put(changed(system("x", "north", "X", "X"), func(a *Application) { a.Roles = roles }))...)
	if err != nil {
		t.Fatal(err)
	}
	roles[0] = "changed"
	if a, ok := next.Application("x"); !ok || a.Roles[0] != Source {
		t.Error("the snapshot shares memory with the change")
	}
	if _, ok := d.Application("x"); ok || !cmp.Equal(d, mustLoad(region()...), cmp.AllowUnexported(Directory{}, header{})) {
		t.Error("the old snapshot changed")
	}
}

func TestLoadDoesNotDependOnTheOrderOfThings(t *testing.T) {
	want := mustLoad(region()...)
	rapid.Check(t, func(t *rapid.T) {
		got, err := Load(rapid.Permutation(region()).Draw(t, "order"))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(Directory{}, header{})); diff != "" {
			t.Fatal(diff)
		}
	})
}

// The record keeps the last change about each thing, in key order. What that
// loads must be what applying all changes in journal order gave.
func TestRowsLoadToWhatTheJournalGave(t *testing.T) {
	names := rapid.SampledFrom([]string{"north", "south", "west"})
	rapid.Check(t, func(t *rapid.T) {
		d, rows := mustLoad(), map[string]Change{}
		for range rapid.IntRange(1, 25).Draw(t, "changes") {
			p := names.Draw(t, "participant")
			thing := []any{hospital(p), system("adt-"+p, p, "ADT", names.Draw(t, "facility")), authority(p, p, "", p)}[rapid.IntRange(0, 2).Draw(t, "thing")]
			c := put(thing)[0]
			if rapid.Bool().Draw(t, "remove") {
				c = remove(thing)[0]
			}
			if next, err := d.Apply(c); err == nil {
				d, rows[string(ChangeKey(c))] = next, c
			}
		}
		var table []Change
		keys := make([]string, 0, len(rows))
		for k := range rows {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for _, k := range keys {
			table = append(table, rows[k])
		}
		got, err := Load(table)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(d, got, cmp.AllowUnexported(Directory{}, header{})); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestChangeKeysTellThingsApart(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range put(hospital("x"), Location{ID: "x"}, system("x", "", "", ""), ProviderEntry{NPI: "x"}, Authority{ID: "x"}, Feed{ID: "x"}) {
		seen[string(ChangeKey(c))] = true
	}
	if len(seen) != 6 {
		t.Fatalf("%d keys for six things", len(seen))
	}
}

func TestLookUps(t *testing.T) {
	d := mustLoad(region()...)
	if a, ok := d.ApplicationByHeader("ADT", " SOUTH"); !ok || a.ID != "south-adt" {
		t.Error("MSH-3 and MSH-4 do not find the application")
	}
	if _, ok := d.ApplicationByHeader("adt", "SOUTH"); ok {
		t.Error("case does not count in MSH-3")
	}
	if a, ok := d.ApplicationByFingerprint(strings.Repeat("ab", 32)); !ok || a.ID != "receiver" {
		t.Error("the certificate does not find the application")
	}
	if _, ok := d.ApplicationByFingerprint(""); ok {
		t.Error("no certificate finds an application")
	}
	if f := d.FeedsOf("clinic"); len(f) != 1 || len(d.FeedsOf("north")) != 0 {
		t.Error("feeds are not found by their participant")
	}
	var zero Directory
	if _, ok := zero.ApplicationByHeader("", ""); ok || len(zero.Feeds()) != 0 {
		t.Error("the zero directory knows something")
	}
}

func TestAuditLine(t *testing.T) {
	c := put(hospital("north"))[0]
	who, what, detail := c.AuditLine()
	if who != "op" || what != "participant put" || detail != "north type=hospital county=36067 joined=2026-01-01" {
		t.Errorf("%q %q %q", who, what, detail)
	}
	_, changes := Adopt(mustLoad(), "A", "B")
	who, what, detail = changes[1].AuditLine()
	if who != "sender on trial" || what != "application put" || !strings.Contains(detail, `msh="A|B"`) || !strings.Contains(detail, "trial=yes") {
		t.Errorf("%q %q %q", who, what, detail)
	}
	if _, what, detail = remove(hospital("north"))[0].AuditLine(); what != "participant remove" || detail != "north" {
		t.Errorf("%q %q", what, detail)
	}
}
