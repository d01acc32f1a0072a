package projection

import (
	"errors"
	"strings"
	"time"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/clinical"
	"github.com/lockport-hie/lockport/directory"
	"github.com/lockport-hie/lockport/hl7"
)

// held is why a message, or one patient group of it, goes to quarantine: sound,
// accepted, and not safely attributable. The text names places only.
type held string

func (h held) Error() string { return string(h) }

// isHeld reports whether err sends its message to quarantine rather than being
// a failure of the store: what the index finds contradictory or cannot place.
func isHeld(err error) bool {
	var h held
	if errors.As(err, &h) {
		return true
	}
	switch lockport.KindOf(err) {
	case lockport.Conflict, lockport.NotFound, lockport.Invalid, lockport.Refused:
		return true
	}
	return false
}

// arrival is one message while it is applied: what was received, and what the
// directory said of its sender when it was.
type arrival struct {
	tx        lockport.Tx
	entry     *lockport.Entry
	received  *lockport.Message
	message   *hl7.Message
	sender    directory.Application
	directory *directory.Directory
	region    *time.Location
	encoding  clinical.Encoding      // how its segments are written
	happened  time.Time              // when it was said
	groups    map[int]bool           // the patient groups to apply; nil: all
	reports   map[lockport.Token]int // how many reports of each order the message had so far
}

// applyMessage applies an accepted message. A refused one changes nothing.
func (p *projector) applyMessage(tx lockport.Tx, e *lockport.Entry, m *lockport.Message) error {
	if e.Kind != lockport.EntryMessage {
		return nil
	}
	q, err := waiting(tx, m)
	if err != nil || q.State != lockport.StateQuarantined && m.Replay != 0 {
		return err
	}
	a, err := p.arrive(tx, e, m)
	var groups []int
	if err == nil {
		a.only(q.Groups)
		groups, err = a.apply()
	}
	if err != nil && !isHeld(err) {
		return err
	}
	return settle(tx, e, m, groups, err)
}

// waiting returns the quarantine of the message that a replay repeats. A replay
// has an effect only while that message is quarantined, so that nothing is
// applied twice and what was discarded stays discarded.
func waiting(tx lockport.Tx, m *lockport.Message) (q lockport.Quarantined, err error) {
	if m.Replay != 0 {
		_, err = tx.Get(lockport.TableQuarantine, m.Replay.Key(), &q)
	}
	return q, err
}

// arrive reads the message with the sender's settings of the moment it came in.
func (p *projector) arrive(tx lockport.Tx, e *lockport.Entry, m *lockport.Message) (*arrival, error) {
	sender, ok := p.directory.Application(m.Application)
	if !ok {
		return nil, held("MSH-3 and MSH-4 name no registered application")
	}
	zone, err := p.zone(m.Zone)
	if err != nil {
		return nil, err
	}
	parsed, err := hl7.ParseWith(m.Raw, hl7.Options{Charset: m.Charset, Zone: zone})
	if err != nil {
		return nil, held("the message cannot be read: " + err.Error())
	}
	a := &arrival{tx: tx, entry: e, received: m, message: parsed, sender: sender, directory: p.directory, region: p.region, reports: map[lockport.Token]int{}}
	// Both look at the whole message, so they are found once and not for each of
	// its orders.
	header := parsed.Header()
	a.encoding = clinical.Encoding{Delimiters: string(header.Field(1).Raw()) + string(header.Field(2).Raw()), Charset: parsed.Charset()}
	a.happened = a.said()
	return a, nil
}

// only restricts a replay to the groups that were held, so that what was
// applied the first time is not applied twice.
func (a *arrival) only(groups []int) {
	if len(groups) == 0 {
		return
	}
	a.groups = map[int]bool{}
	for _, g := range groups {
		a.groups[g] = true
	}
}

// apply applies the message by its type and event. It returns the numbers of
// the patient groups that are held together with the first reason.
func (a *arrival) apply() ([]int, error) {
	code, trigger, _ := strings.Cut(a.received.Type, "^")
	switch code {
	case "ADT":
		return nil, a.atomically(func() error { return a.applyADT(trigger) })
	case "ORU":
		return a.applyResults()
	case "MDM":
		return nil, a.atomically(func() error { return a.applyDocument(trigger) })
	}
	return nil, nil // kept as received, without an effect on the record
}

// atomically runs a step of which all is written or, when it fails, nothing.
func (a *arrival) atomically(step func() error) error {
	outside := a.tx
	d := newDraft(outside)
	a.tx = d
	err := step()
	a.tx = outside
	if err != nil {
		return err
	}
	return d.keep()
}

// settle puts a held message into quarantine, or marks the entry that a
// replayed one came from as released.
func settle(tx lockport.Tx, e *lockport.Entry, m *lockport.Message, groups []int, reason error) error {
	seq := e.Seq
	if m.Replay != 0 {
		seq = m.Replay
	}
	if reason == nil && m.Replay == 0 {
		return nil
	}
	q := lockport.Quarantined{Seq: seq, State: lockport.StateReleased}
	if reason != nil {
		q.State, q.Reason, q.Groups = lockport.StateQuarantined, reason.Error(), groups
	}
	return tx.Put(lockport.TableQuarantine, seq.Key(), &q)
}

// when returns the instant of a time field in the message's zone, zero when the
// field is empty or not a time. An unreadable time is no reason to hold a
// message: the field stays as received in the journal.
func (a *arrival) when(v hl7.Value) time.Time {
	t, err := hl7.ReadTime(v)
	if err != nil || t.IsZero() {
		return time.Time{}
	}
	at, _ := t.In(a.message.Zone())
	return at.UTC().Truncate(time.Microsecond) // what a row key can tell apart
}

// said is when the message was said: EVN-2, else MSH-7, else the moment of
// arrival.
func (a *arrival) said() time.Time {
	for _, v := range []hl7.Value{a.message.First("EVN").Field(2), a.message.Header().Field(7)} {
		if t := a.when(v); !t.IsZero() {
			return t
		}
	}
	return a.entry.Time
}
