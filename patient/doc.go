// Package patient is the patient index: which identifiers belong to which
// registration, which registrations are of one person, and what links, merges
// and their undoing do to that.
//
// A registration is what one owner of assigning authorities knows about a patient;
// visits, results and directives stand on registrations (or identifiers) and never
// move.
// A person is a set of linked registrations. A merge marks a registration as
// subsumed and puts it in the survivor's set; nothing is copied, so every step
// can be undone.
//
// Registrations are one person for three reasons, each of which is kept: a merge
// (Registration.Into), a stated link (Registration.Links), a shared identifier
// (Holders). Take one away, and the others tell what remains one.
//
// Invariants: an identifier of an owned authority belongs to at most one
// registration; only applications of an authority's owner may merge, move or
// change its identifiers; a shared authority links registrations and never
// merges them; a subsumed identifier still resolves; chains (A into B into C)
// resolve to their end and never loop.
//
// The package is pure: it reads through the small interface it declares, and
// returns what is to be written. It must not know HL7, the store or consent.
package patient
