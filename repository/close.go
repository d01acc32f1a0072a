package repository

import (
	"context"
	"errors"
)

// fail ends acknowledging for good.
func (s *Store) fail(err error) {
	s.failOnce.Do(func() {
		s.err = err
		close(s.failed)
	})
}

// Failed is closed when the store can no longer promise anything: a commit
// failed for another reason than a full disk, or the record cannot be kept.
// Nothing is acknowledged after it; the process should end.
func (s *Store) Failed() <-chan struct{} { return s.failed }

// Err returns why the store failed, nil while it works.
func (s *Store) Err() error {
	select {
	case <-s.failed:
		return s.err
	default:
		return nil
	}
}

// Close stops taking entries, finishes those that are queued, applies them to
// the record and closes the files so that they open fast. When the context ends
// first, the record stays behind and catches up at the next Open. Closing again
// does nothing.
func (s *Store) Close(ctx context.Context) error {
	s.gate.Lock()
	if s.closed {
		s.gate.Unlock()
		return nil
	}
	s.closed = true
	s.gate.Unlock()
	close(s.closing)
	close(s.queue)
	<-s.committed
	select {
	case <-s.projected:
	case <-ctx.Done():
		s.abandoned.Store(true)
		s.appended.broadcast()
		<-s.projected
	}
	<-s.filtered
	clean := s.Err() == nil
	var err error
	if clean {
		if err = s.window.flush(s.End()); full(err) {
			err = nil // the next Open reads the same from the journal
		}
	}
	return errors.Join(err, s.vault.reach(beforeClose), s.closeFiles(clean))
}

// closeFiles closes whatever is open. After a failure nothing more is written:
// a flush that failed once has lost pages that a second one would not miss.
func (s *Store) closeFiles(clean bool) error {
	var err error
	if s.record != nil && s.record.db != nil {
		if clean {
			err = s.record.db.close()
		} else {
			err = s.record.db.abandon()
		}
	}
	err = errors.Join(err, s.vault.reach(recordClosed))
	if s.window != nil {
		err = errors.Join(err, s.window.close())
	}
	if s.journal != nil {
		if clean {
			s.headMu.Lock()
			head := s.head
			s.headMu.Unlock()
			if e := s.journal.finish(head); !full(e) {
				err = errors.Join(err, e) // without a footer, the next open reads the file through
			}
		}
		err = errors.Join(err, s.journal.close())
	}
	return errors.Join(err, s.lock.Close())
}
