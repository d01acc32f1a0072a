package hl7

import "iter"

// ORC is a view of the common order segment (HL7 v2.5.1 ch. 4.5.1).
type ORC struct{ Segment }

// Control is ORC-1 order control code, table 0119.
func (s ORC) Control() Value { return s.Rep(1, 1) }

// Placer is ORC-2 placer order number.
func (s ORC) Placer() EI { return ReadEI(s.Rep(2, 1)) }

// Filler is ORC-3 filler order number.
func (s ORC) Filler() EI { return ReadEI(s.Rep(3, 1)) }

// Group is ORC-4 placer group number.
func (s ORC) Group() EI { return ReadEI(s.Rep(4, 1)) }

// Status is ORC-5 order status, table 0038.
func (s ORC) Status() Value { return s.Rep(5, 1) }

// Transaction is ORC-9 date and time of the transaction.
func (s ORC) Transaction() (Time, error) { return ReadTime(s.Rep(9, 1)) }

// Ordering is ORC-12 ordering providers.
func (s ORC) Ordering() iter.Seq2[int, XCN] { return repeated(s.Segment, 12, ReadXCN) }

// Effective is ORC-15 order effective date and time.
func (s ORC) Effective() (Time, error) { return ReadTime(s.Rep(15, 1)) }

// OBR is a view of an observation request, the head of a report (HL7 v2.5.1 ch. 4.5.3).
type OBR struct{ Segment }

// SetID is OBR-1 set id.
func (s OBR) SetID() Value { return s.Rep(1, 1) }

// Placer is OBR-2 placer order number.
func (s OBR) Placer() EI { return ReadEI(s.Rep(2, 1)) }

// Filler is OBR-3 filler order number.
func (s OBR) Filler() EI { return ReadEI(s.Rep(3, 1)) }

// Service is OBR-4 universal service identifier.
func (s OBR) Service() CWE { return ReadCWE(s.Rep(4, 1)) }

// Observed is OBR-7 observation date and time; of a specimen, its collection.
func (s OBR) Observed() (Time, error) { return ReadTime(s.Rep(7, 1)) }

// ObservedEnd is OBR-8 observation end.
func (s OBR) ObservedEnd() (Time, error) { return ReadTime(s.Rep(8, 1)) }

// Received is OBR-14 specimen received.
func (s OBR) Received() (Time, error) { return ReadTime(s.Rep(14, 1)) }

// Ordering is OBR-16 ordering providers.
func (s OBR) Ordering() iter.Seq2[int, XCN] { return repeated(s.Segment, 16, ReadXCN) }

// Reported is OBR-22 results reported or their status changed.
func (s OBR) Reported() (Time, error) { return ReadTime(s.Rep(22, 1)) }

// Section is OBR-24 diagnostic service section, table 0074.
func (s OBR) Section() Value { return s.Rep(24, 1) }

// Status is OBR-25 result status, table 0123.
func (s OBR) Status() Value { return s.Rep(25, 1) }

// CopiesTo is OBR-28 who gets copies of the results.
func (s OBR) CopiesTo() iter.Seq2[int, XCN] { return repeated(s.Segment, 28, ReadXCN) }

// Reasons is OBR-31 reason for study.
func (s OBR) Reasons() iter.Seq2[int, CWE] { return repeated(s.Segment, 31, ReadCWE) }

// OBX is a view of an observation (HL7 v2.5.1 ch. 7.4.2).
type OBX struct{ Segment }

// SetID is OBX-1 set id.
func (s OBX) SetID() Value { return s.Rep(1, 1) }

// ValueType is OBX-2 value type, table 0125: it says which reader takes [OBX.Values] apart.
func (s OBX) ValueType() Value { return s.Rep(2, 1) }

// Code is OBX-3 observation identifier.
func (s OBX) Code() CWE { return ReadCWE(s.Rep(3, 1)) }

// SubID is OBX-4 observation sub-id.
func (s OBX) SubID() Value { return s.Rep(4, 1) }

// Values is OBX-5 observation values.
func (s OBX) Values() iter.Seq2[int, Value] { return s.Reps(5) }

// Units is OBX-6 units.
func (s OBX) Units() CWE { return ReadCWE(s.Rep(6, 1)) }

// Range is OBX-7 reference range.
func (s OBX) Range() Value { return s.Rep(7, 1) }

// Flags is OBX-8 abnormal flags, table 0078; a bare code in versions before 2.7.
func (s OBX) Flags() iter.Seq2[int, CWE] { return repeated(s.Segment, 8, ReadCWE) }

// Status is OBX-11 observation result status, table 0085.
func (s OBX) Status() Value { return s.Rep(11, 1) }

// Observed is OBX-14 date and time of the observation.
func (s OBX) Observed() (Time, error) { return ReadTime(s.Rep(14, 1)) }

// Producer is OBX-15 producer's id.
func (s OBX) Producer() CWE { return ReadCWE(s.Rep(15, 1)) }

// Responsible is OBX-16 responsible observers.
func (s OBX) Responsible() iter.Seq2[int, XCN] { return repeated(s.Segment, 16, ReadXCN) }

// Methods is OBX-17 observation methods.
func (s OBX) Methods() iter.Seq2[int, CWE] { return repeated(s.Segment, 17, ReadCWE) }

// Analysed is OBX-19 date and time of the analysis.
func (s OBX) Analysed() (Time, error) { return ReadTime(s.Rep(19, 1)) }

// NTE is a view of notes and comments (HL7 v2.5.1 ch. 2.15.10).
type NTE struct{ Segment }

// SetID is NTE-1 set id.
func (s NTE) SetID() Value { return s.Rep(1, 1) }

// Source is NTE-2 source of the comment, table 0105.
func (s NTE) Source() Value { return s.Rep(2, 1) }

// Comments is NTE-3 comment; [Value.Plain] reads its formatted text.
func (s NTE) Comments() iter.Seq2[int, Value] { return s.Reps(3) }

// Kind is NTE-4 comment type, table 0364.
func (s NTE) Kind() CWE { return ReadCWE(s.Rep(4, 1)) }

// SPM is a view of a specimen (HL7 v2.5.1 ch. 7.4.3).
type SPM struct{ Segment }

// SetID is SPM-1 set id.
func (s SPM) SetID() Value { return s.Rep(1, 1) }

// Placer is SPM-2.1 specimen id given by the placer.
func (s SPM) Placer() EI { return ReadEI(s.Component(2, 1)) }

// Filler is SPM-2.2 specimen id given by the filler.
func (s SPM) Filler() EI { return ReadEI(s.Component(2, 2)) }

// Kind is SPM-4 specimen type, table 0487.
func (s SPM) Kind() CWE { return ReadCWE(s.Rep(4, 1)) }

// CollectionMethod is SPM-7 collection method, table 0488.
func (s SPM) CollectionMethod() CWE { return ReadCWE(s.Rep(7, 1)) }

// Site is SPM-8 source site.
func (s SPM) Site() CWE { return ReadCWE(s.Rep(8, 1)) }

// CollectedFrom is SPM-17.1 beginning of the collection.
func (s SPM) CollectedFrom() (Time, error) { return ReadTime(s.Component(17, 1)) }

// CollectedTo is SPM-17.2 end of the collection.
func (s SPM) CollectedTo() (Time, error) { return ReadTime(s.Component(17, 2)) }

// Received is SPM-18 specimen received.
func (s SPM) Received() (Time, error) { return ReadTime(s.Rep(18, 1)) }

// RejectReasons is SPM-21 reasons for rejecting the specimen, table 0490.
func (s SPM) RejectReasons() iter.Seq2[int, CWE] { return repeated(s.Segment, 21, ReadCWE) }
