package main

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/lockport-hie/lockport/hl7"
)

func TestShape(t *testing.T) {
	for value, want := range map[string]string{
		"O'Neil 42":                  "A?AAAA 99",
		"19800101":                   "99999999",
		"(315) 555-0100":             "(999) 999-9999",
		"Müller":                     "AAAAAA",
		`""`:                         `""`,
		"":                           "",
		"\x1b[2J":                    "??9A",
		strings.Repeat("long ", 100): "AAAA AAAA AAAA AAAA AAAA…",
	} {
		if got := shape(value); got != want {
			t.Errorf("shape has become %q, want %q", got, want)
		}
	}
}

// A mask that lets one character through lets a name through: whatever comes in, nothing
// but the alphabet of shapes comes out.
func TestShapeShowsNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.String().Draw(t, "value")
		if value == `""` {
			return
		}
		if rest := strings.Trim(shape(value), "A9? .,:;-/+()…"); rest != "" {
			t.Fatalf("%q got through", rest)
		}
	})
}

func TestMaskLeavesTheHeader(t *testing.T) {
	m, err := hl7.Parse([]byte("MSH|^~\\&|LAB|UPSTATE\rPID|1||MR1001~MR2||DOE^ANN\rZZZ|DOE\rnot a segment DOE\r"))
	if err != nil {
		t.Fatal(err)
	}
	tree := messageTree(m)
	mask(tree)
	for _, s := range tree {
		for _, v := range s.Values {
			if s.Segment != "MSH" && strings.ContainsAny(v.Value, "DOENMR01") {
				t.Errorf("%s is not masked", v.Path)
			}
		}
	}
	if tree[0].Values[2].Value != "LAB" {
		t.Error("MSH-3 is masked")
	}
}

// What "hl7 show" names, "hl7 get" must find.
func TestTreePathsLeadToTheirValues(t *testing.T) {
	m, err := hl7.Parse([]byte("MSH|^~\\&|A^B&C~D|\"\"||\rPID|1||1^^^X&Y&Z~2||N^M\rOBX|1|TX|a||x\\T\\y\rOBX|2|TX|b||z~~w&v\r"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, s := range messageTree(m) {
		for _, v := range s.Values {
			n++
			got, err := m.Get(v.Path)
			if err != nil || got.Text() != v.Value {
				t.Errorf("%s: %q, want %q (%v)", v.Path, got.Text(), v.Value, err)
			}
		}
	}
	if n != 25 {
		t.Errorf("%d values, want 25", n)
	}
}
