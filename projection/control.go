package projection

import (
	"slices"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
	"github.com/lockport-hie/lockport/consent"
	"github.com/lockport-hie/lockport/directory"
)

// applyChange puts a directory change in force. The change was validated before
// it was journalled; one that no longer fits (two operators at once) changes
// nothing, on every replay alike, and is shown in quarantine.
func (p *projector) applyChange(tx lockport.Tx, e *lockport.Entry, c *directory.Change) error {
	d, err := p.directory.Apply(*c)
	if err != nil {
		return tx.Put(lockport.TableQuarantine, e.Seq.Key(), &lockport.Quarantined{
			Seq: e.Seq, State: lockport.StateQuarantined, Reason: "the directory change does not fit: " + err.Error(),
		})
	}
	key := directory.ChangeKey(*c)
	if c.Op == directory.Remove {
		if err = tx.Delete(lockport.TableDirectory, key); err == nil && c.Feed != nil {
			err = forgetFeed(tx, c.Feed.ID)
		}
	} else {
		err = tx.Put(lockport.TableDirectory, key, c)
	}
	if err != nil {
		return err
	}
	p.directory = d
	return nil
}

// forgetFeed takes away what a removed feed left: one that is added later under
// the same name begins anew.
func forgetFeed(tx lockport.Tx, feed lockport.FeedID) error {
	var rows [][]byte
	err := tx.Scan(lockport.TableOutbox, lockport.OutboxPrefix(feed), nil, func(key []byte, _ func(any) error) (bool, error) {
		rows = append(rows, slices.Clone(key))
		return true, nil
	})
	if err != nil {
		return err
	}
	for _, key := range rows {
		if err := tx.Delete(lockport.TableOutbox, key); err != nil {
			return err
		}
	}
	return tx.Delete(lockport.TableFeeds, []byte(feed))
}

// applyDirective files a directive under the identifier on its form. One that
// voids another marks that one, which stays visible.
func applyDirective(tx lockport.Tx, e *lockport.Entry, d *consent.Directive) error {
	token := lockport.IdentifierToken(tx, d.Patient)
	if d.Voids != 0 {
		key := consent.DirectiveKey(token, d.Voids)
		var old consent.Directive
		found, err := tx.Get(lockport.TableDirectives, key, &old)
		if err != nil || !found {
			return err
		}
		old.Voided = true
		return tx.Put(lockport.TableDirectives, key, &old)
	}
	row := *d
	row.Seq = e.Seq
	if err := tx.Put(lockport.TableDirectives, consent.DirectiveKey(token, e.Seq), &row); err != nil {
		return err
	}
	return tx.Put(lockport.TableDirectiveLog, e.Seq.Key(), &token)
}

// applyGrant files an emergency access under the registration it was opened for.
func applyGrant(tx lockport.Tx, e *lockport.Entry, g *consent.Grant) error {
	row := *g
	row.Seq = e.Seq
	return tx.Put(lockport.TableGrants, consent.GrantKey(g.Registration, e.Seq), &row)
}

// verbDiscard is the operator action that changes the record.
const verbDiscard = "quarantine discard"

func applyAction(tx lockport.Tx, e *lockport.Entry, a *audit.Action) error {
	if say, ok := operatorSays(a.Verb); ok {
		return applyOperatorLink(tx, e, a, say)
	}
	if a.Verb != verbDiscard {
		return nil
	}
	var q lockport.Quarantined
	found, err := tx.Get(lockport.TableQuarantine, a.Target.Key(), &q)
	if err != nil || !found || q.State != lockport.StateQuarantined {
		return err
	}
	q.State = lockport.StateDiscarded
	return tx.Put(lockport.TableQuarantine, q.Seq.Key(), &q)
}

// applyDelivery takes a feed's row off and counts what became of it. A row that
// is gone already (the outcome was written twice around a crash) counts once.
//
// What was delivered is noted by message, so that a correction finds who must
// learn of it; a correction that was withheld is noted for the privacy desk.
func (p *projector) applyDelivery(tx lockport.Tx, e *lockport.Entry, d *lockport.Delivery) error {
	var row lockport.OutboxRow
	found, err := tx.Get(lockport.TableOutbox, d.Row, &row)
	if err != nil || !found {
		return err
	}
	var state lockport.FeedState
	if _, err := tx.Get(lockport.TableFeeds, []byte(d.Feed), &state); err != nil {
		return err
	}
	state.Last = max(state.Last, row.Seq)
	switch d.Outcome {
	case lockport.Delivered:
		state.Delivered++
	case lockport.Withheld:
		state.Withheld++
	default:
		return lockport.Errorf(lockport.Internal, "projection", "a delivery has an unknown outcome")
	}
	if err := p.noteDelivery(tx, e, d, row); err != nil {
		return err
	}
	if err := tx.Delete(lockport.TableOutbox, d.Row); err != nil {
		return err
	}
	return tx.Put(lockport.TableFeeds, []byte(d.Feed), &state)
}

func (p *projector) noteDelivery(tx lockport.Tx, e *lockport.Entry, d *lockport.Delivery, row lockport.OutboxRow) error {
	feed, ok := p.directory.Feed(d.Feed)
	if !ok {
		return nil // it was removed meanwhile, and its rows with it
	}
	if d.Outcome == lockport.Delivered {
		return tx.Put(lockport.TableReceived, lockport.ReceivedKey(row.Seq, feed.Application), &e.Seq)
	}
	took, err := took(tx, feed.Application, row.Corrects)
	if err != nil || !took {
		return err
	}
	return tx.Put(lockport.TableUncorrected, lockport.UncorrectedKey(row.Seq, d.Feed), &lockport.Uncorrected{
		Feed: d.Feed, Seq: row.Seq, Registration: row.Registration, Withheld: e.Seq, Time: e.Time, Reason: d.Reason,
	})
}

// took reports whether an application's provider took one of some messages.
func took(tx lockport.Tx, app lockport.ApplicationID, messages []lockport.Seq) (bool, error) {
	for _, seq := range messages {
		var at lockport.Seq
		found, err := tx.Get(lockport.TableReceived, lockport.ReceivedKey(seq, app), &at)
		if err != nil || found {
			return found, err
		}
	}
	return false, nil
}
