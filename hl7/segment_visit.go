package hl7

import "iter"

// EVN is a view of the event type segment (HL7 v2.5.1 ch. 3.4.1).
type EVN struct{ Segment }

// Event is EVN-1 event type code, table 0003.
func (s EVN) Event() Value { return s.Rep(1, 1) }

// Recorded is EVN-2 recorded date and time.
func (s EVN) Recorded() (Time, error) { return ReadTime(s.Rep(2, 1)) }

// Planned is EVN-3 date and time of the planned event.
func (s EVN) Planned() (Time, error) { return ReadTime(s.Rep(3, 1)) }

// Reason is EVN-4 event reason code, table 0062.
func (s EVN) Reason() Value { return s.Rep(4, 1) }

// Operators is EVN-5 operators.
func (s EVN) Operators() iter.Seq2[int, XCN] { return repeated(s.Segment, 5, ReadXCN) }

// Occurred is EVN-6 time at which the event occurred.
func (s EVN) Occurred() (Time, error) { return ReadTime(s.Rep(6, 1)) }

// Facility is EVN-7 facility at which the event occurred.
func (s EVN) Facility() HD { return ReadHD(s.Rep(7, 1)) }

// PV1 is a view of the patient visit segment (HL7 v2.5.1 ch. 3.4.3).
type PV1 struct{ Segment }

// SetID is PV1-1 set id.
func (s PV1) SetID() Value { return s.Rep(1, 1) }

// Class is PV1-2 patient class, table 0004.
func (s PV1) Class() Value { return s.Rep(2, 1) }

// Location is PV1-3 assigned patient location.
func (s PV1) Location() PL { return ReadPL(s.Rep(3, 1)) }

// AdmissionType is PV1-4 admission type, table 0007.
func (s PV1) AdmissionType() Value { return s.Rep(4, 1) }

// PriorLocation is PV1-6 prior patient location.
func (s PV1) PriorLocation() PL { return ReadPL(s.Rep(6, 1)) }

// Attending is PV1-7 attending doctors.
func (s PV1) Attending() iter.Seq2[int, XCN] { return repeated(s.Segment, 7, ReadXCN) }

// Referring is PV1-8 referring doctors.
func (s PV1) Referring() iter.Seq2[int, XCN] { return repeated(s.Segment, 8, ReadXCN) }

// Consulting is PV1-9 consulting doctors.
func (s PV1) Consulting() iter.Seq2[int, XCN] { return repeated(s.Segment, 9, ReadXCN) }

// Service is PV1-10 hospital service, table 0069.
func (s PV1) Service() Value { return s.Rep(10, 1) }

// VIP is PV1-16 VIP indicator, table 0099.
func (s PV1) VIP() Value { return s.Rep(16, 1) }

// Admitting is PV1-17 admitting doctors.
func (s PV1) Admitting() iter.Seq2[int, XCN] { return repeated(s.Segment, 17, ReadXCN) }

// Visit is PV1-19 visit number.
func (s PV1) Visit() CX { return ReadCX(s.Rep(19, 1)) }

// Disposition is PV1-36 discharge disposition, table 0112.
func (s PV1) Disposition() Value { return s.Rep(36, 1) }

// Admitted is PV1-44 admission date and time.
func (s PV1) Admitted() (Time, error) { return ReadTime(s.Rep(44, 1)) }

// Discharged is PV1-45 discharge date and time, the first where a sender repeats it.
func (s PV1) Discharged() (Time, error) { return ReadTime(s.Rep(45, 1)) }
