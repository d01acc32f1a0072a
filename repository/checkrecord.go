package repository

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"

	bolt "go.etcd.io/bbolt"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/clinical"
	"github.com/lockport-hie/lockport/consent"
	"github.com/lockport-hie/lockport/patient"
)

// record checks every row of the record, its counts against the journal's, and
// a sample of what belongs together.
func (x *checking) record(ctx context.Context, file *CheckedFile, r *record, at progress) error {
	if at.applied.Seq > x.s.head.Seq {
		x.found(file, fmt.Errorf("it has applied entry %d and the journal ends at %d: entries are missing", at.applied.Seq, x.s.head.Seq), "restore the journal from a backup")
		return nil
	}
	if hash, err := x.s.journal.hashOf(at.applied.Seq); err == nil && hash != at.applied.Hash {
		x.found(file, fmt.Errorf("entry %d of the journal is not the one that it has applied", at.applied.Seq), doRestore)
	}
	if at.counts != x.counted {
		x.found(file, errors.New("it has counted other entries than the journal holds"), doReindex)
	}
	err := r.db.View(func(tx *bolt.Tx) error {
		rows, err := r.verify(ctx, tx, func(done uint64) { x.step("rows", done, at.rows) })
		if file.Entries = rows; err != nil {
			return err
		}
		v := &view{r: r, tx: tx}
		for _, look := range []func(*CheckedFile, *view) error{x.results, x.visits, x.documents, x.registrations, x.entries} {
			if err := look(file, v); err != nil {
				return err
			}
		}
		return nil
	})
	if lockport.KindOf(err) == lockport.Corrupt {
		x.found(file, err, doReindex)
		err = nil
	}
	return err
}

// some calls look for rows of a table that chance chooses: tokens are hashes, so
// the row behind a random key is as good as any.
func (x *checking) some(v *view, t lockport.Table, keySize int, from func() []byte, look func(key []byte, decode func(any) error) error) error {
	for range x.options.Sample {
		wanted := false
		err := v.Scan(t, nil, from(), func(key []byte, decode func(any) error) (bool, error) {
			wanted = len(key) == keySize
			if !wanted {
				return false, nil
			}
			x.report.Sampled++
			return false, look(key, decode)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (x *checking) randomToken() []byte {
	b := x.chance.next()
	return b[:tokenSize]
}

// present reports as a finding that a row is missing.
func (x *checking) present(file *CheckedFile, v *view, t lockport.Table, key []byte, whose string) error {
	found, err := v.Get(t, key, nil)
	if err == nil && !found {
		x.found(file, fmt.Errorf("table %d lacks a row that %s wants", t, whose), doReindex)
	}
	return err
}

// resultListKey is the length of a key in a patient's list of results.
const resultListKey = 8 + 8 + tokenSize

// results looks for what a result needs: that its place stands under the token of
// its order, its registration, and every version.
func (x *checking) results(file *CheckedFile, v *view) error {
	last := uint64(0) // registration with a result
	err := v.scanBack(lockport.TablePatientResults, nil, nil, func(key []byte, _ func(any) error) (bool, error) {
		if len(key) == resultListKey {
			last = binary.BigEndian.Uint64(key)
		}
		return false, nil
	})
	if err != nil || last == 0 {
		return err
	}
	from := func() []byte { return lockport.RegistrationID(1 + x.chance.below(last)).Key() }
	return x.some(v, lockport.TablePatientResults, resultListKey, from, func(key []byte, decode func(any) error) error {
		row := listedResult{key: key}
		if err := decode(&row.place); err != nil {
			return err
		}
		r, err := v.result(row)
		if err != nil {
			return err
		}
		err = errors.Join(
			x.present(file, v, lockport.TableOrders, r.Token[:], "a result"),
			x.present(file, v, lockport.TableRegistrations, r.Registration.Key(), "a result"))
		for i, ref := range r.Versions {
			if i > 0 {
				err = errors.Join(err, x.present(file, v, lockport.TableResultVersions, clinical.VersionKey(ref.Seq, ref.Order), "a result"))
			}
		}
		return err
	})
}

func (x *checking) visits(file *CheckedFile, v *view) error {
	return x.some(v, lockport.TableVisits, tokenSize, x.randomToken, func(_ []byte, decode func(any) error) error {
		var r clinical.Visit
		if err := decode(&r); err != nil {
			return err
		}
		return errors.Join(
			x.present(file, v, lockport.TablePatientVisits, clinical.VisitIndexKey(r.Registration, r.Admitted, r.Token), "a visit"),
			x.present(file, v, lockport.TableRegistrations, r.Registration.Key(), "a visit"))
	})
}

// documents looks for the row of a document in its patient's list, and for what
// every message said of it. A shell has neither.
func (x *checking) documents(file *CheckedFile, v *view) error {
	return x.some(v, lockport.TableDocuments, tokenSize, x.randomToken, func(_ []byte, decode func(any) error) error {
		var d clinical.Document
		if err := decode(&d); err != nil || d.Registration == 0 {
			return err
		}
		err := errors.Join(
			x.present(file, v, lockport.TablePatientDocuments, clinical.DocumentIndexKey(d.Registration, d.Activity, d.Token), "a document"),
			x.present(file, v, lockport.TableRegistrations, d.Registration.Key(), "a document"))
		for _, e := range d.Events {
			err = errors.Join(err, x.present(file, v, lockport.TableDocumentVersions, e.Seq.Key(), "a document"))
		}
		return err
	})
}

// registrations looks for the person of a registration, which must name it.
func (x *checking) registrations(file *CheckedFile, v *view) error {
	var last uint64
	if _, err := v.Get(lockport.TableCounters, []byte("registrations"), &last); err != nil || last == 0 {
		return err
	}
	from := func() []byte { return lockport.RegistrationID(1 + x.chance.below(last)).Key() }
	return x.some(v, lockport.TableRegistrations, 8, from, func(_ []byte, decode func(any) error) error {
		var r patient.Registration
		if err := decode(&r); err != nil {
			return err
		}
		var p patient.Person
		found, err := v.Get(lockport.TablePersons, r.Person.Key(), &p)
		if err != nil {
			return err
		}
		named := false
		for _, id := range p.Registrations {
			named = named || id == r.ID
		}
		if !found || !named {
			x.found(file, fmt.Errorf("the person of registration %d does not know it", r.ID), doReindex)
		}
		return nil
	})
}

// entries looks for what directives and emergency accesses of the journal have
// left: nothing decides more.
func (x *checking) entries(file *CheckedFile, v *view) error {
	for _, e := range x.sample {
		if held, err := v.Get(lockport.TableQuarantine, e.Seq.Key(), nil); err != nil || held {
			if err != nil {
				return err
			}
			continue // its projection failed, and it is held
		}
		x.report.Sampled++
		var want = map[lockport.Table][]byte{}
		switch body := e.Body.(type) {
		case *consent.Directive:
			seq := e.Seq
			if body.Voids != 0 {
				continue // it has no row of its own
			}
			want[lockport.TableDirectiveLog] = seq.Key()
			token := lockport.IdentifierToken(v, body.Patient)
			want[lockport.TableDirectives] = consent.DirectiveKey(token, seq)
		case *consent.Grant:
			want[lockport.TableGrants] = consent.GrantKey(body.Registration, e.Seq)
		}
		for t, key := range maps.All(want) {
			if err := x.present(file, v, t, key, fmt.Sprintf("entry %d", e.Seq)); err != nil {
				return err
			}
		}
	}
	return nil
}
