// Package audit says what is written down about who asked for what and what
// was done, and how the writing is made tamper-evident.
//
// The journal is the audit chain: each entry's clear header carries the hash of
// the one before and a commitment to its sealed payload, so that changing,
// removing, inserting or reordering an entry breaks every later hash. This
// package holds the chain's arithmetic and the types of its audit entries; the
// repository stores them.
//
// Invariants: disclosed is a subset of audited, and audited comes first; the
// chain verifies without opening a payload, so that it still verifies when
// retention has dropped payloads.
//
// It must not store, send or decide anything.
package audit
