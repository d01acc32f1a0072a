package hl7

import "iter"

// QPD is a view of the query parameters (HL7 v2.5.1 ch. 5.5.4). From QPD-3 on the meaning is the query's own: the
// accessors Patient to AttestationText are those of the queries ZR1 and ZD1, other queries are read with [Segment.Rep].
type QPD struct{ Segment }

// Query is QPD-1 message query name.
func (s QPD) Query() CWE { return ReadCWE(s.Rep(1, 1)) }

// Tag is QPD-2 query tag.
func (s QPD) Tag() Value { return s.Rep(2, 1) }

// Patient is QPD-3 patient identifier of the results query.
func (s QPD) Patient() CX { return ReadCX(s.Rep(3, 1)) }

// From is QPD-4 beginning of the window of the results query.
func (s QPD) From() (Time, error) { return ReadTime(s.Rep(4, 1)) }

// To is QPD-5 end of the window of the results query.
func (s QPD) To() (Time, error) { return ReadTime(s.Rep(5, 1)) }

// Services is QPD-6 services of the results query.
func (s QPD) Services() iter.Seq2[int, CWE] { return repeated(s.Segment, 6, ReadCWE) }

// Purpose is QPD-7 purpose of use of the results query.
func (s QPD) Purpose() CWE { return ReadCWE(s.Rep(7, 1)) }

// Clinician is QPD-8 requesting clinician of the results query.
func (s QPD) Clinician() XCN { return ReadXCN(s.Rep(8, 1)) }

// AttestationReason is QPD-9 reason to break the glass in the results query.
func (s QPD) AttestationReason() CWE { return ReadCWE(s.Rep(9, 1)) }

// AttestationText is QPD-10 attestation text of the results query.
func (s QPD) AttestationText() Value { return s.Rep(10, 1) }

// QRD is a view of the original style query definition (HL7 v2.5.1 ch. 5.10.5.3).
type QRD struct{ Segment }

// Asked is QRD-1 query date and time.
func (s QRD) Asked() (Time, error) { return ReadTime(s.Rep(1, 1)) }

// ResponseFormat is QRD-2 query format code, table 0106.
func (s QRD) ResponseFormat() Value { return s.Rep(2, 1) }

// Priority is QRD-3 query priority, table 0091.
func (s QRD) Priority() Value { return s.Rep(3, 1) }

// QueryID is QRD-4 query id.
func (s QRD) QueryID() Value { return s.Rep(4, 1) }

// Limit is QRD-7.1 quantity limited request, the number.
func (s QRD) Limit() NM { return ReadNM(s.Component(7, 1)) }

// LimitUnits is QRD-7.2 quantity limited request, the units, table 0126.
func (s QRD) LimitUnits() Value { return s.Component(7, 2) }

// Who is QRD-8 who subject filter: the patients asked for.
func (s QRD) Who() iter.Seq2[int, XCN] { return repeated(s.Segment, 8, ReadXCN) }

// What is QRD-9 what subject filter, table 0048.
func (s QRD) What() iter.Seq2[int, CWE] { return repeated(s.Segment, 9, ReadCWE) }

// Departments is QRD-10 what department data code.
func (s QRD) Departments() iter.Seq2[int, CWE] { return repeated(s.Segment, 10, ReadCWE) }

// Level is QRD-12 query results level, table 0108.
func (s QRD) Level() Value { return s.Rep(12, 1) }

// QRF is a view of the original style query filter (HL7 v2.5.1 ch. 5.10.5.4).
type QRF struct{ Segment }

// Where is QRF-1 where subject filter.
func (s QRF) Where() iter.Seq2[int, Value] { return s.Reps(1) }

// From is QRF-2 when data start.
func (s QRF) From() (Time, error) { return ReadTime(s.Rep(2, 1)) }

// To is QRF-3 when data end.
func (s QRF) To() (Time, error) { return ReadTime(s.Rep(3, 1)) }

// UserQualifiers is QRF-4 what user qualifier.
func (s QRF) UserQualifiers() iter.Seq2[int, Value] { return s.Reps(4) }

// OtherFilters is QRF-5 other query subject filter.
func (s QRF) OtherFilters() iter.Seq2[int, Value] { return s.Reps(5) }

// WhichTimes is QRF-6 which date and time qualifier, table 0156.
func (s QRF) WhichTimes() iter.Seq2[int, Value] { return s.Reps(6) }

// WhichStatuses is QRF-7 which date and time status qualifier, table 0157.
func (s QRF) WhichStatuses() iter.Seq2[int, Value] { return s.Reps(7) }

// Selections is QRF-8 date and time selection qualifier, table 0158.
func (s QRF) Selections() iter.Seq2[int, Value] { return s.Reps(8) }

// RCP is a view of the response control parameters (HL7 v2.5.1 ch. 5.5.6).
type RCP struct{ Segment }

// Priority is RCP-1 query priority, table 0091.
func (s RCP) Priority() Value { return s.Rep(1, 1) }

// Limit is RCP-2.1 quantity limited request, the number.
func (s RCP) Limit() NM { return ReadNM(s.Component(2, 1)) }

// LimitUnits is RCP-2.2 quantity limited request, the units, table 0126.
func (s RCP) LimitUnits() Value { return s.Component(2, 2) }

// Modality is RCP-3 response modality, table 0394.
func (s RCP) Modality() CWE { return ReadCWE(s.Rep(3, 1)) }

// Execute is RCP-4 execution and delivery time.
func (s RCP) Execute() (Time, error) { return ReadTime(s.Rep(4, 1)) }

// Groups is RCP-7 segment groups to include.
func (s RCP) Groups() iter.Seq2[int, Value] { return s.Reps(7) }

// DSC is a view of the continuation pointer (HL7 v2.5.1 ch. 2.15.4).
type DSC struct{ Segment }

// Pointer is DSC-1 continuation pointer; valued when there is more to ask for.
func (s DSC) Pointer() Value { return s.Rep(1, 1) }

// Style is DSC-2 continuation style, table 0398.
func (s DSC) Style() Value { return s.Rep(2, 1) }

// QAK is a view of the query acknowledgement (HL7 v2.5.1 ch. 5.5.2).
type QAK struct{ Segment }

// Tag is QAK-1 query tag.
func (s QAK) Tag() Value { return s.Rep(1, 1) }

// Status is QAK-2 query response status, table 0208.
func (s QAK) Status() Value { return s.Rep(2, 1) }

// Query is QAK-3 message query name.
func (s QAK) Query() CWE { return ReadCWE(s.Rep(3, 1)) }

// Total is QAK-4 hit count total.
func (s QAK) Total() NM { return ReadNM(s.Rep(4, 1)) }

// Payload is QAK-5 hits in this payload.
func (s QAK) Payload() NM { return ReadNM(s.Rep(5, 1)) }

// Remaining is QAK-6 hits remaining.
func (s QAK) Remaining() NM { return ReadNM(s.Rep(6, 1)) }
