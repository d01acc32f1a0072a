package patient

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/lockport-hie/lockport"
)

func TestAttribute(t *testing.T) {
	ids := func(c ...Claimed) []Claimed { return c }
	for name, tc := range map[string]struct {
		known     [][]Claimed
		claim     []Claimed
		only      bool // attribute only: MayCreate false
		want      lockport.RegistrationID
		person    lockport.PersonID
		provision bool
		kind      lockport.Kind // of the error when want is 0
	}{
		"an unknown owned identifier makes a patient":               {claim: ids(own("10")), want: 1, person: 1},
		"a known owned identifier finds its patient":                {known: [][]Claimed{ids(own("10")), ids(own("20"))}, claim: ids(own("20")), want: 2, person: 2},
		"an owned identifier counts before a foreign one":           {known: [][]Claimed{ids(foreign("10"))}, claim: ids(foreign("10"), own("20")), want: 2, person: 2},
		"a foreign identifier never links":                          {known: [][]Claimed{ids(foreign("10")), ids(own("20"))}, claim: ids(own("20"), foreign("10")), want: 2, person: 2},
		"an unknown foreign identifier makes a provisional one":     {claim: ids(foreign("10")), want: 1, person: 1, provision: true},
		"a known foreign identifier counts before an unknown":       {known: [][]Claimed{ids(foreign("20"))}, claim: ids(foreign("10"), foreign("20")), want: 1, person: 1, provision: true},
		"a new owned identifier joins the first":                    {known: [][]Claimed{ids(own("10"))}, claim: ids(own("10"), own2("77")), want: 1, person: 1},
		"a new first identifier takes no other's registration":      {known: [][]Claimed{ids(own("10"))}, claim: ids(own2("77"), own("10")), want: 2, person: 1},
		"a known second owned one helps where none may be made":     {known: [][]Claimed{ids(own("10"))}, claim: ids(own2("77"), own("10")), only: true, want: 1, person: 1},
		"a blank beside a real identifier says nothing":             {known: [][]Claimed{ids(own("10"), own2("000-00-0000"))}, claim: ids(own2("000-00-0000"), own("20")), want: 2, person: 2},
		"a blank alone is an identifier":                            {known: [][]Claimed{ids(own("00000"))}, claim: ids(own("00000")), want: 1, person: 1},
		"two held owned identifiers link the persons":               {known: [][]Claimed{ids(own("10")), ids(own2("77"))}, claim: ids(own2("77"), own("10")), want: 2, person: 1},
		"a shared identifier links its bearers":                     {known: [][]Claimed{ids(own("10"), shared("555-12")), ids(own("20"))}, claim: ids(own("20"), shared("555-12")), want: 2, person: 1},
		"a shared identifier alone finds its one person":            {known: [][]Claimed{ids(own("10"), shared("555-12"))}, claim: ids(shared("555-12")), want: 1, person: 1},
		"a shared identifier goes after a provisional one":          {known: [][]Claimed{ids(own("10"), shared("555-12"))}, claim: ids(shared("555-12"), foreign("9")), want: 2, person: 2, provision: true},
		"shared identifiers of several persons decide nothing":      {known: [][]Claimed{ids(own("10"), shared("555-12")), ids(own("20"), shared("555-13"))}, claim: ids(shared("555-12"), shared("555-13")), kind: lockport.Conflict},
		"two shared identifiers of one person find it":              {known: [][]Claimed{ids(own("10"), shared("555-12")), ids(own("20"), shared("555-12"), shared("555-13"))}, claim: ids(shared("555-13"), shared("555-12")), want: 1, person: 1},
		"an unknown shared identifier finds nobody":                 {claim: ids(shared("555-12")), kind: lockport.NotFound},
		"a number that stands for unknown does not link":            {known: [][]Claimed{ids(own("10"), shared("999-99-9999"))}, claim: ids(own("20"), shared("999-99-9999")), want: 2, person: 2},
		"an empty list finds nobody":                                {kind: lockport.NotFound},
		"an identifier without value finds nobody":                  {claim: ids(own("")), kind: lockport.NotFound},
		"an unknown owned identifier is not made when only asked":   {claim: ids(own("10")), only: true, kind: lockport.NotFound},
		"a known foreign one helps where the owned may not be made": {known: [][]Claimed{ids(foreign("9"))}, claim: ids(own("10"), foreign("9")), only: true, want: 1, person: 1, provision: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore()
			s.seen(t, tc.known...)
			reg, changes, err := s.claim(Claim{Identifiers: tc.claim, MayCreate: !tc.only})
			s.verify(t)
			if tc.want == 0 {
				if err == nil || lockport.KindOf(err) != tc.kind || !changes.Empty() {
					t.Fatalf("got %v, want an error of kind %v and no changes", err, tc.kind)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if reg.ID != tc.want || reg.Person != tc.person || reg.Provisional != tc.provision {
				t.Fatalf("registration %d of person %d, provisional %v; want %d of %d, %v", reg.ID, reg.Person, reg.Provisional, tc.want, tc.person, tc.provision)
			}
			if again, c, err := Attribute(s, Claim{Seq: s.seq, Identifiers: tc.claim, MayCreate: !tc.only, New: s.new}); err != nil || !c.Empty() || again.ID != tc.want {
				t.Fatalf("the same claim again is not without effect: %v", err)
			}
		})
	}
}

func TestWhatLinks(t *testing.T) {
	for value, want := range map[string]bool{
		"123-45-6780": true, "AB12345C": true, "S1": true, "12": true,
		"": false, "0": false, "000-00-0000": false, "999999999": false, "123-45-6789": false, "NONE": false, "?": false, "7": false, "XXXXX": false, "11": false,
	} {
		if linkable(value) != want {
			t.Errorf("%q links: want %v", value, want)
		}
	}
	for value, want := range map[string]bool{"": true, "-": true, "0": true, "0-0": true, "99999": true, "XXXXXX": true, "1": false, "111": false, "10": false, "123456": false} {
		if blank(value) != want {
			t.Errorf("%q is blank: want %v", value, want)
		}
	}
}

func TestSharedIdentifierFromSomebodyElseLinksNobody(t *testing.T) {
	s := newStore()
	s.seen(t, []Claimed{own("10"), shared("555-12")}, []Claimed{foreign("9")}, []Claimed{foreign("9"), shared("555-12")})
	s.verify(t)
	if len(s.persons) != 2 {
		t.Fatalf("%d persons, want 2", len(s.persons))
	}
}

func TestLinkKeepsItsReason(t *testing.T) {
	s := newStore()
	s.seen(t, []Claimed{own("10")}, []Claimed{own2("77")})
	for range 2 {
		s.seen(t, []Claimed{own2("77"), own("10")})
	}
	links := s.registrations[2].Links
	if len(links) != 1 || links[0] != (Link{To: 1, Seq: 3, Basis: SameList}) {
		t.Fatalf("links %v, want one to 1, stated by entry 3", links)
	}
}

func TestClosedPersonStaysClosedWhenLinked(t *testing.T) {
	s := newStore()
	s.seen(t, []Claimed{own("10")}, []Claimed{own("20")})
	p := s.persons[2]
	p.Closed = 7
	s.persons[2] = p
	s.seen(t, []Claimed{own("10"), own("20")})
	if s.persons[1].Closed != 7 {
		t.Fatal("linking opened a closed person")
	}
}

func sex(v string) *Update       { return &Update{Sex: Field[string]{true, v}} }
func birth(v string) *Update     { return &Update{BirthDate: Field[string]{true, v}} }
func phones(v ...string) *Update { return &Update{Phones: Field[[]string]{true, v}} }

func TestOwnerFillsProvisional(t *testing.T) {
	s := newStore()
	if _, _, err := s.claim(Claim{Identifiers: []Claimed{foreign("9")}, MayCreate: true, Time: at(5), Details: sex("M")}); err != nil {
		t.Fatal(err)
	}
	owner := Claimed{Identifier: ident("F", "9"), Owned: true}
	reg, _, err := s.claim(Claim{Identifiers: []Claimed{owner}, Time: at(1), Details: birth("1980")})
	if err != nil || reg.Provisional || reg.Details.Sex != "" || reg.Details.BirthDate != "1980" {
		t.Fatal("the owner's first word, though older, does not replace what another said")
	}
	reg, changes, _ := s.claim(Claim{Identifiers: []Claimed{foreign("9")}, MayCreate: true, Time: at(9), Details: sex("F")})
	if reg.Details.Sex != "" || !changes.Empty() {
		t.Fatal("another participant changed the owner's patient")
	}
}

func TestUpdateSemantics(t *testing.T) {
	type step struct {
		at int
		u  *Update
	}
	full := &Update{Sex: Field[string]{true, "F"}, BirthDate: Field[string]{true, "1980"}, Phones: Field[[]string]{true, []string{"1", "2"}}}
	for name, tc := range map[string]struct {
		steps []step
		want  Demographics
	}{
		"unstated is unchanged":            {[]step{{1, full}, {2, sex("M")}}, Demographics{Sex: "M", BirthDate: "1980", Phones: []string{"1", "2"}}},
		"stated empty deletes":             {[]step{{1, full}, {2, sex("")}, {3, phones()}}, Demographics{BirthDate: "1980"}},
		"a repeating field is replaced":    {[]step{{1, full}, {2, phones("3")}}, Demographics{Sex: "F", BirthDate: "1980", Phones: []string{"3"}}},
		"older changes nothing newer":      {[]step{{2, full}, {1, sex("M")}}, Demographics{Sex: "F", BirthDate: "1980", Phones: []string{"1", "2"}}},
		"older fills what nobody spoke of": {[]step{{2, sex("M")}, {1, full}}, Demographics{Sex: "M", BirthDate: "1980", Phones: []string{"1", "2"}}},
		"older does not undo a deletion":   {[]step{{2, sex("")}, {1, sex("M")}}, Demographics{}},
		"equal times go by arrival":        {[]step{{1, sex("M")}, {1, sex("F")}}, Demographics{Sex: "F"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore()
			var reg Registration
			for _, st := range tc.steps {
				reg, _, _ = s.claim(Claim{Identifiers: []Claimed{own("10")}, MayCreate: true, Time: at(st.at), Details: st.u})
			}
			if d := reg.Details; d.Sex != tc.want.Sex || d.BirthDate != tc.want.BirthDate || !slices.Equal(d.Phones, tc.want.Phones) {
				t.Fatal("details differ from what the rule says")
			}
		})
	}
}

func TestWithSetsEveryField(t *testing.T) {
	u := Update{
		Names: Field[[]Name]{true, []Name{{Family: "A"}}}, BirthDate: Field[string]{true, "1980"}, Sex: Field[string]{true, "F"},
		Races: Field[[]string]{true, []string{"r"}}, Ethnicity: Field[[]string]{true, []string{"e"}},
		Addresses: Field[[]Address]{true, []Address{{City: "C"}}}, Phones: Field[[]string]{true, []string{"p"}},
		Language: Field[string]{true, "en"}, Death: Field[string]{true, "2026"}, Dead: Field[string]{true, "Y"},
	}
	d := Demographics{}.With(u)
	if d.Names[0].Family != "A" || d.BirthDate != "1980" || d.Sex != "F" || d.Races[0] != "r" || d.Ethnicity[0] != "e" ||
		d.Addresses[0].City != "C" || d.Phones[0] != "p" || d.Language != "en" || d.Death != "2026" || d.Dead != "Y" {
		t.Fatal("a field of the update went elsewhere")
	}
}

func TestNothingPrintsAPatient(t *testing.T) {
	s := newStore()
	c := Claim{Identifiers: []Claimed{own("SECRET1")}, MayCreate: true, Time: at(1),
		Details: &Update{Names: Field[[]Name]{true, []Name{{Family: "SECRET2"}}}, Sex: Field[string]{true, "SECRET3"}}}
	reg, changes, err := s.claim(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{reg, &reg, reg.Details, reg.Details.Names, changes, c, *c.Details, c.Details.Sex, MergeClaim{Old: own("SECRET1")}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
			if out := fmt.Sprintf(verb, v); strings.Contains(out, "SECRET") {
				t.Errorf("%T prints content with %s", v, verb)
			}
		}
	}
}
