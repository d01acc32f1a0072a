package clinical

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// Whatever units say, whether it stands in their segments or not, is there
// again after packing.
func TestUnitsArePackedWithoutLoss(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[ab|^]{0,3}`)
		var units Units
		for range rapid.IntRange(0, 5).Draw(t, "units") {
			units = append(units, Unit{
				Code:  Coded{Code: text.Draw(t, "code"), Text: text.Draw(t, "text"), System: text.Draw(t, "system")},
				SubID: text.Draw(t, "sub"), Status: text.Draw(t, "status"), NoValue: rapid.Bool().Draw(t, "no value"),
				Segments: []byte(rapid.StringMatching(`[ab|^]{0,20}`).Draw(t, "segments")),
			})
		}
		packed, err := units.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		var again Units
		if err := again.UnmarshalBinary(packed); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(units, again, cmpopts.EquateEmpty()); diff != "" {
			t.Fatal("units changed while they were packed")
		}
		clear(packed)
		if diff := cmp.Diff(units, again, cmpopts.EquateEmpty()); diff != "" {
			t.Fatal("units share memory with what they were read from")
		}
	})
}

func TestUnitsStandInTheirSegmentsOnce(t *testing.T) {
	segments := []byte("OBX|1|NM|2345-7^Glucose [Mass/volume] in Serum or Plasma^LN||90|mg/dL|70-99|N|||F\r")
	packed, _ := Units{{Code: Coded{Code: "2345-7", Text: "Glucose [Mass/volume] in Serum or Plasma", System: "LN"}, Status: "F", Segments: segments}}.MarshalBinary()
	if len(packed) > len(segments)+12 {
		t.Errorf("%d bytes for segments of %d", len(packed), len(segments))
	}
}

func FuzzUnits(f *testing.F) {
	packed, _ := Units{{Code: Coded{Code: "a", Text: "zz"}, Segments: []byte("OBX|a\r")}, {NoValue: true}}.MarshalBinary()
	f.Add(packed)
	f.Add([]byte{})
	f.Add([]byte{2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		var units Units
		if units.UnmarshalBinary(data) != nil {
			return
		}
		packed, err := units.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		var again Units
		if err := again.UnmarshalBinary(packed); err != nil || !cmp.Equal(units, again, cmpopts.EquateEmpty()) {
			t.Fatal("what was read is not what is written")
		}
	})
}
