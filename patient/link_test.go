package patient

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/lockport-hie/lockport"
)

// components holds the persons against the reasons why registrations are one: two
// registrations are of one person exactly when a way leads from one to the other.
// It returns what is wrong.
func (s *store) components() string {
	near := map[lockport.RegistrationID][]lockport.RegistrationID{}
	off := map[[2]lockport.RegistrationID]bool{}
	join := func(a, b lockport.RegistrationID) {
		if !off[[2]lockport.RegistrationID{min(a, b), max(a, b)}] {
			near[a], near[b] = append(near[a], b), append(near[b], a)
		}
	}
	for id, r := range s.registrations {
		for _, l := range r.Links {
			if l.Off {
				off[[2]lockport.RegistrationID{min(id, l.To), max(id, l.To)}] = true
			}
		}
	}
	for id, r := range s.registrations {
		for _, l := range r.Links {
			join(id, l.To)
		}
		if r.Into != 0 { // a merge is stronger than a word about two
			near[id], near[r.Into] = append(near[id], r.Into), append(near[r.Into], id)
		}
	}
	for _, h := range s.holders {
		for _, a := range h.Registrations {
			for _, b := range h.Registrations {
				join(a, b)
			}
		}
	}
	for id, r := range s.registrations {
		lowest, seen := id, []lockport.RegistrationID{id}
		for i := 0; i < len(seen); i++ {
			lowest = min(lowest, seen[i])
			for _, n := range near[seen[i]] {
				if !slices.Contains(seen, n) {
					seen = append(seen, n)
				}
			}
		}
		if r.Person != lockport.PersonID(lowest) {
			return fmt.Sprintf("registration %d is of person %d, its reasons say %d", id, r.Person, lowest)
		}
	}
	return ""
}

// say joins or parts the registrations behind two identifiers at an hour.
func (s *store) say(t testing.TB, say func(Reader, LinkClaim) (Changes, error), hour int, a, b string) error {
	s.seq++
	claim := LinkClaim{At: Stamp{Micro: at(hour).UnixMicro(), Seq: s.seq}, A: s.resolve(t, ident("H", a)).ID, B: s.resolve(t, ident("H", b)).ID}
	changes, err := say(s, claim)
	s.write(changes)
	return err
}

func TestJoinAndPart(t *testing.T) {
	s := newStore()
	s.seen(t, []Claimed{own("1")}, []Claimed{own("2")}, []Claimed{own("3")})
	persons := func() string {
		s.verify(t)
		return fmt.Sprint(s.resolve(t, ident("H", "1")).Person, s.resolve(t, ident("H", "2")).Person, s.resolve(t, ident("H", "3")).Person)
	}
	for i, step := range []struct {
		say  func(Reader, LinkClaim) (Changes, error)
		hour int
		a, b string
		want string
	}{
		{Join, 1, "2", "1", "1 1 3"},
		{Join, 2, "3", "2", "1 1 1"},
		{Part, 3, "1", "2", "1 2 2"},
		{Join, 2, "1", "2", "1 2 2"}, // said before they were parted
		{Join, 4, "1", "2", "1 1 1"},
		{Part, 5, "3", "2", "1 1 3"},
	} {
		if err := s.say(t, step.say, step.hour, step.a, step.b); err != nil {
			t.Fatal(i, err)
		}
		if got := persons(); got != step.want {
			t.Fatalf("after step %d the persons are %s, want %s", i, got, step.want)
		}
	}
	if err := s.say(t, Join, 9, "1", "1"); lockport.KindOf(err) != lockport.Conflict {
		t.Errorf("a registration was linked with itself: %v", err)
	}
}

func TestWhatWasPartedIsNotLinkedByListsOrSharedNumbers(t *testing.T) {
	s := newStore()
	s.seen(t, []Claimed{own("1"), shared("555-12")}, []Claimed{own("2"), shared("555-12")})
	if err := s.say(t, Part, 1, "1", "2"); err != nil {
		t.Fatal(err)
	}
	s.seen(t, []Claimed{own("2"), own("1"), shared("555-12")}, []Claimed{own("1"), shared("555-12")})
	s.verify(t)
	if len(s.persons) != 2 {
		t.Fatal("a list or a shared number linked again what was parted")
	}
	if err := s.say(t, Join, 2, "1", "2"); err != nil || len(s.persons) != 1 {
		t.Fatal("they cannot be joined again", err)
	}
}

func TestAMergeIsNotParted(t *testing.T) {
	s := newStore()
	s.seen(t, []Claimed{own("1"), shared("555-12")}, []Claimed{own("2"), shared("555-12")}, []Claimed{own("3"), shared("555-12")})
	before := fmt.Sprint(s.persons)
	if err := s.say(t, Part, 1, "1", "2"); lockport.KindOf(err) != lockport.Conflict || fmt.Sprint(s.persons) != before {
		t.Errorf("two that a third links were parted: %v", err)
	}
	s.verify(t)
}

func TestRename(t *testing.T) {
	for name, tc := range map[string]struct {
		known   []string
		before  []MergeClaim
		refused bool
	}{
		"a known identifier gets a new one":     {known: []string{"1"}},
		"an unknown one is known under both":    {},
		"the new one is known and the old new":  {known: []string{"2"}},
		"the new one is another patient's":      {known: []string{"1", "2"}, refused: true},
		"the old one was merged away":           {known: []string{"1", "3"}, before: []MergeClaim{pair("1", "3")}, refused: true},
		"the new one stands for the same since": {known: []string{"1", "2"}, before: []MergeClaim{pair("2", "1")}, refused: true},
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
			rename := func() (Changes, error) {
				m := pair("1", "2")
				s.seq++
				m.Seq, m.New = s.seq, s.new
				changes, err := Rename(s, m)
				s.write(changes)
				s.verify(t)
				return changes, err
			}
			changes, err := rename()
			if tc.refused {
				if lockport.KindOf(err) != lockport.Conflict || !changes.Empty() {
					t.Fatalf("got %v, want it refused", err)
				}
				return
			}
			if err != nil || s.resolve(t, ident("H", "1")).ID != s.resolve(t, ident("H", "2")).ID || s.resolve(t, ident("H", "1")).ID == 0 {
				t.Fatal("the old and the new identifier do not lead to one registration", err)
			}
			if changes, err := rename(); err != nil || !changes.Empty() {
				t.Error("the same change again is not without effect", err)
			}
		})
	}
}

// TestPersonsFollowTheirReasons: whatever is said, in whatever order, the persons
// are what the reasons on the registrations tell.
func TestPersonsFollowTheirReasons(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newStore()
		mrn := rapid.StringMatching(`[1-6]`)
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			a, b := mrn.Draw(t, "a"), mrn.Draw(t, "b")
			known := len(s.holders[identityOf(ident("H", a))].Registrations) > 0 && len(s.holders[identityOf(ident("H", b))].Registrations) > 0
			var err error
			switch op := rapid.IntRange(0, 6).Draw(t, "op"); {
			case op == 0:
				_, err = s.merge(pair(a, b))
			case op == 1 && known:
				err = s.sayAt(rapid.IntRange(0, 9).Draw(t, "hour"), Join, a, b)
			case op == 2 && known:
				err = s.sayAt(rapid.IntRange(0, 9).Draw(t, "hour"), Part, a, b)
			case op == 6 && known:
				err = s.sayAt(0, Unmerge, a, b)
			case op == 3:
				_, _, err = s.claim(Claim{Identifiers: []Claimed{own(a), own(b)}, MayCreate: true})
			default:
				_, _, err = s.claim(Claim{Identifiers: []Claimed{own(a), shared("555-" + b)}, MayCreate: true})
			}
			if err != nil && lockport.KindOf(err) != lockport.Conflict {
				t.Fatal(err)
			}
			s.verify(t)
		}
	})
}

func (s *store) sayAt(hour int, say func(Reader, LinkClaim) (Changes, error), a, b string) error {
	s.seq++
	first := s.holders[identityOf(ident("H", a))].Registrations[0]
	second := s.holders[identityOf(ident("H", b))].Registrations[0]
	changes, err := say(s, LinkClaim{At: Stamp{Micro: at(hour).UnixMicro(), Seq: s.seq}, A: first, B: second})
	s.write(changes)
	return err
}
