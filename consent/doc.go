// Package consent decides who may see what of whom, and keeps the one door
// through which a record leaves.
//
// Decide is pure and total: directives and a question in, a decision with its
// reason code out; docs/CONSENT.md is the whole table. The Gate puts Decide
// between the store and everyone outside: it resolves the patient, holds the
// patient's read side while the answer is on its way, and makes the Ticket
// without which the repository hands out nothing. A directive takes the write
// side: once its acknowledgement is out, no byte that it forbids leaves.
//
// The model is New York's (10 NYCRR 300.5; SHIN-NY privacy and security
// policies): consent is per patient and participant and in writing; give, deny
// except in an emergency, deny even in an emergency, nothing on file (emergency
// only), and a community-wide deny that beats everything.
//
// Invariants: any error on the way to a decision is a deny; emergency never
// overrides a denial; a further denial never opens anything; a Ticket comes only
// from Gate.Open and is worth nothing after Close.
//
// It must not know HL7, the network or how directives are stored.
package consent
