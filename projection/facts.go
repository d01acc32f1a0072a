package projection

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/clinical"
	"github.com/lockport-hie/lockport/hl7"
	"github.com/lockport-hie/lockport/patient"
)

// maxFacts bounds a set of facts: nobody has more relatives, allergies or
// diagnoses of one visit, and each message reads and writes the whole set.
const maxFacts = 500

// applyFacts files what the message says in segments that are facts. No segment
// of a kind at all means no change (HL7 v2.5.1 ch. 2.10.4).
func (a *arrival) applyFacts(r patient.Registration, pv1 hl7.Segment) error {
	for _, kind := range clinical.FactSegments() {
		if !a.message.First(kind.ID).Exists() {
			continue
		}
		set := clinical.FactSet{Registration: r.ID, Segment: kind.ID}
		if number, ok := a.number("visit", pv1.Rep(19, 1)); ok && kind.OfVisit {
			set.Visit = a.tx.Token("visit", string(number.Authority), number.Value)
			var v clinical.Visit
			found, err := a.tx.Get(lockport.TableVisits, set.Visit[:], &v)
			if err != nil {
				return err
			}
			if found { // it may stand on a registration that was merged since
				set.Registration = v.Registration
			}
		}
		key := clinical.FactKey(set.Registration, set.Visit, kind.ID)
		if _, err := a.tx.Get(lockport.TableFacts, key, &set); err != nil {
			return err
		}
		set = set.With(a.factEvent(kind))
		if len(set.Facts) > maxFacts {
			return held(kind.ID + " repeats too often")
		}
		if err := a.tx.Put(lockport.TableFacts, key, &set); err != nil {
			return err
		}
	}
	return nil
}

// factEvent reads all segments of a kind. One without an action code, or with S,
// makes the message state the whole set; X changes nothing (table 0206).
func (a *arrival) factEvent(kind clinical.FactSegment) clinical.FactEvent {
	e := clinical.FactEvent{At: clinical.Stamp{Micro: a.happened.UnixMicro(), Seq: a.entry.Seq}}
	for _, s := range a.message.All(kind.ID) {
		if kind.ByField {
			e.Changes = a.fields(s)
			return e
		}
		fact := a.fact(identityOf(kind, s), s.Raw())
		code := ""
		if kind.Action > 0 {
			code = s.Component(kind.Action, 1).Text()
		}
		switch code {
		case "A", "U":
			e.Changes = append(e.Changes, fact)
		case "D":
			fact.Gone, fact.Value = true, nil
			e.Changes = append(e.Changes, fact)
		case "X":
		default:
			e.Replaces = true
			if s.Field(1).Presence() == hl7.Null { // NK1|"" deletes all
				continue
			}
			if fact.Key == "" || slices.ContainsFunc(e.Whole, func(f clinical.Fact) bool { return f.Key == fact.Key }) {
				fact.Key = fmt.Sprintf("%s#%d", fact.Key, len(e.Whole)+1)
			}
			e.Whole = append(e.Whole, fact)
		}
	}
	return e
}

// fields reads a segment each of whose fields is a fact: empty means unchanged,
// "" means delete.
func (a *arrival) fields(s hl7.Segment) []clinical.Fact {
	var stated []clinical.Fact
	for n, v := range s.Fields() {
		switch v.Presence() {
		case hl7.Valued:
			stated = append(stated, a.fact(strconv.Itoa(n), v.Raw()))
		case hl7.Null:
			gone := a.fact(strconv.Itoa(n), nil)
			gone.Gone = true
			stated = append(stated, gone)
		}
	}
	return stated
}

func (a *arrival) fact(key string, value []byte) clinical.Fact {
	return clinical.Fact{Key: key, Value: value, Source: a.source(), Encoding: a.encoding}
}

// identityOf is what tells a segment from the others of its kind: an identifier,
// else a code, else its text.
func identityOf(kind clinical.FactSegment, s hl7.Segment) string {
	for _, n := range kind.Identity {
		for c := 1; c <= 2; c++ {
			if text := s.Component(n, c).Text(); text != "" {
				return fmt.Sprintf("%d:%s", n, text)
			}
		}
	}
	return ""
}
