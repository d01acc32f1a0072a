package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/clinical"
	"github.com/lockport-hie/lockport/consent"
	"github.com/lockport-hie/lockport/directory"
	"github.com/lockport-hie/lockport/repository"
)

// The reads that bench ingest makes while messages come in: readsAsked of a
// patient's newest results, for as many patients as gave their consent.
const (
	readsAsked    = 50
	readsPatients = 200
	readsReader   = lockport.ParticipantID("bench-reader")
)

// benchConsents registers somebody who reads, with the consent of patients whom
// messages have been about.
func (s *system) benchConsents(ctx context.Context, patients int) ([]lockport.Identifier, error) {
	_, err := s.store.Append(ctx, []lockport.Entry{{Kind: lockport.EntryDirectory, Time: s.now(), Body: &directory.Change{
		Op: directory.Put, Participant: &directory.Participant{
			ID: readsReader, Name: "Bench Reader", Type: directory.Hospital, County: "36067", Joined: "2020-01-01"},
	}}})
	if err != nil {
		return nil, err
	}
	d, err := s.directory(ctx)
	if err != nil {
		return nil, err
	}
	var asked []lockport.Identifier
	for i := range min(readsPatients, patients) {
		id, err := d.ParseIdentifier(fmt.Sprintf("%07d^^^NORTHFIELD&2.16.840.1.113883.19.9.1&ISO^MR", i*patients/min(readsPatients, patients)))
		if err != nil {
			return nil, err
		}
		if _, err := s.gate.Record(ctx, consent.Directive{
			Patient: id, Participant: readsReader, Value: consent.Give, Signed: "2026-01-01", Operator: "bench",
		}); err != nil {
			return nil, err
		}
		asked = append(asked, id)
	}
	return asked, nil
}

// benchReader begins to ask where that is wanted. What it returns ends it and
// enters what it found.
func (s *system) benchReader(ctx context.Context, o benchOptions) (end func(*benchRow) error, err error) {
	if !o.reads {
		return func(*benchRow) error { return nil }, nil
	}
	if o.preload == 0 {
		return nil, usagef("--reads wants something to read: --preload")
	}
	asked, err := s.benchConsents(ctx, o.patients)
	if err != nil {
		return nil, err
	}
	reading, stop := context.WithCancel(ctx)
	var took benchResult
	var results int
	done := make(chan error, 1)
	go func() {
		var err error
		took, results, err = s.benchReads(reading, asked)
		done <- err
	}()
	return func(row *benchRow) error {
		stop()
		err := <-done
		row.Reads = len(took.took)
		row.ReadResults = float64(results) / float64(max(1, row.Reads))
		row.ReadP50, row.ReadP99 = took.percentile(50), took.percentile(99)
		return err
	}, nil
}

// benchReads asks 50 times a second until ctx ends. It returns how long the
// store took for each list of results, ascending, and how many results there
// were in all.
func (s *system) benchReads(ctx context.Context, asked []lockport.Identifier) (r benchResult, results int, err error) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			slices.Sort(r.took)
			return r, results, nil
		case <-tick.C:
		}
		ticket, err := s.gate.Open(context.WithoutCancel(ctx), consent.Request{
			Patient: asked[n*7919%len(asked)], Participant: readsReader, Purpose: lockport.Treatment})
		if err != nil {
			return r, 0, err
		}
		began := time.Now()
		found, err := s.store.Results(context.WithoutCancel(ctx), ticket, clinical.ResultFilter{Limit: readsAsked})
		r.took = append(r.took, time.Since(began))
		ticket.Close()
		if err != nil {
			return r, 0, err
		}
		results += len(found)
	}
}

// benchBackups begins to make backups where that is wanted, one after the other.
// What it returns ends it and enters how many it has made.
func (s *system) benchBackups(ctx context.Context, o benchOptions) (end func(*benchRow) error) {
	if !o.backup {
		return func(*benchRow) error { return nil }
	}
	making, stop := context.WithCancel(ctx)
	made, size, done := 0, int64(0), make(chan error, 1)
	go func() {
		for {
			m, err := s.benchBackup(making, made)
			if err != nil {
				if making.Err() != nil {
					err = nil // it was cut short because the run has ended
				}
				done <- err
				return
			}
			made, size = made+1, size+m.Bytes()
		}
	}()
	return func(row *benchRow) error {
		stop()
		err := <-done
		row.Backups, row.BackupBytes = made, size
		return err
	}
}

// benchBackup makes one backup and removes it.
func (s *system) benchBackup(ctx context.Context, number int) (*repository.Manifest, error) {
	to, err := filepath.Abs(filepath.Join(s.env.Dir, fmt.Sprintf("backup-%d", number)))
	if err != nil {
		return nil, err
	}
	m, err := s.store.Backup(ctx, repository.BackupOptions{To: to})
	return m, errors.Join(err, os.RemoveAll(to))
}
