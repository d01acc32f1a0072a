package repository

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/clinical"
	"github.com/lockport-hie/lockport/patient"
)

// testKeys makes keys for one test.
func testKeys(t testing.TB) Keys {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "keys")
	if err := GenerateKeys(dir); err != nil {
		t.Fatal(err)
	}
	k, err := LoadKeys(dir)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func testOptions(t testing.TB, rules lockport.Projector) Options {
	t.Helper()
	return Options{Dir: filepath.Join(t.TempDir(), "data"), Keys: testKeys(t), Now: time.Now, Projector: rules}
}

// openNew creates a store and opens it.
func openNew(t testing.TB, rules lockport.Projector) *Store {
	t.Helper()
	o := testOptions(t, rules)
	if err := Create(o); err != nil {
		t.Fatal(err)
	}
	return openAgain(t, o)
}

// openAgain opens a store and closes it when the test ends.
func openAgain(t testing.TB, o Options) *Store {
	t.Helper()
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error("close:", err)
		}
	})
	return s
}

// closeNow closes a store in the middle of a test.
func closeNow(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(context.Background()); err != nil {
		t.Fatal("close:", err)
	}
}

// oru makes the i-th synthetic result message of about 1.5 KB.
func oru(i int) lockport.Entry {
	r := rand.New(rand.NewPCG(uint64(i), 7))
	names := []string{"Quill", "Amberson", "Tarvold", "Brisket", "Oakhollow", "Fennimore", "Lantry", "Vasquebel"}
	tests := []string{
		"2345-7^Glucose [Mass/volume] in Serum or Plasma^LN||%d|mg/dL|70-99", "3094-0^Urea nitrogen [Mass/volume] in Serum or Plasma^LN||%d|mg/dL|7-20",
		"2160-0^Creatinine [Mass/volume] in Serum or Plasma^LN||%d|mg/dL|0.6-1.2", "2951-2^Sodium [Moles/volume] in Serum or Plasma^LN||%d|mmol/L|136-145",
		"2823-3^Potassium [Moles/volume] in Serum or Plasma^LN||%d|mmol/L|3.5-5.1", "2075-0^Chloride [Moles/volume] in Serum or Plasma^LN||%d|mmol/L|98-107",
		"49765-1^Calcium [Mass/volume] in Blood^LN||%d|mg/dL|8.5-10.2", "1759-0^Albumin/Globulin [Mass Ratio] in Serum or Plasma^LN||%d|{ratio}|1.1-2.2",
		"10834-0^Globulin [Mass/volume] in Serum by calculation^LN||%d|g/dL|2.0-3.5", "33037-3^Anion gap in Serum or Plasma^LN||%d|mmol/L|8-16",
	}
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(i) * time.Millisecond)
	stamp := at.Format("20060102150405")
	var b strings.Builder
	fmt.Fprintf(&b, "MSH|^~\\&|CORELAB|NORTHFIELD|LOCKPORT|HIE|%s-0500||ORU^R01^ORU_R01|C%012d|P|2.5.1|||AL|NE\r", stamp, i)
	fmt.Fprintf(&b, "PID|1||%07d^^^NORTHFIELD&2.16.840.1.113883.3.999&ISO^MR||%s^%s^%c||19%02d%02d%02d|F||2106-3|%d %s ST^^ELMWOOD^NY^1%04d^USA^H||(315)555-%04d\r",
		r.IntN(20000), names[r.IntN(len(names))], names[r.IntN(len(names))], 'A'+rune(r.IntN(26)), r.IntN(100), 1+r.IntN(12), 1+r.IntN(28), r.IntN(900), strings.ToUpper(names[r.IntN(len(names))]), r.IntN(9999), r.IntN(9999))
	fmt.Fprintf(&b, "PV1|1|O|LAB^^^NORTHFIELD||||%010d^%s^%s^^^^MD\rORC|RE|P%08d|F%010d|||||||||%010d^%s^%s\r", r.IntN(1e9), names[r.IntN(8)], names[r.IntN(8)], i, i, r.IntN(1e9), names[r.IntN(8)], names[r.IntN(8)])
	fmt.Fprintf(&b, "OBR|1|P%08d|F%010d^CORELAB|24323-8^Comprehensive metabolic 2000 panel - Serum or Plasma^LN|||%s|||||||||%010d^%s^%s||||||%s|||F\r", i, i, stamp, r.IntN(1e9), names[r.IntN(8)], names[r.IntN(8)], stamp)
	for n, test := range tests {
		fmt.Fprintf(&b, "OBX|%d|NM|"+test+"|%s|||F|||%s\r", n+1, r.IntN(200), []string{"N", "H", "L"}[r.IntN(3)], stamp)
	}
	raw := []byte(b.String())
	return lockport.Entry{
		Kind: lockport.EntryMessage, Time: at,
		Dedupe: &lockport.Dedupe{Key: fmt.Sprintf("corelab|CORELAB|NORTHFIELD|C%012d", i), Digest: sha256.Sum256(raw)},
		Body: &lockport.Message{Raw: raw, Application: "corelab", Participant: "northfield", Location: "northfield-lab",
			Peer: lockport.Peer{Address: "127.0.0.1:50000", Listener: "127.0.0.1:2575", Insecure: true}, ControlID: fmt.Sprintf("C%012d", i),
			Type: "ORU^R01", Version: "2.5.1", Zone: "America/New_York", AckCode: "AA",
			Ack: fmt.Appendf(nil, "MSH|^~\\&|LOCKPORT|HIE|CORELAB|NORTHFIELD|%s||ACK^R01^ACK|L%08d|P|2.5.1\rMSA|AA|C%012d\r", stamp, i, i)},
	}
}

// busyRules writes about what the projection writes for a result: a
// registration, its identifier, the result, its place in two lists and an outbox row.
type busyRules struct{}

func (busyRules) Begin(lockport.Tx) error { return nil }
func (busyRules) End(lockport.Tx) error   { return nil }

func (busyRules) Apply(tx lockport.Tx, e *lockport.Entry) error {
	m, ok := e.Body.(*lockport.Message)
	if !ok {
		return nil
	}
	fields := strings.SplitN(string(m.Raw[strings.Index(string(m.Raw), "PID|"):]), "|", 12)
	id := lockport.Identifier{Authority: "NORTHFIELD", Value: strings.SplitN(fields[3], "^", 2)[0], Type: "MR"}
	token := lockport.IdentifierToken(tx, id)
	var holders patient.Holders
	found, err := tx.Get(lockport.TableIdentifiers, token[:], &holders)
	if err != nil {
		return err
	}
	reg := patient.Registration{ID: lockport.RegistrationID(e.Seq), Person: lockport.PersonID(e.Seq), Identifiers: []lockport.Identifier{id}}
	if found {
		reg.ID = holders.Registrations[0]
		if _, err := tx.Get(lockport.TableRegistrations, reg.ID.Key(), &reg); err != nil {
			return err
		}
	} else {
		holders.Registrations = append(holders.Registrations, reg.ID)
		if err := tx.Put(lockport.TableIdentifiers, token[:], &holders); err != nil {
			return err
		}
		person := patient.Person{ID: reg.Person, Registrations: holders.Registrations}
		if err := tx.Put(lockport.TablePersons, person.ID.Key(), &person); err != nil {
			return err
		}
	}
	reg.Details = patient.Demographics{Names: []patient.Name{{Family: fields[5]}}, BirthDate: fields[7], Addresses: []patient.Address{{Street: fields[11][:20]}}}
	reg.Updated = e.Seq
	order := tx.Token("order", m.ControlID)
	obr, obx := strings.Index(string(m.Raw), "OBR|"), strings.Index(string(m.Raw), "OBX|")
	version := clinical.Version{Seq: e.Seq, Order: 1, Status: "F", Sent: e.Time, Head: m.Raw[obr:obx], Units: []clinical.Unit{{Code: clinical.Coded{Code: "2345-7"}, Segments: m.Raw[obx:]}}}
	result := clinical.Result{Token: order, Registration: reg.ID, Service: clinical.Coded{Code: "24323-8", Text: "Comprehensive metabolic 2000 panel"}, Status: "F", Collected: e.Time, Versions: []clinical.VersionRef{version.Ref()}}
	result.Hold(version)
	place := clinical.VersionKey(e.Seq, 1)
	row := lockport.OutboxRow{Feed: "results", Seq: e.Seq, Group: 1, Registration: reg.ID, Queued: e.Time}
	for _, put := range []struct {
		table lockport.Table
		key   []byte
		row   any
	}{
		{lockport.TableRegistrations, reg.ID.Key(), &reg},
		{lockport.TableResults, place, &result},
		{lockport.TablePatientResults, clinical.ResultIndexKey(reg.ID, e.Time, order), &place},
		{lockport.TableOrders, order[:], &place},
		{lockport.TableOutbox, lockport.OutboxKey("results", e.Seq, 1), &row},
	} {
		if err := tx.Put(put.table, put.key, put.row); err != nil {
			return err
		}
	}
	return nil
}
