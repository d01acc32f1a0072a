package projection

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
	"github.com/lockport-hie/lockport/consent"
	"github.com/lockport-hie/lockport/directory"
	"github.com/lockport-hie/lockport/hl7"
)

// projector carries what is worth keeping between entries: the directory in
// force at the entry last applied, and counters not yet written.
type projector struct {
	directory *directory.Directory
	region    *time.Location
	counts    map[string]uint64
	zones     map[string]*time.Location // looking one up reads a file
}

// New returns a projector. It serves one store; the directory it keeps is the
// one of the record it is run on.
func New() lockport.Projector {
	return &projector{counts: map[string]uint64{}, zones: map[string]*time.Location{}}
}

// zone returns a time zone by its IANA name.
func (p *projector) zone(name string) (*time.Location, error) {
	if zone, ok := p.zones[name]; ok {
		return zone, nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, lockport.Errorf(lockport.Internal, "projection", "time zone: %w", err)
	}
	p.zones[name] = zone
	return zone, nil
}

// Begin implements lockport.Projector.
func (p *projector) Begin(tx lockport.Tx) error {
	if p.directory != nil {
		return nil
	}
	zone, err := p.zone(lockport.RegionZone)
	if err != nil {
		return err
	}
	p.region = zone
	var changes []directory.Change
	err = tx.Scan(lockport.TableDirectory, nil, nil, func(_ []byte, decode func(any) error) (bool, error) {
		var c directory.Change
		if err := decode(&c); err != nil {
			return false, err
		}
		changes = append(changes, c)
		return true, nil
	})
	if err != nil {
		return err
	}
	p.directory, err = directory.Load(changes)
	return err
}

// Apply implements lockport.Projector.
func (p *projector) Apply(tx lockport.Tx, e *lockport.Entry) error {
	var err error
	switch body := e.Body.(type) {
	case *lockport.Message:
		err = p.applyMessage(tx, e, body)
	case *consent.Directive:
		err = applyDirective(tx, e, body)
	case *directory.Change:
		err = p.applyChange(tx, e, body)
	case *audit.Action:
		err = applyAction(tx, e, body)
	case *lockport.Delivery:
		err = p.applyDelivery(tx, e, body)
	case *consent.Grant:
		err = applyGrant(tx, e, body)
	case *audit.Disclosure:
		// A disclosure changes nothing in the record; the journal holds it.
	default:
		err = lockport.Errorf(lockport.Internal, "projection", "entry %d has a body of an unknown kind", e.Seq)
	}
	if err == nil {
		p.count(e)
	}
	return err
}

// End implements lockport.Projector: it writes the counters that moved.
func (p *projector) End(tx lockport.Tx) error {
	for _, name := range slices.Sorted(maps.Keys(p.counts)) {
		if err := add(tx, name, p.counts[name]); err != nil {
			return err
		}
		delete(p.counts, name)
	}
	return nil
}

// count counts an applied entry by its kind, and a message by its type too.
func (p *projector) count(e *lockport.Entry) {
	p.counts["entries."+e.Kind.String()]++
	m, ok := e.Body.(*lockport.Message)
	if ok && e.Kind == lockport.EntryMessage {
		p.counts["messages."+countedType(m.Type)]++
		p.counts["application."+string(m.Application)]++
	}
}

// countedType is the name under which a message type is counted. What a sender
// wrote into MSH-9 is no name of a counter: it may be as long as a frame, and
// hold anything.
func countedType(messageType string) string {
	code, trigger, _ := strings.Cut(messageType, "^")
	if code == "ACK" || hl7.StructureID(code, trigger, "") == "" {
		return "other"
	}
	return messageType
}

func add(tx lockport.Tx, name string, n uint64) error {
	var total uint64
	if _, err := tx.Get(lockport.TableCounters, []byte(name), &total); err != nil {
		return err
	}
	total += n
	return tx.Put(lockport.TableCounters, []byte(name), &total)
}

// next gives out the next number of a sequence that starts at 1.
func next(tx lockport.Tx, name string) (uint64, error) {
	if err := add(tx, name, 1); err != nil {
		return 0, err
	}
	var n uint64
	_, err := tx.Get(lockport.TableCounters, []byte(name), &n)
	return n, err
}
