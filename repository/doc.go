// Package repository is the durable store: the journal, which is the truth, and
// the record, which is the view that one projector makes of it.
//
// The journal is a row of append-only files. What many callers append at the
// same time is committed as one group, and no caller hears of success before its
// group is on disk; there is no way to turn that off. Each entry carries the hash
// of the one before, so the journal is the audit chain as well. The record and
// the duplicate window are pure functions of the journal and can be thrown away.
//
// Invariants: a receipt means on disk, chained and visible to every later read
// that asks for it; nothing is stored twice inside the duplicate window; stored
// bytes that do not verify are reported and never served; keys on disk hold
// hashes under a secret key in place of identifiers, and every value is sealed;
// a patient's rows leave only for a consent.Ticket; a commit that fails for
// another reason than a full disk ends acknowledging for good.
//
// It must not know HL7, the network, or what any domain's rules are.
package repository
