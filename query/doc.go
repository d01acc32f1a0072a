// Package query answers HL7 queries: who asks and why, which patient, the
// gate's decision, the records, the audit entry, the reply, in that order.
//
// It speaks QRY^R02 (answered ORF^R04) and the site profiles ZR1 and ZD1 on QBP_Q11
// (answered RSP^ZR2 and RSP^ZD2); docs/PROTOCOL.md describes them field by field.
//
// Invariants: no record is read without a permitting ticket; the disclosure
// entry is on disk before the reply exists; the reply may leave only while the
// ticket holds; an unknown patient and a denied one get the same answer, byte
// for byte but MSH-7 and MSH-10, by the same path; a failure on the way is AE
// with 207, whoever the patient is, and never "no data".
//
// It must not know a socket or the store's format, and keeps nothing.
package query
