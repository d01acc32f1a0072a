// Package simulate makes a synthetic health information exchange: New York
// counties, the organisations in them, the people who live there, what happens
// to those people and the HL7 messages their hospitals, laboratories and
// practices send about it, together with the consents they sign on paper.
//
// Everything comes from one seed. The same Config gives the same bytes on all
// machines of one architecture (others may round a drawn number differently),
// and Truth says what a store must hold after the stream, or after any prefix of
// it, so that a test can compare without trusting the store's code.
//
// Invariants: a run never reads the clock; every message is sound HL7 of its
// sender's version, in its sender's character set, with correct escapes; the
// reports of one order carry strictly increasing OBR-22 times, whatever order
// they arrive in; no name, number or address is taken from a real person, NPIs
// begin with 2 (a range in which none has been issued) and telephone numbers
// are of the fictional block 555-0100 to 555-0199. Cities, ZIP codes and county
// codes are real.
//
// The package knows nothing of the store, the broker or consent decisions, and
// opens neither sockets nor files.
package simulate
