package clinical

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lockport-hie/lockport"
	"pgregory.net/rapid"
)

var base = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

// at is a time n hours after an arbitrary morning; at(0) was not sent.
func at(n int) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return base.Add(time.Duration(n) * time.Hour)
}

func head() ResultHead { return ResultHead{Token: lockport.Token{1}, Registration: 7} }

// add adds versions in the order given and returns the result.
func add(t interface{ Fatal(...any) }, versions ...Version) Result {
	var r *Result
	for _, v := range versions {
		h := head()
		h.Service.Code = fmt.Sprint("service of ", v.Seq)
		h.Collected = v.Sent // so that some versions have it and others do not
		next, changed, err := AddVersion(r, v, h)
		if err != nil {
			t.Fatal(err)
		}
		if changed != (next.Versions[next.Current].Seq == v.Seq) {
			t.Fatal("what is reported to have become current is not current, or the reverse")
		}
		r = &next
	}
	return *r
}

func ver(seq, reported int, status string) Version {
	return Version{Seq: lockport.Seq(seq), Order: 1, Status: status, Reported: at(reported)}
}

func TestCurrentVersion(t *testing.T) {
	for name, tc := range map[string]struct {
		versions []Version
		want     lockport.Seq
	}{
		"a final replaces a preliminary":          {[]Version{ver(1, 1, "P"), ver(2, 2, "F")}, 2},
		"a correction replaces a final":           {[]Version{ver(1, 1, "F"), ver(2, 2, "C")}, 2},
		"a late older correction does not":        {[]Version{ver(1, 3, "F"), ver(2, 2, "C")}, 1},
		"a newer preliminary replaces no final":   {[]Version{ver(1, 1, "F"), ver(2, 2, "P")}, 1},
		"a newer partial replaces no final":       {[]Version{ver(1, 1, "F"), ver(2, 2, "A")}, 1},
		"an order status replaces no final":       {[]Version{ver(1, 1, "F"), ver(2, 2, "I")}, 1},
		"an older final replaces a preliminary":   {[]Version{ver(1, 3, "P"), ver(2, 2, "F")}, 2},
		"a cancellation replaces a final":         {[]Version{ver(1, 1, "F"), ver(2, 2, "X")}, 2},
		"a final replaces a cancellation":         {[]Version{ver(1, 1, "X"), ver(2, 2, "F")}, 2},
		"a newer one without status replaces":     {[]Version{ver(1, 1, "F"), ver(2, 2, "")}, 2},
		"a time beats no time":                    {[]Version{ver(1, 1, "F"), ver(2, 0, "F")}, 1},
		"without times the later in the journal":  {[]Version{ver(1, 0, "F"), ver(2, 0, "C")}, 2},
		"equal times go by the message time":      {[]Version{{Seq: 1, Status: "F", Reported: at(1), Sent: at(5)}, {Seq: 2, Status: "F", Reported: at(1), Sent: at(4)}}, 1},
		"a second preliminary replaces the first": {[]Version{ver(1, 1, "P"), ver(2, 2, "P")}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			r := add(t, tc.versions...)
			current := r.Versions[r.Current]
			if current.Seq != tc.want {
				t.Fatalf("version %d is current, want %d", current.Seq, tc.want)
			}
			if r.Status != current.Status || r.Service.Code != fmt.Sprint("service of ", tc.want) {
				t.Fatal("status or service are not those of the current version")
			}
			if view := CurrentView(tc.versions); view.Seq != tc.want {
				t.Fatalf("the view has the head of version %d, want %d", view.Seq, tc.want)
			}
		})
	}
}

func TestAddVersionAgainChangesNothing(t *testing.T) {
	r := add(t, ver(1, 1, "F"))
	again, changed, err := AddVersion(&r, ver(1, 1, "F"), head())
	if err != nil || changed || len(again.Versions) != 1 {
		t.Fatalf("%d versions, changed %v, %v", len(again.Versions), changed, err)
	}
}

func TestAddVersionForAnotherPatientIsRefused(t *testing.T) {
	r := add(t, ver(1, 1, "F"))
	h := head()
	h.Registration++
	if _, _, err := AddVersion(&r, ver(2, 2, "C"), h); lockport.KindOf(err) != lockport.Conflict {
		t.Fatalf("got %v, want a conflict", err)
	}
	h = head()
	h.Token[0]++
	if _, _, err := AddVersion(&r, ver(2, 2, "C"), h); lockport.KindOf(err) != lockport.Conflict {
		t.Fatalf("another order: got %v, want a conflict", err)
	}
}

func TestAddVersionLeavesItsInputAlone(t *testing.T) {
	r := add(t, ver(2, 2, "F"), ver(3, 3, "F"))
	r.Versions = slices.Grow(r.Versions, 8) // room to write into
	before := slices.Clone(r.Versions)
	if _, _, err := AddVersion(&r, ver(1, 1, "F"), head()); err != nil || !slices.Equal(r.Versions, before) {
		t.Fatal("adding a version wrote to the result it was given")
	}
}

func unit(code, status, text string) Unit {
	return Unit{Code: Coded{Code: code}, Status: status, Segments: []byte("OBX|" + text + "\r")}
}

// with gives a version observations.
func with(v Version, units ...Unit) Version { v.Units = units; return v }

// show writes a view's observations as "code status text, ...".
func show(v Version) string {
	var s []string
	for _, u := range v.Units {
		text := strings.ReplaceAll(strings.TrimSuffix(string(u.Segments), "\r"), "\r", "+")
		s = append(s, u.Code.Code+" "+u.Status+" "+strings.ReplaceAll(text, "OBX|", ""))
	}
	return strings.Join(s, ", ")
}

func TestCurrentView(t *testing.T) {
	empty := func(code, status string) Unit { u := unit(code, status, ""); u.NoValue = true; return u }
	sub := func(u Unit, id string) Unit { u.SubID = id; return u }
	for name, tc := range map[string]struct {
		versions []Version
		want     string
	}{
		"newest wins":                            {[]Version{with(ver(1, 1, "P"), unit("a", "P", "1")), with(ver(2, 2, "F"), unit("a", "F", "2"))}, "a F 2"},
		"an older one that comes late does not":  {[]Version{with(ver(1, 2, "F"), unit("a", "C", "1")), with(ver(2, 1, "F"), unit("a", "F", "2"))}, "a C 1"},
		"what is not sent again stays":           {[]Version{with(ver(1, 1, "P"), unit("a", "P", "1"), unit("b", "P", "2")), with(ver(2, 2, "F"), unit("b", "F", "3"))}, "a P 1, b F 3"},
		"a preliminary replaces no final":        {[]Version{with(ver(1, 1, "F"), unit("a", "F", "1")), with(ver(2, 2, "P"), unit("a", "P", "2"))}, "a F 1"},
		"D takes it out":                         {[]Version{with(ver(1, 1, "F"), unit("a", "F", "1"), unit("b", "F", "2")), with(ver(2, 2, "C"), unit("a", "D", "x"))}, "b F 2"},
		"what comes after D counts":              {[]Version{with(ver(1, 1, "F"), unit("a", "F", "1")), with(ver(2, 2, "C"), unit("a", "D", "x")), with(ver(3, 3, "C"), unit("a", "P", "3"))}, "a P 3"},
		"D hits one OBX of several":              {[]Version{with(ver(1, 1, "F"), unit("a", "F", "1"), unit("a", "D", "x"), unit("a", "F", "2"))}, "a F 1+2"},
		"W is marked":                            {[]Version{with(ver(1, 1, "F"), unit("a", "F", "1")), with(ver(2, 2, "C"), unit("a", "W", "w"))}, "a W w"},
		"X is marked":                            {[]Version{with(ver(1, 1, "P"), unit("a", "P", "1")), with(ver(2, 2, "F"), unit("a", "X", "x"))}, "a X x"},
		"X hits one OBX of several":              {[]Version{with(ver(1, 1, "F"), unit("a", "X", "x"), unit("a", "F", "2"))}, "a F x+2"},
		"U without value makes final":            {[]Version{with(ver(1, 1, "P"), unit("a", "P", "1")), with(ver(2, 2, "F"), empty("a", "U"))}, "a F 1"},
		"U with value replaces":                  {[]Version{with(ver(1, 1, "P"), unit("a", "P", "1")), with(ver(2, 2, "F"), unit("a", "U", "2"))}, "a U 2"},
		"U does not bring back what was wrong":   {[]Version{with(ver(1, 1, "F"), unit("a", "W", "w")), with(ver(2, 2, "F"), empty("a", "U"))}, "a W w"},
		"a final by U is final":                  {[]Version{with(ver(1, 1, "P"), unit("a", "P", "1")), with(ver(2, 2, "F"), empty("a", "U")), with(ver(3, 3, "P"), unit("a", "P", "3"))}, "a F 1"},
		"I is shown as pending":                  {[]Version{with(ver(1, 1, "I"), unit("a", "I", ""))}, "a I "},
		"I replaces no value":                    {[]Version{with(ver(1, 1, "P"), unit("a", "P", "1")), with(ver(2, 2, "P"), unit("a", "I", ""))}, "a P 1"},
		"I does not hide a retraction":           {[]Version{with(ver(1, 1, "F"), unit("a", "W", "w")), with(ver(2, 2, "F"), unit("a", "I", ""))}, "a W w"},
		"R S O are hidden":                       {[]Version{with(ver(1, 1, "P"), unit("a", "R", "1"), unit("b", "S", "2"), unit("c", "O", "3"))}, ""},
		"R does not hide a value":                {[]Version{with(ver(1, 1, "P"), unit("a", "P", "1")), with(ver(2, 2, "P"), unit("a", "R", "2"))}, "a P 1"},
		"OBX-4 tells observations apart":         {[]Version{with(ver(1, 1, "F"), sub(unit("a", "F", "1"), "1"), sub(unit("a", "F", "2"), "2")), with(ver(2, 2, "C"), sub(unit("a", "C", "3"), "2"))}, "a F 1, a C 3"},
		"OBX of one key are one unit":            {[]Version{with(ver(1, 1, "F"), unit("a", "F", "1"), unit("a", "F", "2")), with(ver(2, 2, "C"), unit("a", "C", "3"))}, "a C 3"},
		"no OBX-11 is as final as the order":     {[]Version{with(ver(1, 1, "F"), unit("a", "", "1")), with(ver(2, 2, "P"), unit("a", "", "2"))}, "a F 1"},
		"no OBX-11 under an unverified order":    {[]Version{with(ver(1, 1, "R"), unit("a", "", "1"))}, ""},
		"no status at all is what was sent last": {[]Version{with(ver(1, 1, ""), unit("a", "", "1")), with(ver(2, 2, ""), unit("a", "", "2"))}, "a  2"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := show(CurrentView(tc.versions)); got != tc.want {
				t.Fatalf("view is %q, want %q", got, tc.want)
			}
		})
	}
}

func TestViewSaysHowAndWhence(t *testing.T) {
	latin, utf8 := Encoding{"|^~\\&", "8859/1"}, Encoding{"|^~\\&", "UNICODE UTF-8"}
	a := with(ver(1, 1, "P"), unit("a", "P", "1"))
	b := with(ver(2, 2, "F"), unit("b", "F", "2"))
	a.Encoding, b.Encoding = latin, utf8
	view := CurrentView([]Version{a, b})
	got := map[string]Unit{view.Units[0].Code.Code: view.Units[0], view.Units[1].Code.Code: view.Units[1]}
	if view.Encoding != utf8 || got["a"].Encoding != latin || got["b"].Encoding != (Encoding{}) {
		t.Fatal("an observation of another encoding than the view's does not say so, or one of the same does")
	}
	if got["a"].From.Seq != 1 || got["b"].From.Seq != 2 {
		t.Fatal("an observation does not lead back to its version")
	}
	if a.Units[0].From != (VersionRef{}) {
		t.Fatal("the view wrote to a stored version")
	}
}

// anyVersions draws versions with distinct reporting times.
func anyVersions(t *rapid.T) []Version {
	n := rapid.IntRange(1, 6).Draw(t, "versions")
	status := rapid.SampledFrom([]string{"", "P", "F", "C", "A", "X", "I", "R", "O", "M"})
	observed := rapid.SampledFrom([]string{"", "P", "F", "C", "A", "X", "W", "D", "U", "I", "R", "N"})
	versions := make([]Version, n)
	for i := range versions {
		versions[i] = ver(i+1, i+1, status.Draw(t, "status"))
		versions[i].Sent = at(rapid.IntRange(0, 2).Draw(t, "sent"))
		for range rapid.IntRange(0, 3).Draw(t, "units") {
			u := unit(rapid.SampledFrom([]string{"a", "b"}).Draw(t, "code"), observed.Draw(t, "observed"), fmt.Sprint(i))
			u.NoValue = rapid.Bool().Draw(t, "empty")
			versions[i].Units = append(versions[i].Units, u)
		}
	}
	return versions
}

func TestArrivalDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		inOrder := anyVersions(t)
		mixed := rapid.Permutation(inOrder).Draw(t, "arrival")
		if rapid.Bool().Draw(t, "renumber") { // sequence is the order of arrival
			mixed = slices.Clone(mixed)
			for i := range mixed {
				mixed[i].Seq = lockport.Seq(100 + i)
			}
		}
		a, b := add(t, inOrder...), add(t, mixed...)
		if x, y := a.Versions[a.Current], b.Versions[b.Current]; !x.Reported.Equal(y.Reported) {
			t.Fatalf("in order %v is current, mixed %v", x.Reported, y.Reported)
		}
		if !a.Collected.Equal(b.Collected) {
			t.Fatalf("in order collected at %v, mixed %v", a.Collected, b.Collected)
		}
		x, y := CurrentView(inOrder), CurrentView(mixed)
		if show(x) != show(y) || !x.Reported.Equal(y.Reported) {
			t.Fatalf("in order the view is %q, mixed %q", show(x), show(y))
		}
		if current := b.Versions[b.Current]; y.Seq != current.Seq {
			t.Fatal("the view's head is not of the current version")
		}
	})
}

func TestNewerIsAStrictOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(label string) VersionRef {
			n := rapid.IntRange(0, 2)
			return VersionRef{Seq: lockport.Seq(n.Draw(t, label)), Order: n.Draw(t, label), Reported: at(n.Draw(t, label)), Sent: at(n.Draw(t, label))}
		}
		a, b, c := draw("a"), draw("b"), draw("c")
		if Newer(a, b) == Newer(b, a) && a != b {
			t.Fatal("two different versions are not ordered")
		}
		if Newer(a, b) && Newer(b, c) && !Newer(a, c) {
			t.Fatal("the order is not transitive")
		}
	})
}

func TestIndexKeys(t *testing.T) {
	times := []time.Time{{}, time.Date(1950, 1, 2, 0, 0, 0, 0, time.UTC), at(1), at(2), at(9)}
	var keys [][]byte
	for _, tm := range times {
		keys = append(keys, ResultIndexKey(7, tm, lockport.Token{9}))
		if got := IndexTime(keys[len(keys)-1]); !got.Equal(tm) {
			t.Fatalf("%v came back as %v", tm, got)
		}
	}
	if !slices.IsSortedFunc(keys, bytes.Compare) {
		t.Fatal("newest does not come last, or no time not first")
	}
	if bytes.Compare(ResultIndexKey(7, at(9), lockport.Token{255}), ResultIndexKey(8, time.Time{}, lockport.Token{})) >= 0 {
		t.Fatal("registrations overlap")
	}
	end := IndexEnd(7, at(4))
	if bytes.Compare(end, keys[3]) <= 0 || bytes.Compare(end, ResultIndexKey(7, at(4), lockport.Token{})) > 0 {
		t.Fatal("the scan does not begin at the newest row before the bound")
	}
	if IndexEnd(7, time.Time{}) != nil {
		t.Fatal("without a bound the scan skips rows")
	}
	token := lockport.Token{5}
	if bytes.Compare(VersionKey(9, 2), VersionKey(10, 1)) >= 0 || bytes.Compare(VersionKey(9, 2), VersionKey(9, 10)) >= 0 {
		t.Fatal("versions are not in journal order")
	}
	if token != (lockport.Token{5}) {
		t.Fatal("building a key wrote to the token")
	}
}

func TestResultFilter(t *testing.T) {
	s := ResultSummary{Service: Coded{Code: "panel"}, Collected: at(5), Codes: []string{"a", "b"}}
	for name, tc := range map[string]struct {
		filter ResultFilter
		want   bool
	}{
		"no condition":          {ResultFilter{}, true},
		"order code":            {ResultFilter{Codes: []string{"x", "panel"}}, true},
		"observation code":      {ResultFilter{Codes: []string{"b"}}, true},
		"another code":          {ResultFilter{Codes: []string{"c"}}, false},
		"from is included":      {ResultFilter{From: at(5)}, true},
		"before from":           {ResultFilter{From: at(6)}, false},
		"until is not included": {ResultFilter{Until: at(5)}, false},
		"inside":                {ResultFilter{From: at(4), Until: at(6), Codes: []string{"a"}}, true},
	} {
		if tc.filter.Matches(s) != tc.want {
			t.Errorf("%s: want %v", name, tc.want)
		}
	}
	s.Collected = time.Time{}
	if !(ResultFilter{}).Matches(s) || (ResultFilter{From: at(1)}).Matches(s) || (ResultFilter{Until: at(9)}).Matches(s) {
		t.Error("a result without time matches exactly the filter without bounds")
	}
}

func TestSummaryListsCodesOnce(t *testing.T) {
	view := with(ver(1, 1, "F"), unit("b", "F", "1"), unit("a", "F", "2"), unit("b", "F", "3"), unit("", "F", "4"))
	s := Summarise(view, Result{Status: "F", Service: Coded{Code: "panel"}, Collected: at(3)})
	if !slices.Equal(s.Codes, []string{"a", "b"}) || s.Status != "F" || s.Service.Code != "panel" || !s.Collected.Equal(at(3)) {
		t.Fatalf("codes %v, status %s", s.Codes, s.Status)
	}
}
