// Package directory knows who takes part in the exchange: participants, their
// locations, the applications that send and receive, the providers who act for
// them, the assigning authorities of patient identifiers, the feeds, and the
// counties of the region.
//
// A Directory is an immutable snapshot; every change is a Change, which is a
// journal entry, so that the directory that was in force when a message came in
// can be rebuilt. Nothing here reads a clock, a file or the network; time zones
// are checked against the zone database, which is linked in.
//
// Invariants: an application belongs to exactly one participant; two
// applications never share an MSH-3/MSH-4 pair or a certificate; an identifier's
// assigning authority is resolved the same way everywhere (DESIGN §8: two HDs
// are equal if their universal ids are equal, or one has none and the namespace
// resolves to the same registered authority).
//
// It must not decide about consent and must not know a patient.
package directory
