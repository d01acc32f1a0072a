package repository

import (
	"context"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/consent"
	"github.com/lockport-hie/lockport/directory"
)

// loadedDirectory is the directory as it was after an entry.
type loadedDirectory struct {
	at  lockport.Seq
	dir *directory.Directory
}

// Directory returns the directory as of the journal's end. It is shared and
// immutable; asking again costs nothing until it changes.
func (s *Store) Directory(ctx context.Context) (*directory.Directory, error) {
	at := lockport.Seq(s.directorySeq.Load())
	if d := s.directory.Load(); d != nil && d.at >= at {
		return d.dir, nil
	}
	var changes []directory.Change
	err := s.view(ctx, at, func(v *view) error {
		return v.Scan(lockport.TableDirectory, nil, nil, func(_ []byte, decode func(any) error) (bool, error) {
			var c directory.Change
			err := decode(&c)
			changes = append(changes, c)
			return true, err
		})
	})
	if err != nil {
		return nil, err
	}
	d, err := directory.Load(changes)
	if err != nil {
		return nil, err
	}
	s.directory.Store(&loadedDirectory{at, d})
	return d, nil
}

// Outbox returns rows of a feed in the order of their keys, after a key or from
// the first when it is nil; limit 0 is all. It waits for nothing: a row appears
// soon after its message.
func (s *Store) Outbox(ctx context.Context, feed lockport.FeedID, after []byte, limit int) ([]lockport.OutboxItem, error) {
	var items []lockport.OutboxItem
	from := after
	if from != nil {
		from = append(from[:len(from):len(from)], 0) // the least key after it
	}
	err := s.view(ctx, 0, func(v *view) error {
		return v.Scan(lockport.TableOutbox, lockport.OutboxPrefix(feed), from, func(key []byte, decode func(any) error) (bool, error) {
			item := lockport.OutboxItem{Key: key}
			err := decode(&item.Row)
			items = append(items, item)
			return len(items) < endless(limit), err
		})
	})
	return items, err
}

// OutboxChanged returns a channel that is closed when rows may have been added
// to any feed after the call. Take the channel, read the outbox, then wait.
func (s *Store) OutboxChanged() <-chan struct{} { return s.outbox.wait() }

// FeedState returns what a feed has done as of the journal's end.
func (s *Store) FeedState(ctx context.Context, feed lockport.FeedID) (lockport.FeedState, error) {
	var state lockport.FeedState
	err := s.view(ctx, s.End(), func(v *view) error {
		_, err := v.Get(lockport.TableFeeds, []byte(feed), &state)
		return err
	})
	return state, err
}

// Uncorrected returns who holds a version that was corrected or retracted while
// consent kept the correction from them, newest first; limit 0 is all.
func (s *Store) Uncorrected(ctx context.Context, limit int) ([]lockport.Uncorrected, error) {
	var list []lockport.Uncorrected
	err := s.view(ctx, s.End(), func(v *view) error {
		return v.scanBack(lockport.TableUncorrected, nil, nil, func(_ []byte, decode func(any) error) (bool, error) {
			var u lockport.Uncorrected
			err := decode(&u)
			list = append(list, u)
			return len(list) < endless(limit), err
		})
	})
	return list, err
}

// Quarantine returns quarantined messages, newest first, before an entry or
// from the newest when it is 0, whatever became of them; limit 0 is all.
func (s *Store) Quarantine(ctx context.Context, before lockport.Seq, limit int) ([]lockport.Quarantined, error) {
	var list []lockport.Quarantined
	var end []byte
	if before > 0 {
		end = before.Key()
	}
	err := s.view(ctx, s.End(), func(v *view) error {
		return v.scanBack(lockport.TableQuarantine, nil, end, func(_ []byte, decode func(any) error) (bool, error) {
			var q lockport.Quarantined
			err := decode(&q)
			list = append(list, q)
			return len(list) < endless(limit), err
		})
	})
	return list, err
}

// QuarantineState returns the quarantine of one message and whether there is one.
func (s *Store) QuarantineState(ctx context.Context, seq lockport.Seq) (lockport.Quarantined, bool, error) {
	var q lockport.Quarantined
	var found bool
	err := s.view(ctx, s.End(), func(v *view) (err error) {
		found, err = v.Get(lockport.TableQuarantine, seq.Key(), &q)
		return err
	})
	return q, found, err
}

// Directives returns the directives on one identifier, or on all when it is
// nil, newest first, void ones included; limit 0 is all.
func (s *Store) Directives(ctx context.Context, id *lockport.Identifier, limit int) ([]consent.Directive, error) {
	var list []consent.Directive
	err := s.view(ctx, s.End(), func(v *view) error {
		if id == nil {
			return v.scanBack(lockport.TableDirectiveLog, nil, nil, func(key []byte, decode func(any) error) (bool, error) {
				d, err := v.logged(key, decode)
				list = append(list, d)
				return len(list) < endless(limit), err
			})
		}
		token := lockport.IdentifierToken(v, *id)
		return v.scanBack(lockport.TableDirectives, token[:], nil, func(_ []byte, decode func(any) error) (bool, error) {
			var d consent.Directive
			err := decode(&d)
			list = append(list, d)
			return len(list) < endless(limit), err
		})
	})
	return list, err
}

// logged follows a row of the directive log to its directive.
func (v *view) logged(key []byte, decode func(any) error) (consent.Directive, error) {
	var d consent.Directive
	var token lockport.Token
	if err := decode(&token); err != nil {
		return d, err
	}
	found, err := v.Get(lockport.TableDirectives, append(token[:], key...), &d)
	if err == nil && !found {
		err = lockport.Errorf(lockport.Corrupt, "read record", "a directive of the log is missing")
	}
	return d, err
}
