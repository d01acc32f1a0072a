package repository

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/clinical"
	"github.com/lockport-hie/lockport/consent"
	"github.com/lockport-hie/lockport/patient"
)

// permitted reads under a ticket. Nothing is read for one that is nil, denied,
// closed, cut or good for less than the record, and nothing is handed out when it is closed or cut meanwhile.
func permitted[T any](ctx context.Context, s *Store, t *consent.Ticket, read func(v *view) (T, error)) (T, error) {
	var none, found T
	if !t.Permits() || t.What() != consent.Record {
		return none, refused()
	}
	err := s.view(ctx, t.AsOf(), func(v *view) (err error) {
		found, err = read(v)
		return err
	})
	if err != nil {
		return none, err
	}
	if !t.Permits() {
		return none, refused()
	}
	return found, nil
}

func refused() error {
	return lockport.Errorf(lockport.Refused, "read record", "there is no open ticket that permits it")
}

// newest lists the rows of all registrations in one table, newest first, up to a
// limit. take reads a row, and says when it is and whether it is wanted.
func newest[T any](v *view, t lockport.Table, regs []lockport.RegistrationID, from, until time.Time, limit int,
	take func(key []byte, decode func(any) error) (row T, at time.Time, wanted bool, err error)) ([]T, error) {
	type listed struct {
		row T
		at  time.Time
	}
	var all []listed
	for _, reg := range regs {
		n := 0
		err := v.scanBack(t, reg.Key(), clinical.IndexEnd(reg, until), func(key []byte, decode func(any) error) (bool, error) {
			row, at, wanted, err := take(key, decode)
			if err != nil {
				return false, err
			}
			if !from.IsZero() && at.Before(from) {
				return false, nil // the rest is older, or has no time and no place in bounds
			}
			if wanted {
				all = append(all, listed{row, at})
				n++
			}
			return n < endless(limit), nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(all, func(a, b listed) int { return b.at.Compare(a.at) })
	rows := make([]T, 0, min(len(all), endless(limit)))
	for _, l := range all[:cap(rows)] {
		rows = append(rows, l.row)
	}
	return rows, nil
}

// Results returns the results of the ticket's patient that a filter wants,
// newest collection first. Without a ticket that permits it, it fails with kind
// Refused.
func (s *Store) Results(ctx context.Context, t *consent.Ticket, f clinical.ResultFilter) ([]clinical.Report, error) {
	return permitted(ctx, s, t, func(v *view) ([]clinical.Report, error) { return v.results(t.Registrations(), f) })
}

func (v *view) results(regs []lockport.RegistrationID, f clinical.ResultFilter) ([]clinical.Report, error) {
	rows, err := newest(v, lockport.TablePatientResults, regs, f.From, f.Until, f.Limit,
		func(key []byte, decode func(any) error) (listedResult, time.Time, bool, error) {
			row := listedResult{key: key}
			at := clinical.IndexTime(key)
			if err := decode(&row.place); err != nil {
				return row, at, false, err
			}
			wanted, err := v.wants(f, row, at)
			return row, at, wanted, err
		})
	if err != nil {
		return nil, err
	}
	reports := make([]clinical.Report, 0, len(rows))
	for _, row := range rows {
		result, err := v.result(row)
		if err != nil {
			return nil, err
		}
		r, err := v.report(result, f.AllVersions)
		if err != nil {
			return nil, err
		}
		reports = append(reports, r)
	}
	return reports, nil
}

// listedResult is a row of a patient's list of results.
type listedResult struct {
	key   []byte
	place []byte // the key of the result
}

// result reads the result behind a row of its patient's list.
func (v *view) result(row listedResult) (clinical.Result, error) {
	r := clinical.Result{Token: lockport.Token(row.key[len(row.key)-tokenSize:])}
	found, err := v.Get(lockport.TableResults, row.place, &r)
	if err != nil {
		return r, err
	}
	if !found || !bytes.HasPrefix(row.key, r.Registration.Key()) {
		return r, lockport.Errorf(lockport.Corrupt, "read record", "the list of a registration names a result that is not its own")
	}
	return r, nil
}

// wants reports whether a filter wants a result. The result itself is read only
// where codes are asked for, and its observations only where its own code does
// not decide.
func (v *view) wants(f clinical.ResultFilter, row listedResult, at time.Time) (bool, error) {
	codes := f.Codes
	f.Codes = nil
	if summary := (clinical.ResultSummary{Collected: at}); len(codes) == 0 || !f.Matches(summary) {
		return f.Matches(summary), nil
	}
	f.Codes = codes
	r, err := v.result(row)
	if err != nil || f.Matches(clinical.ResultSummary{Service: r.Service, Collected: at}) {
		return err == nil, err
	}
	current, err := v.report(r, false)
	if err != nil {
		return false, err
	}
	return f.Matches(clinical.Summarise(current.Versions[0], r)), nil
}

func (v *view) report(result clinical.Result, all bool) (clinical.Report, error) {
	r := clinical.Report{Result: result}
	for i, ref := range result.Versions {
		version := result.FirstVersion()
		if i > 0 {
			version = clinical.Version{}
			found, err := v.Get(lockport.TableResultVersions, clinical.VersionKey(ref.Seq, ref.Order), &version)
			if err != nil {
				return r, err
			}
			if !found {
				return r, lockport.Errorf(lockport.Corrupt, "read record", "the version of entry %d of a result is missing", ref.Seq)
			}
		}
		r.Versions = append(r.Versions, version)
	}
	r.Result.First = clinical.Version{} // it is one of the versions
	if !all {
		r.Versions = []clinical.Version{clinical.CurrentView(r.Versions)}
	}
	return r, nil
}

// Visits returns the visits of the ticket's patient that a filter wants, newest
// admission first. Without a ticket that permits it, it fails with kind Refused.
func (s *Store) Visits(ctx context.Context, t *consent.Ticket, f clinical.VisitFilter) ([]clinical.Visit, error) {
	return permitted(ctx, s, t, func(v *view) ([]clinical.Visit, error) {
		keys, err := newest(v, lockport.TablePatientVisits, t.Registrations(), f.From, f.Until, f.Limit,
			func(key []byte, decode func(any) error) ([]byte, time.Time, bool, error) {
				var row clinical.VisitSummary
				err := decode(&row)
				return key, row.Admitted, f.Matches(row), err
			})
		if err != nil {
			return nil, err
		}
		visits := make([]clinical.Visit, 0, len(keys))
		for _, key := range keys {
			var visit clinical.Visit
			found, err := v.Get(lockport.TableVisits, key[len(key)-tokenSize:], &visit)
			if err != nil {
				return nil, err
			}
			if !found || !bytes.HasPrefix(key, visit.Registration.Key()) {
				return nil, lockport.Errorf(lockport.Corrupt, "read record", "the list of a registration names a visit that is not its own")
			}
			visits = append(visits, visit)
		}
		return visits, nil
	})
}

// Documents returns the documents of the ticket's patient that a filter wants,
// latest activity first. Without a ticket that permits it, it fails with kind
// Refused.
func (s *Store) Documents(ctx context.Context, t *consent.Ticket, f clinical.DocumentFilter) ([]clinical.DocumentReport, error) {
	return permitted(ctx, s, t, func(v *view) ([]clinical.DocumentReport, error) {
		keys, err := newest(v, lockport.TablePatientDocuments, t.Registrations(), f.From, f.Until, f.Limit,
			func(key []byte, decode func(any) error) ([]byte, time.Time, bool, error) {
				var row clinical.DocumentSummary
				err := decode(&row)
				return key, row.Activity, f.Matches(row), err
			})
		if err != nil {
			return nil, err
		}
		reports := make([]clinical.DocumentReport, 0, len(keys))
		for _, key := range keys {
			r, err := v.document(key, f.AllVersions)
			if err != nil {
				return nil, err
			}
			reports = append(reports, r)
		}
		return reports, nil
	})
}

// document reads the document behind a row of its patient's list.
func (v *view) document(key []byte, all bool) (r clinical.DocumentReport, err error) {
	found, err := v.Get(lockport.TableDocuments, key[len(key)-tokenSize:], &r.Document)
	if err == nil && (!found || !bytes.HasPrefix(key, r.Document.Registration.Key())) {
		err = lockport.Errorf(lockport.Corrupt, "read record", "the list of a registration names a document that is not its own")
	}
	if err != nil {
		return r, err
	}
	read := func(seq lockport.Seq) (version clinical.DocumentVersion, err error) {
		found, err := v.Get(lockport.TableDocumentVersions, seq.Key(), &version)
		if err == nil && !found {
			err = lockport.Errorf(lockport.Corrupt, "read record", "the version of entry %d of a document is missing", seq)
		}
		return version, err
	}
	if all {
		for _, e := range r.Document.Events {
			version, err := read(e.Seq)
			if err != nil {
				return r, err
			}
			r.Versions = append(r.Versions, version)
		}
		return r, nil
	}
	current, err := read(r.Document.Header)
	if err == nil && r.Document.Content != 0 && r.Document.Content != r.Document.Header {
		var text clinical.DocumentVersion
		text, err = read(r.Document.Content)
		current.Content, current.ContentEncoding = text.Content, text.Encoding
	}
	r.Versions = []clinical.DocumentVersion{current}
	return r, err
}

// Facts returns what segments beside PID and PV1 say of the ticket's patient and
// of the visits that are shown, by registration. Without a ticket that permits it,
// it fails with kind Refused.
func (s *Store) Facts(ctx context.Context, t *consent.Ticket) ([]clinical.FactSet, error) {
	return permitted(ctx, s, t, func(v *view) ([]clinical.FactSet, error) {
		var all []clinical.FactSet
		for _, reg := range t.Registrations() {
			err := v.Scan(lockport.TableFacts, reg.Key(), nil, func(_ []byte, decode func(any) error) (bool, error) {
				var set clinical.FactSet
				err := decode(&set)
				all = append(all, set.Current())
				return true, err
			})
			if err != nil {
				return nil, err
			}
		}
		return v.shown(all)
	})
}

// shown leaves out what is empty and what is of a visit that was deleted.
func (v *view) shown(sets []clinical.FactSet) ([]clinical.FactSet, error) {
	var kept []clinical.FactSet
	for _, set := range sets {
		var visit clinical.Visit
		if set.Visit != (lockport.Token{}) {
			if _, err := v.Get(lockport.TableVisits, set.Visit[:], &visit); err != nil {
				return nil, err
			}
		}
		if visit.Status != clinical.Removed && len(set.Facts) > 0 {
			kept = append(kept, set)
		}
	}
	return kept, nil
}

// Demographics returns the registrations of the ticket's patient, ascending,
// subsumed ones included. Without a ticket that permits it, it fails with kind
// Refused.
func (s *Store) Demographics(ctx context.Context, t *consent.Ticket) ([]patient.Registration, error) {
	return permitted(ctx, s, t, func(v *view) ([]patient.Registration, error) {
		var all []patient.Registration
		for _, id := range t.Registrations() {
			var r patient.Registration
			found, err := v.Get(lockport.TableRegistrations, id.Key(), &r)
			if err != nil {
				return nil, err
			}
			if found && !r.Deleted {
				all = append(all, r)
			}
		}
		return all, nil
	})
}

// FeedMessage returns the message behind an outbox row. The row must stand in
// the outbox and name a registration of the ticket's patient; anything else is
// of kind Refused. The message is whole: it may hold groups of other patients,
// and the caller sends the row's group only.
func (s *Store) FeedMessage(ctx context.Context, t *consent.Ticket, row lockport.OutboxRow) (*lockport.Message, error) {
	genuine, err := permitted(ctx, s, t, func(v *view) (bool, error) {
		genuine := false
		prefix := append(lockport.OutboxPrefix(row.Feed), row.Seq.Key()...)
		err := v.Scan(lockport.TableOutbox, prefix, nil, func(_ []byte, decode func(any) error) (bool, error) {
			var own lockport.OutboxRow
			err := decode(&own)
			genuine = own.Group == row.Group && own.Registration == row.Registration
			return !genuine, err
		})
		return genuine && slices.Contains(t.Registrations(), row.Registration), err
	})
	if err != nil {
		return nil, err
	}
	if !genuine {
		return nil, refused()
	}
	m, err := s.OperatorMessage(ctx, row.Seq)
	if err == nil && !t.Permits() {
		return nil, refused()
	}
	return m, err
}

// OperatorMessage returns the message of an entry, accepted or refused, for an
// operator's view or a replay. No ticket stands behind it: the caller masks what
// it shows, or writes an audit entry first.
func (s *Store) OperatorMessage(ctx context.Context, seq lockport.Seq) (*lockport.Message, error) {
	e, err := s.Entry(ctx, seq)
	if err != nil {
		return nil, err
	}
	if _, gone := e.Body.(*lockport.Dropped); gone {
		return nil, lockport.Errorf(lockport.NotFound, "read journal", "entry %d is a %s whose content was dropped by retention", seq, e.Kind)
	}
	m, ok := e.Body.(*lockport.Message)
	if !ok {
		return nil, lockport.Errorf(lockport.NotFound, "read journal", "entry %d is a %s and no message", seq, e.Kind)
	}
	return m, nil
}
