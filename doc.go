// Package lockport holds the vocabulary that every other package shares: the
// typed names of things, the kinds of errors and what each means to the outside,
// the entries of the journal, and the tables of the record with the few
// operations that reach them.
//
// It decides nothing and stores nothing. It imports the standard library only,
// and everything else may import it. What a word means is written once, here:
//
//   - participant: a legal organisation in the exchange; consent is given to it
//   - location: a connected place of a participant that sends
//   - application: one sending or receiving system, MSH-3/MSH-4
//   - provider: a person (NPI) who acts for participants
//   - registration: what one assigning authority knows about a patient, found by
//     an identifier of that authority
//   - person: the registrations that are known to be of one human being
//   - directive: one recorded consent decision
//   - entry: one thing that happened, appended to the journal
//   - journal and record: the truth, and the view that is rebuilt from it
//   - feed: a provider application's durable stream
//
// Invariants: a type that can carry protected health information never prints
// it through fmt; an error names a place and never the content.
package lockport
