package patient

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/lockport-hie/lockport"
)

// Field is a value that a message may or may not state. Not Set leaves what is
// stored; Set with the zero Value deletes it (HL7 v2.5.1 ch. 2.5.3: empty means
// unchanged, "" means delete). Repeating fields are replaced wholly.
type Field[T any] struct {
	Set   bool
	Value T
}

// Format keeps the content out of everything that prints.
func (Field[T]) Format(f fmt.State, _ rune) { fmt.Fprint(f, "field") }

// Update is what one PID says about Demographics, field by field.
type Update struct {
	Names     Field[[]Name]
	BirthDate Field[string]
	Sex       Field[string]
	Races     Field[[]string]
	Ethnicity Field[[]string]
	Addresses Field[[]Address]
	Phones    Field[[]string]
	Language  Field[string]
	Death     Field[string]
	Dead      Field[string]
}

// Format keeps the details out of everything that prints.
func (Update) Format(f fmt.State, _ rune) { fmt.Fprint(f, "demographics update") }

// With returns d as the update leaves it. Nothing is shared with the update.
func (d Demographics) With(u Update) Demographics {
	for _, field := range fields {
		field(&d, u, true)
	}
	return d
}

// fields are the parts of an Update in the order of the cbor numbers of
// Demographics. Each reports whether the update states it, and writes it when
// asked to.
var fields = [...]func(d *Demographics, u Update, write bool) bool{
	func(d *Demographics, u Update, write bool) bool { return list(&d.Names, u.Names, write) },
	func(d *Demographics, u Update, write bool) bool { return value(&d.BirthDate, u.BirthDate, write) },
	func(d *Demographics, u Update, write bool) bool { return value(&d.Sex, u.Sex, write) },
	func(d *Demographics, u Update, write bool) bool { return list(&d.Races, u.Races, write) },
	func(d *Demographics, u Update, write bool) bool { return list(&d.Ethnicity, u.Ethnicity, write) },
	func(d *Demographics, u Update, write bool) bool { return list(&d.Addresses, u.Addresses, write) },
	func(d *Demographics, u Update, write bool) bool { return list(&d.Phones, u.Phones, write) },
	func(d *Demographics, u Update, write bool) bool { return value(&d.Language, u.Language, write) },
	func(d *Demographics, u Update, write bool) bool { return value(&d.Death, u.Death, write) },
	func(d *Demographics, u Update, write bool) bool { return value(&d.Dead, u.Dead, write) },
}

func value(into *string, f Field[string], write bool) bool {
	if f.Set && write {
		*into = f.Value
	}
	return f.Set
}

func list[T any](into *[]T, f Field[[]T], write bool) bool {
	if f.Set && write {
		*into = nil // an empty list is stored like no list, so that equal details are equal rows
		if len(f.Value) > 0 {
			*into = slices.Clone(f.Value)
		}
	}
	return f.Set
}

// after reports whether s decides over what t decided.
func (s Stamp) after(t Stamp) bool {
	if t == (Stamp{}) {
		return true
	}
	return cmp.Or(cmp.Compare(s.Micro, t.Micro), cmp.Compare(s.Seq, t.Seq)) > 0
}

// update applies what a message says to the details. Every field is decided by
// the latest message, by its own time and then by journal order, that states it:
// an older one that comes late fills what no later one spoke of, and changes
// nothing else.
func (r *Registration) update(u Update, at time.Time, seq lockport.Seq) {
	now := Stamp{Micro: at.UnixMicro(), Seq: seq}
	stated := make([]Stamp, len(fields))
	copy(stated, r.Stated)
	changed := false
	for i, field := range fields {
		if field(&r.Details, u, false) && now.after(stated[i]) {
			field(&r.Details, u, true)
			stated[i], changed = now, true
		}
	}
	if !changed {
		return
	}
	r.Stated = stated
	r.Updated = max(r.Updated, seq)
	if at.After(r.UpdatedTime) {
		r.UpdatedTime = at.UTC().Truncate(time.Microsecond)
	}
}

// SetDeleted hides a registration (HL7 v2.5.1 ch. 3.3.29, A29) or brings it back
// (A28, and an admission), and reports whether that changed anything. The latest
// event, by its own time and then by journal order, decides.
func (r *Registration) SetDeleted(deleted bool, at time.Time, seq lockport.Seq) bool {
	now := Stamp{Micro: at.UnixMicro(), Seq: seq}
	if !now.after(r.DeletedAt) {
		return false
	}
	r.Deleted, r.DeletedAt = deleted, now
	return true
}
