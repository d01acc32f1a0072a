// Package projection holds the projector: it applies journal entries to the
// record, in sequence, by the domains' rules. The same code serves the live
// server and the rebuild from the first entry.
//
// Invariants: the result is a pure function of the record and the entry; there
// is no clock, no randomness and no map whose order could show. What cannot be
// attributed safely is held in quarantine with a reason a person understands,
// and nothing of it reaches a patient until an operator released it. Applying
// never fails for what a sender wrote, only for a defect or a broken store.
//
// It must not decide what may be released: an outbox row says that a feed may
// want something, and the gate is asked when it is delivered.
package projection
