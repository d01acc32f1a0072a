package projection

import (
	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/consent"
	"github.com/lockport-hie/lockport/directory"
	"github.com/lockport-hie/lockport/patient"
)

// queue makes one outbox row for each feed of a kind that may want the patient
// group: one whose participant the patient's directives let in at the moment
// the message came, or whose provider took a version that is corrected or
// retracted here. Whether the feed may have it is decided when it is delivered.
func (a *arrival) queue(kind directory.FeedKind, number int, r patient.Registration, corrected []lockport.Seq) error {
	feeds := a.directory.Feeds()
	if len(feeds) == 0 {
		return nil
	}
	directives, birth, err := a.directives(r)
	if err != nil {
		return err
	}
	if len(directives) == 0 && len(corrected) == 0 {
		return nil
	}
	for _, feed := range feeds {
		if feed.Kind != kind {
			continue
		}
		corrects, err := a.holds(feed, corrected)
		if err != nil {
			return err
		}
		if !corrects && (len(directives) == 0 || !a.mayWant(feed, birth, directives)) {
			continue
		}
		row := lockport.OutboxRow{Feed: feed.ID, Seq: a.entry.Seq, Group: number, Registration: r.ID, Queued: a.entry.Time}
		if corrects {
			row.Corrects = corrected
		}
		if err := a.tx.Put(lockport.TableOutbox, lockport.OutboxKey(feed.ID, row.Seq, number), &row); err != nil {
			return err
		}
		if err := countQueued(a.tx, feed.ID); err != nil {
			return err
		}
	}
	return nil
}

// holds reports whether a feed's provider took one of some messages, or may be
// taking it: the outcome of a row that waits stands in the journal later, and
// before that of any row behind it.
func (a *arrival) holds(feed directory.Feed, messages []lockport.Seq) (holds bool, err error) {
	if holds, err = took(a.tx, feed.Application, messages); err != nil || holds {
		return holds, err
	}
	for _, seq := range messages {
		prefix := append(lockport.OutboxPrefix(feed.ID), seq.Key()...)
		err := a.tx.Scan(lockport.TableOutbox, prefix, nil, func([]byte, func(any) error) (bool, error) {
			holds = true
			return false, nil
		})
		if err != nil || holds {
			return holds, err
		}
	}
	return false, nil
}

func countQueued(tx lockport.Tx, feed lockport.FeedID) error {
	var state lockport.FeedState
	if _, err := tx.Get(lockport.TableFeeds, []byte(feed), &state); err != nil {
		return err
	}
	state.Queued++
	return tx.Put(lockport.TableFeeds, []byte(feed), &state)
}

// mayWant asks the directives, at the entry's own time, whether the feed's
// participant is let in.
func (a *arrival) mayWant(feed directory.Feed, birth string, ds []consent.Directive) bool {
	app, ok := a.directory.Application(feed.Application)
	if !ok || a.entry.Time.Before(feed.From) || app.ID == a.received.Application {
		return false
	}
	participant, ok := a.directory.Participant(app.Participant)
	if !ok {
		return false
	}
	return consent.Decide(ds, nil, consent.Question{
		At: a.entry.Time, Zone: a.region, Purpose: lockport.Treatment, What: consent.Record, BirthDate: birth,
		Party: consent.Party{Participant: participant.ID, Joined: participant.Joined},
	}).Permits()
}

// directives returns every directive on any identifier of the person, and the
// birth date that was stated last.
func (a *arrival) directives(r patient.Registration) (ds []consent.Directive, birth string, err error) {
	person, found, err := index{a.tx}.Person(r.Person)
	if err == nil && !found {
		err = lockport.Errorf(lockport.Internal, "projection", "a registration has no person")
	}
	if err != nil {
		return nil, "", err
	}
	var stated lockport.Seq
	for _, id := range person.Registrations {
		member, _, err := index{a.tx}.Registration(id)
		if err != nil {
			return nil, "", err
		}
		if d := member.Details; d.BirthDate != "" && !member.Deleted && member.Updated >= stated {
			birth, stated = d.BirthDate, member.Updated
		}
		for _, identifier := range member.Identifiers {
			if ds, err = appendDirectives(ds, a.tx, identifier); err != nil {
				return nil, "", err
			}
		}
	}
	return ds, birth, nil
}

func appendDirectives(ds []consent.Directive, tx lockport.Tx, id lockport.Identifier) ([]consent.Directive, error) {
	token := lockport.IdentifierToken(tx, id)
	err := tx.Scan(lockport.TableDirectives, token[:], nil, func(_ []byte, decode func(any) error) (bool, error) {
		var d consent.Directive
		if err := decode(&d); err != nil {
			return false, err
		}
		ds = append(ds, d)
		return true, nil
	})
	return ds, err
}
