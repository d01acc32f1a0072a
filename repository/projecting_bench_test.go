package repository

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/clinical"
	"github.com/lockport-hie/lockport/directory"
	"github.com/lockport-hie/lockport/projection"
)

// BenchmarkProjection measures what the rules and the record cost: messages are
// decoded, applied and flushed by one goroutine, without a journal and without
// syncing. It shows how much of the file each table takes.
func BenchmarkProjection(b *testing.B) {
	for _, reports := range []int{1, 10} {
		b.Run(fmt.Sprintf("reports=%d", reports), func(b *testing.B) { benchmarkProjection(b, reports) })
	}
}

// laboratoryDirectory is the directory of the region that oruOf writes from.
func laboratoryDirectory() []lockport.Entry {
	var entries []lockport.Entry
	for _, c := range []directory.Change{
		{Participant: &directory.Participant{ID: "northfield", Name: "Northfield", Type: directory.Hospital, County: "36067", Joined: "2020-01-01"}},
		{Authority: &directory.Authority{ID: "NORTHFIELD", Namespace: "NORTHFIELD", OID: "2.16.840.1.113883.3.999", Owner: "northfield"}},
		{Application: &directory.Application{ID: "corelab", Participant: "northfield", Name: "CORELAB", Facility: "NORTHFIELD", Roles: []directory.Role{directory.Source}, Authorities: []lockport.AuthorityID{"NORTHFIELD"}}},
	} {
		c.Op = directory.Put
		entries = append(entries, lockport.Entry{Kind: lockport.EntryDirectory, Body: &c})
	}
	return entries
}

func benchmarkProjection(b *testing.B, reports int) {
	l := newLaboratory(b, max(b.N/reports, 1))
	var before, after syscall.Rusage
	var cpu int64
	b.ReportAllocs()
	b.ResetTimer()
	for left := b.N; left > 0; left -= applyEntries {
		b.StopTimer()
		heads, plains := l.next(min(left, applyEntries))
		b.StartTimer()
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before)
		if err := l.apply(heads, plains); err != nil {
			b.Fatal(err)
		}
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
		cpu += after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
	}
	b.StopTimer()
	n := float64(b.N)
	b.ReportMetric(float64(cpu)/n/1000, "cpu-µs/msg")
	reportTables(b, l.record, n)
	if err := l.record.db.close(); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(sizeOf(l.record.path))/n, "file-B/msg")
}

// BenchmarkNewest reads the newest 50 results of a patient, among 20,000 of 200.
func BenchmarkNewest(b *testing.B) {
	l := newLaboratory(b, 200)
	for range 10 {
		heads, plains := l.next(2000)
		if err := l.apply(heads, plains); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		err := l.record.db.View(func(tx *bolt.Tx) error {
			v := &view{r: l.record, tx: tx}
			reports, err := v.results([]lockport.RegistrationID{lockport.RegistrationID(1 + n%100)}, clinical.ResultFilter{Limit: 50})
			if err == nil && len(reports) != 50 {
				b.Errorf("%d results", len(reports))
			}
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// laboratory is a record that result messages are applied to.
type laboratory struct {
	tb       testing.TB
	vault    *vault
	record   *record
	rules    lockport.Projector
	progress progress
	seq      lockport.Seq
	setup    []lockport.Entry
	patients int
	chance   *rand.Rand
}

func newLaboratory(tb testing.TB, patients int) *laboratory {
	tb.Helper()
	v, err := newVault(testOptions(tb, nil))
	if err != nil {
		tb.Fatal(err)
	}
	r, err := openRecordAt(v, filepath.Join(tb.TempDir(), recordName), [16]byte{1})
	if err != nil {
		tb.Fatal(err)
	}
	r.db.NoSync = true
	return &laboratory{tb: tb, vault: v, record: r, rules: projection.New(), setup: laboratoryDirectory(), patients: patients, chance: rand.New(rand.NewPCG(1, 2))}
}

// next makes entries as the committer hands them on: without and with their
// body, which is encoded.
func (l *laboratory) next(n int) (heads []lockport.Entry, plains [][]byte) {
	for range n {
		var e lockport.Entry
		if len(l.setup) > 0 {
			e, l.setup = l.setup[0], l.setup[1:]
		} else {
			e = oruOf(int(l.seq), l.chance.IntN(l.patients))
		}
		plain, err := l.vault.encodeEntry(&e)
		if err != nil {
			l.tb.Fatal(err)
		}
		l.seq++
		heads, plains = append(heads, lockport.Entry{Seq: l.seq, Kind: e.Kind, Time: e.Time}), append(plains, plain)
	}
	return heads, plains
}

// apply is one transaction of the projector.
func (l *laboratory) apply(heads []lockport.Entry, plains [][]byte) error {
	tx, err := l.record.db.Begin(false)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	rows := newRecordTx(l.record, tx)
	if err := l.rules.Begin(rows); err != nil {
		return err
	}
	for i := range heads {
		if err := l.vault.decodeEntry(&heads[i], plains[i]); err != nil {
			return err
		}
		rows.begin()
		if err := l.rules.Apply(rows, &heads[i]); err != nil {
			return err
		}
		rows.keep()
	}
	if err := l.rules.End(rows); err != nil {
		return err
	}
	return l.record.db.Update(func(tx *bolt.Tx) error { return rows.flush(tx, &l.progress) })
}

// reportTables logs what each table takes.
func reportTables(b *testing.B, r *record, n float64) {
	used := 0
	err := r.db.View(func(tx *bolt.Tx) error {
		return tx.ForEach(func(name []byte, bucket *bolt.Bucket) error {
			s := bucket.Stats()
			used += s.BranchAlloc + s.LeafAlloc
			if s.KeyN > 100 {
				b.Logf("table %d: %.2f rows, %.0f B in use of %.0f B a message", name[1], float64(s.KeyN)/n, float64(s.LeafInuse)/n, float64(s.LeafAlloc+s.BranchAlloc)/n)
			}
			return nil
		})
	})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(used)/n, "pages-B/msg")
}

// oruOf is the i-th result message, about a patient who always has the same
// demographics and is seen by the same doctor.
func oruOf(i, patient int) lockport.Entry {
	e := oru(i)
	m := e.Body.(*lockport.Message)
	m.Raw = withPatient(m.Raw, patient)
	e.Time = e.Time.Add(time.Duration(i) * time.Second)
	return e
}

// withPatient puts the PID of a patient in the place of the message's own.
func withPatient(raw []byte, patient int) []byte {
	of := oru(patient).Body.(*lockport.Message).Raw
	segment := func(m []byte) []byte {
		_, rest, _ := bytes.Cut(m, []byte("\rPID"))
		s, _, _ := bytes.Cut(rest, []byte("\r"))
		return s
	}
	own := bytes.Replace(segment(of), fmt.Appendf(nil, "|1||%s^", segment(of)[4:11]), fmt.Appendf(nil, "|1||%08d^", patient), 1)
	return bytes.Replace(raw, segment(raw), own, 1)
}
