package repository

import (
	"os"
	"testing"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
	"github.com/lockport-hie/lockport/consent"
)

// On a full disk messages are turned away, and directives and disclosures go on
// into what was kept for them, up to its end. With room again all is as before.
func TestReserveIsForWhatProtects(t *testing.T) {
	o := testOptions(t, ignoring{})
	if err := Create(o); err != nil {
		t.Fatal(err)
	}
	room := bounded(&o)
	s := openAgain(t, o)
	if _, err := s.Append(t.Context(), []lockport.Entry{oru(0)}); err != nil {
		t.Fatal(err)
	}
	room.Store(1) // nothing grows any more
	stored := s.End()
	_, err := s.Append(t.Context(), []lockport.Entry{{Kind: lockport.EntryMessage, Body: &lockport.Message{Raw: noise(1, 10<<20)}}})
	wantKind(t, err, lockport.Full)
	if s.End() != stored || s.Err() != nil {
		t.Fatalf("the journal ends at %d, %v", s.End(), s.Err())
	}
	for i := range 1000 {
		both := []lockport.Entry{{Kind: lockport.EntryDirective, Body: &consent.Directive{}}, {Kind: lockport.EntryDisclosure, Body: &audit.Disclosure{}}}
		if _, err := s.Append(t.Context(), both); err != nil {
			t.Fatalf("the %d-th denial on a full disk: %v", i, err)
		}
	}
	_, err = s.Append(t.Context(), []lockport.Entry{oru(2)})
	wantKind(t, err, lockport.Full)
	big := lockport.Entry{Kind: lockport.EntryDisclosure, Body: &audit.Disclosure{Reason: string(noise(1, 4<<20))}}
	for err = nil; err == nil; {
		_, err = s.Append(t.Context(), []lockport.Entry{big})
	}
	wantKind(t, err, lockport.Full) // the reserve has an end, too
	end := s.End()
	if report, err := s.Verify(t.Context(), nil); err != nil || report.Bad != nil || report.Entries != end {
		t.Errorf("%+v %v", report, err)
	}
	room.Store(0)
	if r, err := s.Append(t.Context(), []lockport.Entry{oru(2), oru(3)}); err != nil || r[1].Seq != end+2 {
		t.Errorf("with room again: %+v %v", r, err)
	}
}

// The file that holds space is given up and comes back.
func TestReserveFile(t *testing.T) {
	o := testOptions(t, ignoring{})
	if err := Create(o); err != nil {
		t.Fatal(err)
	}
	room := bounded(&o)
	v, err := newVault(o)
	if err != nil {
		t.Fatal(err)
	}
	r, err := openReserve(v, o.Dir)
	if err != nil || !r.held || diskUsage(r.path) < reserveBytes {
		t.Fatalf("%+v, %d bytes, %v", r, diskUsage(r.path), err)
	}
	if spent, err := r.spend(); !spent || err != nil {
		t.Fatal(spent, err)
	}
	if _, err := os.Stat(r.path); err == nil {
		t.Error("the space is still taken")
	}
	if spent, err := r.spend(); spent || err != nil {
		t.Error("space was given up twice:", err)
	}
	room.Store(1)
	if err := r.fill(); err != nil || r.held {
		t.Errorf("without room: %+v, %v", r, err)
	}
	room.Store(0)
	if err := r.fill(); err != nil || !r.held {
		t.Errorf("with room: %+v, %v", r, err)
	}
}
