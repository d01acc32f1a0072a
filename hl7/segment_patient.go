package hl7

import "iter"

// PID is a view of the patient identification segment (HL7 v2.5.1 ch. 3.4.2).
type PID struct{ Segment }

// SetID is PID-1 set id.
func (s PID) SetID() Value { return s.Rep(1, 1) }

// ExternalID is PID-2 patient id of old versions.
func (s PID) ExternalID() CX { return ReadCX(s.Rep(2, 1)) }

// Identifiers is PID-3 patient identifier list.
func (s PID) Identifiers() iter.Seq2[int, CX] { return repeated(s.Segment, 3, ReadCX) }

// AlternateIDs is PID-4 alternate patient ids of old versions.
func (s PID) AlternateIDs() iter.Seq2[int, CX] { return repeated(s.Segment, 4, ReadCX) }

// Names is PID-5 patient names.
func (s PID) Names() iter.Seq2[int, XPN] { return repeated(s.Segment, 5, ReadXPN) }

// MotherMaidenNames is PID-6 mother's maiden names.
func (s PID) MotherMaidenNames() iter.Seq2[int, XPN] { return repeated(s.Segment, 6, ReadXPN) }

// Birth is PID-7 date or time of birth, as precise as it was stated.
func (s PID) Birth() (Time, error) { return ReadTime(s.Rep(7, 1)) }

// Sex is PID-8 administrative sex, table 0001.
func (s PID) Sex() Value { return s.Rep(8, 1) }

// Races is PID-10 race, table 0005.
func (s PID) Races() iter.Seq2[int, CWE] { return repeated(s.Segment, 10, ReadCWE) }

// Addresses is PID-11 patient addresses.
func (s PID) Addresses() iter.Seq2[int, XAD] { return repeated(s.Segment, 11, ReadXAD) }

// HomePhones is PID-13 home telephone numbers.
func (s PID) HomePhones() iter.Seq2[int, XTN] { return repeated(s.Segment, 13, ReadXTN) }

// BusinessPhones is PID-14 business telephone numbers.
func (s PID) BusinessPhones() iter.Seq2[int, XTN] { return repeated(s.Segment, 14, ReadXTN) }

// Language is PID-15 primary language.
func (s PID) Language() CWE { return ReadCWE(s.Rep(15, 1)) }

// Account is PID-18 patient account number.
func (s PID) Account() CX { return ReadCX(s.Rep(18, 1)) }

// SSN is PID-19 social security number, withdrawn since version 2.7.
func (s PID) SSN() Value { return s.Rep(19, 1) }

// EthnicGroups is PID-22 ethnic group, table 0189.
func (s PID) EthnicGroups() iter.Seq2[int, CWE] { return repeated(s.Segment, 22, ReadCWE) }

// MultipleBirth is PID-24 multiple birth indicator, table 0136.
func (s PID) MultipleBirth() Value { return s.Rep(24, 1) }

// BirthOrder is PID-25 birth order.
func (s PID) BirthOrder() NM { return ReadNM(s.Rep(25, 1)) }

// Death is PID-29 date or time of death.
func (s PID) Death() (Time, error) { return ReadTime(s.Rep(29, 1)) }

// Dead is PID-30 patient death indicator, table 0136.
func (s PID) Dead() Value { return s.Rep(30, 1) }

// MRG is a view of the segment that names what is merged away (HL7 v2.5.1 ch. 3.4.9).
type MRG struct{ Segment }

// Identifiers is MRG-1 prior patient identifier list.
func (s MRG) Identifiers() iter.Seq2[int, CX] { return repeated(s.Segment, 1, ReadCX) }

// AlternateIDs is MRG-2 prior alternate patient ids of old versions.
func (s MRG) AlternateIDs() iter.Seq2[int, CX] { return repeated(s.Segment, 2, ReadCX) }

// Account is MRG-3 prior patient account number.
func (s MRG) Account() CX { return ReadCX(s.Rep(3, 1)) }

// PatientID is MRG-4 prior patient id of old versions.
func (s MRG) PatientID() CX { return ReadCX(s.Rep(4, 1)) }

// Visit is MRG-5 prior visit number.
func (s MRG) Visit() CX { return ReadCX(s.Rep(5, 1)) }

// AlternateVisit is MRG-6 prior alternate visit id.
func (s MRG) AlternateVisit() CX { return ReadCX(s.Rep(6, 1)) }

// Names is MRG-7 prior patient names.
func (s MRG) Names() iter.Seq2[int, XPN] { return repeated(s.Segment, 7, ReadXPN) }

// PD1 is a view of the additional demographics (HL7 v2.5.1 ch. 3.4.10).
type PD1 struct{ Segment }

// PrimaryCare is PD1-4 primary care providers.
func (s PD1) PrimaryCare() iter.Seq2[int, XCN] { return repeated(s.Segment, 4, ReadXCN) }

// Protection is PD1-12 protection indicator, table 0136; senders disagree on whether Y protects or shares, so it
// must not decide consent by itself.
func (s PD1) Protection() Value { return s.Rep(12, 1) }

// ProtectionFrom is PD1-13 effective date of the protection indicator.
func (s PD1) ProtectionFrom() (Time, error) { return ReadTime(s.Rep(13, 1)) }

// NK1 is a view of a next of kin or associated party (HL7 v2.5.1 ch. 3.4.5).
type NK1 struct{ Segment }

// SetID is NK1-1 set id.
func (s NK1) SetID() Value { return s.Rep(1, 1) }

// Names is NK1-2 names.
func (s NK1) Names() iter.Seq2[int, XPN] { return repeated(s.Segment, 2, ReadXPN) }

// Relationship is NK1-3 relationship, table 0063.
func (s NK1) Relationship() CWE { return ReadCWE(s.Rep(3, 1)) }

// Addresses is NK1-4 addresses.
func (s NK1) Addresses() iter.Seq2[int, XAD] { return repeated(s.Segment, 4, ReadXAD) }

// Phones is NK1-5 telephone numbers.
func (s NK1) Phones() iter.Seq2[int, XTN] { return repeated(s.Segment, 5, ReadXTN) }

// BusinessPhones is NK1-6 business telephone numbers.
func (s NK1) BusinessPhones() iter.Seq2[int, XTN] { return repeated(s.Segment, 6, ReadXTN) }

// Role is NK1-7 contact role, table 0131.
func (s NK1) Role() CWE { return ReadCWE(s.Rep(7, 1)) }
