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

// laboratory is the directory of the region that report writes from.
func laboratory() []lockport.Entry {
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
	v, err := newVault(testOptions(b, nil))
	if err != nil {
		b.Fatal(err)
	}
	path := filepath.Join(b.TempDir(), recordName)
	r, err := openRecordAt(v, path, [16]byte{1})
	if err != nil {
		b.Fatal(err)
	}
	r.db.NoSync = true
	patients := max(b.N/reports, 1)
	order := rand.New(rand.NewPCG(1, 2))
	rules := projection.New()
	var p progress
	seq := lockport.Seq(0)
	setup := laboratory()
	next := func() (h lockport.Entry, plain []byte) {
		e := lockport.Entry{}
		if len(setup) > 0 {
			e, setup = setup[0], setup[1:]
		} else {
			e = oruOf(int(seq), order.IntN(patients))
		}
		plain, err := v.encodeEntry(&e)
		if err != nil {
			b.Fatal(err)
		}
		seq++
		return lockport.Entry{Seq: seq, Kind: e.Kind, Time: e.Time}, plain
	}
	var before, after syscall.Rusage
	var cpu int64
	b.ReportAllocs()
	b.ResetTimer()
	for left := b.N; left > 0; left -= applyEntries {
		b.StopTimer()
		var heads []lockport.Entry
		var plains [][]byte
		for range min(left, applyEntries) {
			h, plain := next()
			heads, plains = append(heads, h), append(plains, plain)
		}
		b.StartTimer()
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before)
		if err := applyBatch(r, v, rules, &p, heads, plains); err != nil {
			b.Fatal(err)
		}
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
		cpu += after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
	}
	b.StopTimer()
	n := float64(b.N)
	b.ReportMetric(float64(cpu)/n/1000, "cpu-µs/msg")
	reportTables(b, r, n)
	if err := r.db.close(); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(sizeOf(path))/n, "file-B/msg")
}

func applyBatch(r *record, v *vault, rules lockport.Projector, p *progress, heads []lockport.Entry, plains [][]byte) error {
	tx, err := r.db.Begin(false)
	if err != nil {
		return err
	}
	rows := newRecordTx(r, tx)
	if err := rules.Begin(rows); err != nil {
		return err
	}
	for i := range heads {
		if err := v.decodeEntry(&heads[i], plains[i]); err != nil {
			return err
		}
		rows.begin()
		if err := rules.Apply(rows, &heads[i]); err != nil {
			return err
		}
		rows.keep()
	}
	if err := rules.End(rows); err != nil {
		return err
	}
	if err := tx.Rollback(); err != nil {
		return err
	}
	return r.db.Update(func(tx *bolt.Tx) error { return rows.flush(tx, p) })
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
