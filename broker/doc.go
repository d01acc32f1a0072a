// Package broker takes messages in and hands feeds out.
//
// In: a frame becomes a parsed message, is held against its sender's contract,
// becomes one journal entry with the answer that will be given, and only when
// that entry is on disk is the answer returned. Out: a feed takes its outbox
// rows in order, asks the gate for each at the moment of delivery, writes the
// audit entry, sends, and records what became of it.
//
// Invariants: a positive acknowledgement means that the entry is on disk; the
// same message sent again by the same application gets the same answer and is
// stored once; an answer never carries patient data and never waits in a store;
// a refusal is kept with its reason; a row leaves only with a released ticket,
// in order, and is tried until the provider took it or consent withheld it.
//
// It must not know a socket, a file or the store's format: a frame comes in as
// bytes with a Peer, a reply goes out as bytes.
package broker
