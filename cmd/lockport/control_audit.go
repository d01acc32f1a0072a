package main

import (
	"context"
	"encoding/hex"
	"slices"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
	"github.com/lockport-hie/lockport/repository"
)

// The paths of the verbs of audit.
const (
	pathAuditTail   = "/v1/audit/tail"
	pathAuditVerify = "/v1/audit/verify"
)

// auditVerbs are the verbs of audit.
func (s *system) auditVerbs() []verb {
	return []verb{
		verbOf(pathAuditTail, "", s.tailAudit),
		verbOf(pathAuditVerify, "", s.verifyAudit),
	}
}

// tailQuestion asks for entries in their order: the last ones, or those after one.
type tailQuestion struct {
	Limit int          `json:"limit"`
	After lockport.Seq `json:"after"` // 0: the last ones
	Kind  string       `json:"kind"`  // only entries of this kind
}

// tailAnswer is a piece of the journal.
type tailAnswer struct {
	Lines []audit.Line `json:"lines"`
	Last  lockport.Seq `json:"last"` // the last entry that was looked at: where to go on
}

// tailAudit lists entries of the journal, without content.
func (s *system) tailAudit(ctx context.Context, _ caller, q tailQuestion) (tailAnswer, error) {
	answer := tailAnswer{Lines: []audit.Line{}, Last: q.After}
	from, backwards := q.After+1, false
	if q.After == 0 {
		from, backwards = 0, true
	}
	for e, err := range s.store.Entries(ctx, from, backwards) {
		if err != nil {
			return tailAnswer{}, err
		}
		answer.Last = max(answer.Last, e.Seq)
		if q.Kind == "" || e.Kind.String() == q.Kind {
			answer.Lines = append(answer.Lines, audit.Describe(e))
		}
		if len(answer.Lines) == limitOf(q.Limit) {
			break
		}
	}
	if backwards {
		slices.Reverse(answer.Lines)
	}
	return answer, nil
}

// verifyAnswer is what the verification of the chain found.
type verifyAnswer struct {
	Verified bool               `json:"verified"`
	Entries  lockport.Seq       `json:"entries"`
	Head     string             `json:"head"`    // hash of the last entry that verified
	Dropped  uint64             `json:"dropped"` // entries whose content retention has dropped
	Bad      *repository.Damage `json:"bad,omitempty"`
}

// verifyAudit checks the whole chain.
func (s *system) verifyAudit(ctx context.Context, _ caller, _ nothing) (verifyAnswer, error) {
	report, err := s.store.Verify(ctx, nil)
	if err != nil {
		return verifyAnswer{}, err
	}
	return verifyAnswer{
		Verified: report.Bad == nil, Entries: report.Entries,
		Head: hex.EncodeToString(report.Head.Hash[:]), Dropped: report.Dropped, Bad: report.Bad,
	}, nil
}
