package main

import (
	"encoding"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
	"github.com/lockport-hie/lockport/clinical"
	"github.com/lockport-hie/lockport/consent"
	"github.com/lockport-hie/lockport/directory"
	"github.com/lockport-hie/lockport/patient"
)

// stored is every type that the journal holds as a body or the record as a row. The types of
// their fields are found from here.
func stored() []any {
	return []any{
		lockport.Message{}, lockport.Delivery{}, lockport.OutboxRow{}, lockport.Uncorrected{}, lockport.FeedState{}, lockport.Quarantined{},
		consent.Directive{}, consent.Grant{}, audit.Action{}, audit.Disclosure{}, directory.Change{},
		patient.Registration{}, patient.Person{}, patient.Holders{},
		clinical.Visit{}, clinical.VisitSummary{}, clinical.Result{}, clinical.Version{},
		clinical.Document{}, clinical.DocumentSummary{}, clinical.DocumentVersion{},
		clinical.FactSet{},
	}
}

// layout is the rows "| key | field | CBOR" that docs/FORMAT.md should have, by type.
type layout map[string][]string

// packed reports whether a type stands in CBOR as bytes that it makes itself.
func packed(t reflect.Type) bool {
	return t != reflect.TypeFor[time.Time]() && t.Implements(reflect.TypeFor[encoding.BinaryMarshaler]())
}

// add adds a struct and the structs in its fields.
func (l layout) add(t reflect.Type) {
	if packed(t) {
		return
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice:
		l.add(t.Elem())
		return
	case reflect.Struct:
	default:
		return
	}
	if _, known := l[t.String()]; known || t == reflect.TypeFor[time.Time]() {
		return
	}
	l[t.String()] = []string{}
	for i := range t.NumField() {
		f := t.Field(i)
		key, options, _ := strings.Cut(f.Tag.Get("cbor"), ",")
		switch {
		case key == "-":
			continue
		case key == "":
			key = "`" + f.Name + "`"
		case strings.Contains(options, "omitempty") && f.Type != reflect.TypeFor[time.Time](), strings.Contains(options, "omitzero"):
			key += "?" // a time is left out by omitzero only
		}
		l[t.String()] = append(l[t.String()], fmt.Sprintf("| %s | %s | %s |", key, f.Name, kindInCBOR(t, f.Type)))
		l.add(f.Type)
	}
}

// kindInCBOR names a field's type in the words of docs/FORMAT.md.
func kindInCBOR(in, t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return "time"
	case t == reflect.TypeFor[lockport.Token]():
		return "token"
	case t == reflect.TypeFor[[]byte](), packed(t):
		return "bytes"
	}
	switch t.Kind() {
	case reflect.String:
		return "text"
	case reflect.Uint64:
		return "unsigned"
	case reflect.Int, reflect.Int64:
		return "integer"
	case reflect.Float64:
		return "float"
	case reflect.Pointer:
		return kindInCBOR(in, t.Elem())
	case reflect.Slice:
		return "list of " + kindInCBOR(in, t.Elem())
	case reflect.Struct:
		if t.Name() == "Stamp" { // there are two of them
			return t.String()
		}
		return t.Name()
	}
	return t.String()
}

// TestFormatNamesEveryField holds the tables of docs/FORMAT.md against the types that are
// stored: each key with its field and its kind stands there, and nothing else does.
func TestFormatNamesEveryField(t *testing.T) {
	page, err := os.ReadFile("../../docs/FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	want := layout{}
	for _, v := range stored() {
		want.add(reflect.TypeOf(v))
	}
	documented := map[string]map[string]bool{}
	row := regexp.MustCompile("(?m)^\\| [0-9`].*? \\| \\w+ \\| .+? \\|")
	_, types, found := strings.Cut(string(page), "\n## Types\n")
	if !found {
		t.Fatal("docs/FORMAT.md has no section Types")
	}
	for _, section := range strings.Split(types, "\n### ")[1:] {
		name, text, _ := strings.Cut(section, "\n")
		documented[name] = map[string]bool{}
		for _, r := range row.FindAllString(text, -1) {
			documented[name][r] = true
		}
	}
	for name, rows := range want {
		for _, r := range rows {
			if !documented[name][r] {
				t.Errorf("docs/FORMAT.md, %s: the row %q is missing", name, r)
			}
			delete(documented[name], r)
		}
		for r := range documented[name] {
			t.Errorf("docs/FORMAT.md, %s: there is no field of the row %q", name, r)
		}
		delete(documented, name)
	}
	for name := range documented {
		t.Errorf("docs/FORMAT.md: %s is not stored", name)
	}
}

// TestFormatNamesEveryNumber holds the numbers of entries and tables against docs/FORMAT.md.
func TestFormatNamesEveryNumber(t *testing.T) {
	page, err := os.ReadFile("../../docs/FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	for k := lockport.EntryMessage; k.String() != "unknown"; k++ {
		if !regexp.MustCompile(fmt.Sprintf(`(?m)^\| %d \| %s\b`, k, k)).Match(page) {
			t.Errorf("docs/FORMAT.md does not have entry kind %d, %s", k, k)
		}
	}
	_, tables, _ := strings.Cut(string(page), "| table | | key | row |\n|---|---|---|---|\n")
	tables, _, _ = strings.Cut(tables, "\n\n")
	if n := strings.Count(tables, "\n") + 1; n != int(lockport.LastTable) {
		t.Errorf("docs/FORMAT.md has %d tables, the record %d", n, lockport.LastTable)
	}
}
