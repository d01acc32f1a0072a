package patient

import (
	"testing"

	"github.com/lockport-hie/lockport"
	"pgregory.net/rapid"
)

func pair(old, into string) MergeClaim { return MergeClaim{Old: own(old), Into: own(into)} }

func TestMerge(t *testing.T) {
	for name, tc := range map[string]struct {
		known   []string
		before  []MergeClaim
		merge   MergeClaim
		refused bool
		nothing bool   // accepted without any change
		end     string // the identifier to which the old one leads afterwards
	}{
		"an old identifier leads to the survivor": {known: []string{"1", "2"}, merge: pair("1", "2"), end: "2"},
		"a chain leads to its end":                {known: []string{"1", "2", "3"}, before: []MergeClaim{pair("1", "2")}, merge: pair("2", "3"), end: "3"},
		"the same again changes nothing":          {known: []string{"1", "2"}, before: []MergeClaim{pair("1", "2")}, merge: pair("1", "2"), nothing: true, end: "2"},
		"the same again after a longer chain":     {known: []string{"1", "2", "3"}, before: []MergeClaim{pair("1", "2"), pair("2", "3")}, merge: pair("1", "2"), nothing: true, end: "3"},
		"the long way round changes nothing":      {known: []string{"1", "2", "3"}, before: []MergeClaim{pair("1", "2"), pair("2", "3")}, merge: pair("1", "3"), nothing: true, end: "3"},
		"an unknown old identifier is retired":    {known: []string{"2"}, merge: pair("1", "2"), end: "2"},
		"an unknown survivor is made":             {known: []string{"1"}, merge: pair("1", "2"), end: "2"},
		"both unknown are made":                   {merge: pair("1", "2"), end: "2"},
		"the inverse is contradictory":            {known: []string{"1", "2"}, before: []MergeClaim{pair("1", "2")}, merge: pair("2", "1"), refused: true, end: "2"},
		"the inverse over a chain":                {known: []string{"1", "2", "3"}, before: []MergeClaim{pair("1", "2"), pair("2", "3")}, merge: pair("3", "1"), refused: true, end: "3"},
		"the inverse in the middle of a chain":    {known: []string{"1", "2", "3"}, before: []MergeClaim{pair("1", "2"), pair("2", "3")}, merge: pair("2", "1"), refused: true, end: "3"},
		"an old identifier merged elsewhere":      {known: []string{"1", "2", "3"}, before: []MergeClaim{pair("1", "2")}, merge: pair("1", "3"), refused: true, end: "2"},
		"a survivor merged away":                  {known: []string{"1", "2", "3"}, before: []MergeClaim{pair("2", "3")}, merge: pair("1", "2"), refused: true, end: "1"},
		"source and target are the same":          {known: []string{"1"}, merge: pair("1", "1"), refused: true, end: "1"},
		"a foreign old identifier":                {known: []string{"1", "2"}, merge: MergeClaim{Old: Claimed{Identifier: ident("H", "1")}, Into: own("2")}, refused: true, end: "1"},
		"a foreign survivor":                      {known: []string{"1", "2"}, merge: MergeClaim{Old: own("1"), Into: Claimed{Identifier: ident("H", "2")}}, refused: true, end: "1"},
		"another authority of the same owner":     {known: []string{"1"}, merge: MergeClaim{Old: own("1"), Into: own2("2")}, refused: true, end: "1"},
		"a shared authority":                      {known: []string{"1"}, merge: MergeClaim{Old: shared("1"), Into: shared("2")}, refused: true, end: "1"},
		"no old identifier":                       {known: []string{"1"}, merge: pair("", "1"), refused: true, end: "1"},
		"no survivor":                             {known: []string{"1"}, merge: pair("1", ""), refused: true, end: "1"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore()
			for _, v := range tc.known {
				s.seen(t, []Claimed{own(v)})
			}
			for _, m := range tc.before {
				if _, err := s.merge(m); err != nil {
					t.Fatal(err)
				}
			}
			changes, err := s.merge(tc.merge)
			s.verify(t)
			if tc.refused != (err != nil) || tc.refused && lockport.KindOf(err) != lockport.Conflict {
				t.Fatalf("got %v, want refused %v", err, tc.refused)
			}
			if (tc.refused || tc.nothing) != changes.Empty() {
				t.Fatalf("changes are empty: %v", changes.Empty())
			}
			if got, want := s.resolve(t, ident("H", "1")), s.resolve(t, ident("H", tc.end)); got.ID != want.ID || got.Into != 0 {
				t.Fatalf("the old identifier leads to %d, want %d", got.ID, want.ID)
			}
		})
	}
}

func TestLateMessageOnRetiredIdentifier(t *testing.T) {
	s := newStore()
	if _, err := s.merge(MergeClaim{Old: own("1"), Into: own("2"), Time: at(5), Details: sex("F")}); err != nil {
		t.Fatal(err)
	}
	registrations := len(s.registrations)
	reg, _, err := s.claim(Claim{Identifiers: []Claimed{own("1")}, MayCreate: true, Time: at(1), Details: sex("M")})
	if err != nil || len(s.registrations) != registrations {
		t.Fatal("a late message on a retired identifier brought the patient back")
	}
	if reg.ID != s.resolve(t, ident("H", "2")).ID || reg.Details.Sex != "F" {
		t.Fatal("a late message is not attributed to the survivor, or changed newer details")
	}
}

func TestMergeKeepsWhatUndoingNeeds(t *testing.T) {
	s := newStore()
	s.seen(t, []Claimed{own("1")}, []Claimed{own("2")})
	before := s.registrations[1]
	if _, err := s.merge(pair("1", "2")); err != nil {
		t.Fatal(err)
	}
	after := s.registrations[1]
	if after.Into != 2 || after.Merged != 3 || len(after.Identifiers) != 1 || after.Identifiers[0] != before.Identifiers[0] {
		t.Fatal("the subsumed registration does not say by whom and when, or lost its identifiers")
	}
}

func TestSurvivorDoesNotLoop(t *testing.T) {
	s := newStore()
	s.registrations[1] = Registration{ID: 1, Into: 2}
	s.registrations[2] = Registration{ID: 2, Into: 1}
	s.registrations[3] = Registration{ID: 3, Into: 4}
	for _, id := range []lockport.RegistrationID{1, 3, 9} {
		if _, err := Survivor(s, id); lockport.KindOf(err) != lockport.Corrupt {
			t.Errorf("registration %d: got %v, want kind corrupt", id, err)
		}
	}
}

// model is the index as a person would explain it: every identifier points to a
// number, numbers point to where they were merged, and whoever is connected is
// one person. It recomputes everything from the list of reasons.
type model struct {
	number map[identity]int // identifier → registration
	into   map[int]int
	edges  [][2]int
	bears  map[identity][]int // shared identifier → registrations
	next   int
}

func (m *model) end(n int) int {
	for m.into[n] != 0 {
		n = m.into[n]
	}
	return n
}

// persons returns for every registration the lowest one connected with it.
func (m *model) persons() map[int]int {
	lowest := map[int]int{}
	for n := 1; n <= m.next; n++ {
		lowest[n] = n
	}
	for changed := true; changed; {
		changed = false
		for _, e := range m.edges {
			if low := min(lowest[e[0]], lowest[e[1]]); lowest[e[0]] != low || lowest[e[1]] != low {
				lowest[e[0]], lowest[e[1]], changed = low, low, true
			}
		}
	}
	return lowest
}

func (m *model) make(id Claimed) int {
	m.next++
	m.number[identityOf(id.Identifier)] = m.next
	return m.next
}

// claim follows the rules for a list whose first entry is owned.
func (m *model) claim(ids []Claimed) {
	target := m.number[identityOf(ids[0].Identifier)]
	if target == 0 {
		target = m.make(ids[0])
	}
	target = m.end(target)
	for _, id := range ids {
		key := identityOf(id.Identifier)
		switch n := m.number[key]; {
		case id.Shared:
			m.bears[key] = append(m.bears[key], target)
			m.edges = append(m.edges, [2]int{m.bears[key][0], target})
		case id.Owned && n == 0:
			m.number[key] = target
		case id.Owned:
			m.edges = append(m.edges, [2]int{target, m.end(n)})
		}
	}
}

// merge follows the rules and reports whether the merge was refused.
func (m *model) merge(old, into Claimed) (refused bool) {
	a, b := m.number[identityOf(old.Identifier)], m.number[identityOf(into.Identifier)]
	if old.Identifier == into.Identifier {
		return true
	}
	if a != 0 && b != 0 && m.end(a) == m.end(b) {
		for n := b; m.into[n] != 0; n = m.into[n] {
			if m.into[n] == a {
				return true
			}
		}
		return false
	}
	if m.into[a] != 0 || m.into[b] != 0 {
		return true
	}
	if b == 0 {
		b = m.make(into)
	}
	if a == 0 {
		a = m.make(old)
	}
	m.into[a] = b
	m.edges = append(m.edges, [2]int{a, b})
	return false
}

func TestIndexAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newStore()
		m := &model{number: map[identity]int{}, into: map[int]int{}, bears: map[identity][]int{}}
		mrn := rapid.Custom(func(t *rapid.T) Claimed { return own(rapid.StringMatching(`[1-8]`).Draw(t, "mrn")) })
		other := rapid.Custom(func(t *rapid.T) Claimed {
			if rapid.Bool().Draw(t, "shared") {
				return shared("555-" + rapid.StringMatching(`[1-3]`).Draw(t, "number"))
			}
			return own2(rapid.StringMatching(`[1-4]`).Draw(t, "number"))
		})
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "merge") {
				old, into := mrn.Draw(t, "old"), mrn.Draw(t, "into")
				_, err := s.merge(MergeClaim{Old: old, Into: into})
				if refused := m.merge(old, into); refused != (err != nil) {
					t.Fatalf("merge: got %v, the model says refused %v", err, refused)
				}
			} else {
				ids := append([]Claimed{mrn.Draw(t, "first")}, rapid.SliceOfN(other, 0, 2).Draw(t, "others")...)
				m.claim(ids)
				if _, _, err := s.claim(Claim{Identifiers: ids, MayCreate: true}); err != nil {
					t.Fatalf("claim: %v", err)
				}
			}
			s.verify(t)
			compare(t, s, m)
		}
	})
}

func compare(t *rapid.T, s *store, m *model) {
	if len(s.registrations) != m.next {
		t.Fatalf("%d registrations, the model has %d", len(s.registrations), m.next)
	}
	persons := m.persons()
	for id, n := range m.number {
		reg, err := Survivor(s, s.holders[id].Registrations[0])
		if err != nil || int(reg.ID) != m.end(n) {
			t.Fatalf("an identifier of %s leads to %d, in the model to %d", id.authority, reg.ID, m.end(n))
		}
		if int(reg.Person) != persons[m.end(n)] {
			t.Fatalf("registration %d is of person %d, in the model of %d", reg.ID, reg.Person, persons[m.end(n)])
		}
	}
}

func TestDetailsDoNotDependOnArrival(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 6).Draw(t, "messages")
		claims := make([]Claim, n)
		for i := range claims {
			u := &Update{}
			for _, f := range []*Field[string]{&u.Sex, &u.BirthDate, &u.Language} {
				if rapid.Bool().Draw(t, "stated") {
					*f = Field[string]{true, rapid.SampledFrom([]string{"", "a", "b", "c"}).Draw(t, "value")}
				}
			}
			claims[i] = Claim{Identifiers: []Claimed{own("1")}, MayCreate: true, Time: at(i), Details: u}
		}
		result := func(order []Claim) Demographics {
			s := newStore()
			var reg Registration
			for _, c := range order {
				var err error
				if reg, _, err = s.claim(c); err != nil {
					t.Fatal(err)
				}
			}
			return reg.Details
		}
		a, b := result(claims), result(rapid.Permutation(claims).Draw(t, "order"))
		if a.Sex != b.Sex || a.BirthDate != b.BirthDate || a.Language != b.Language {
			t.Fatal("another order of arrival ends in other details")
		}
	})
}
