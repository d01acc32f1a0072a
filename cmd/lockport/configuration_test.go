package main

import (
	"strings"
	"testing"

	"github.com/lockport-hie/lockport"
)

// sound is a configuration with nothing wrong.
const sound = "operators: {ann: [operator]}\nlisten: [{address: \"127.0.0.1:2575\", insecure: true}]\n"

func TestDefaultsStandForWhatIsLeftOut(t *testing.T) {
	c, err := parseConfiguration([]byte(sound + "limits: {idle: 1m}\n"))
	if err != nil {
		t.Fatal(err)
	}
	l := c.Limits.mllp()
	if l.Idle.String() != "1m0s" || l.Receive.String() != "30s" || l.Frame != 1<<20 || c.UnknownSources != unknownReject {
		t.Errorf("limits %+v, unknown sources %s", l, c.UnknownSources)
	}
}

// What would be left out in silence is refused.
func TestOneDocumentOnly(t *testing.T) {
	if _, err := parseConfiguration([]byte(sound + "---\nunknown_sources: accept\n")); lockport.KindOf(err) != lockport.Invalid || err == nil {
		t.Errorf("a second document: %v", err)
	}
	for _, text := range []string{"---\n" + sound, sound + "# end\n", sound + "...\n"} {
		if _, err := parseConfiguration([]byte(text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestInsecureListeners(t *testing.T) {
	for _, c := range []struct {
		address string
		allow   []string
		ok      bool
	}{
		{"127.0.0.1:2575", nil, true},
		{"[::1]:2575", nil, true},
		{"localhost:2575", nil, true},
		{"127.9.9.9:2575", nil, true},
		{"0.0.0.0:2575", nil, false},
		{":2575", nil, false},
		{"10.0.0.1:2575", nil, false},
		{"hie.example:2575", nil, false},
		{"0.0.0.0:2575", []string{"10.0.0.0/8"}, true},
		{"0.0.0.0:2575", []string{"10.0.0.1", "2001:db8::/32"}, true},
		{"0.0.0.0:2575", []string{"hie.example"}, false},
		{"0.0.0.0:2575", []string{""}, false},
		{"nowhere", nil, false},
	} {
		err := listener{Address: c.address, Insecure: true, Allow: c.allow}.check()
		if (err == nil) != c.ok {
			t.Errorf("%s %v: %v", c.address, c.allow, err)
		}
	}
}

func TestInitRefusesWhatIsUnsafe(t *testing.T) {
	for _, c := range []struct {
		o  initOptions
		ok bool
	}{
		{initOptions{listen: "127.0.0.1:2575", unknown: unknownReject}, true},
		{initOptions{listen: "0.0.0.0:2575", unknown: unknownReject}, true},
		{initOptions{listen: "127.0.0.1:2575", insecure: true, unknown: unknownAccept}, true},
		{initOptions{listen: "0.0.0.0:2575", insecure: true, unknown: unknownReject}, false},
		{initOptions{listen: "0.0.0.0:2575", unknown: unknownAccept}, false},
		{initOptions{listen: "2575", unknown: unknownReject}, false},
		{initOptions{listen: "127.0.0.1:2575", unknown: unknownReject, web: "8575"}, false},
	} {
		made, err := c.o.configuration("ann")
		if (err == nil) != c.ok {
			t.Errorf("%+v: %v", c.o, err)
		}
		if err == nil && made.Listen[0].Insecure != c.o.insecure {
			t.Errorf("%+v: insecure is %t", c.o, made.Listen[0].Insecure)
		}
	}
}

// FuzzParseConfiguration looks for input that is neither taken nor refused with one line of
// kind Invalid.
func FuzzParseConfiguration(f *testing.F) {
	for _, seed := range []string{sound, "", "listen: [", "a: b", "limits: {idle: 1}", "operators: {a: [b]}", "listen: [{tls: {key: a}}]", "- 1", "\x00", "&a [*a]", "limits: {idle: soon, write: 0}\noperators: {a: [b]}\nlisten: [{address: \":1\", allow: [10.0.0.1], insecure: true}]"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := parseConfiguration(text)
		if err == nil {
			if len(c.Operators) == 0 || len(c.Listen) == 0 {
				t.Error("taken without operators or listeners")
			}
			return
		}
		if lockport.KindOf(err) != lockport.Invalid {
			t.Errorf("kind %s", lockport.KindOf(err))
		}
		if strings.Contains(err.Error(), "\n") {
			t.Errorf("more than one line: %q", err)
		}
	})
}

// FuzzReadParticipants looks for tables that make the reader panic or lose their columns.
func FuzzReadParticipants(f *testing.F) {
	for _, seed := range []string{
		"id,name,type\nx,X,practice\n", "[]", `[{"id":"x","name":"X","type":"practice","county":"36067","joined":"2024-01-01","emergency_capable":true}]`,
		"id\n", "id,id\na,b\n", "\"", "name,type,id,county\nX,hospital,x,Erie\n", "[{",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		list, err := readParticipants(text)
		if err != nil && list != nil {
			t.Error("half a list")
		}
	})
}
