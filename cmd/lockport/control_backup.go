package main

import (
	"context"
	"time"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
	"github.com/lockport-hie/lockport/repository"
)

// pathBackup is the verb of backup.
const pathBackup = "/v1/backup"

// backupVerbs is the verb of backup.
func (s *system) backupVerbs() []verb {
	return []verb{verbOf(pathBackup, roleOperator, s.backup)}
}

// backupQuestion asks for a backup. Paths are absolute.
type backupQuestion struct {
	To    string `json:"to"`
	Since string `json:"since"`
	Rate  int    `json:"rate"` // megabytes a second, 0 for no limit
}

// backupAnswer says what a backup holds.
type backupAnswer struct {
	To      string       `json:"to"`
	From    lockport.Seq `json:"from"` // its first entry
	Through lockport.Seq `json:"through"`
	Head    string       `json:"head"`
	Pieces  int          `json:"pieces"`
	Bytes   int64        `json:"bytes"`
	Seconds float64      `json:"seconds"`
}

func answerBackup(q backupQuestion, m *repository.Manifest, took time.Duration) backupAnswer {
	return backupAnswer{q.To, m.After.Sequence + 1, m.Through.Sequence, m.Through.Hash, len(m.Pieces), m.Bytes(), took.Seconds()}
}

// backup copies the journal on behalf of an operator. It stands in the journal before it
// begins: whoever holds a copy and the keys can read everything.
func (s *system) backup(ctx context.Context, who caller, q backupQuestion) (backupAnswer, error) {
	if q.Rate < 0 {
		return backupAnswer{}, lockport.Errorf(lockport.Invalid, "", "a rate cannot be below 0")
	}
	o, err := s.env.backupOptions(q)
	if err != nil {
		return backupAnswer{}, err
	}
	began := s.env.Now()
	if err := s.act(ctx, audit.Action{Operator: who.User, Verb: "backup", Object: q.To}); err != nil {
		return backupAnswer{}, err
	}
	m, err := s.store.Backup(ctx, o)
	if err != nil {
		return backupAnswer{}, err
	}
	return answerBackup(q, m, s.env.Now().Sub(began)), nil
}
