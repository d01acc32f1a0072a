package hl7

import "iter"

// MSH is a view of the message header (HL7 v2.5.1 ch. 2.15.9).
type MSH struct{ Segment }

// SendingApplication is MSH-3 sending application.
func (s MSH) SendingApplication() HD { return ReadHD(s.Rep(3, 1)) }

// SendingFacility is MSH-4 sending facility.
func (s MSH) SendingFacility() HD { return ReadHD(s.Rep(4, 1)) }

// ReceivingApplication is MSH-5 receiving application.
func (s MSH) ReceivingApplication() HD { return ReadHD(s.Rep(5, 1)) }

// ReceivingFacility is MSH-6 receiving facility.
func (s MSH) ReceivingFacility() HD { return ReadHD(s.Rep(6, 1)) }

// Sent is MSH-7 date and time of the message.
func (s MSH) Sent() (Time, error) { return ReadTime(s.Rep(7, 1)) }

// Security is MSH-8 security.
func (s MSH) Security() Value { return s.Rep(8, 1) }

// MessageCode is MSH-9.1 message code, table 0076.
func (s MSH) MessageCode() Value { return s.Component(9, 1) }

// Trigger is MSH-9.2 trigger event, table 0003.
func (s MSH) Trigger() Value { return s.Component(9, 2) }

// Structure is MSH-9.3 message structure, table 0354.
func (s MSH) Structure() Value { return s.Component(9, 3) }

// ControlID is MSH-10 message control id.
func (s MSH) ControlID() Value { return s.Rep(10, 1) }

// Processing is MSH-11.1 processing id, table 0103.
func (s MSH) Processing() Value { return s.Component(11, 1) }

// Version is MSH-12.1 version id, table 0104.
func (s MSH) Version() Value { return s.Component(12, 1) }

// Sequence is MSH-13 sequence number.
func (s MSH) Sequence() NM { return ReadNM(s.Rep(13, 1)) }

// Continuation is MSH-14 continuation pointer.
func (s MSH) Continuation() Value { return s.Rep(14, 1) }

// AcceptAck is MSH-15 accept acknowledgement type, table 0155.
func (s MSH) AcceptAck() Value { return s.Rep(15, 1) }

// ApplicationAck is MSH-16 application acknowledgement type, table 0155.
func (s MSH) ApplicationAck() Value { return s.Rep(16, 1) }

// Country is MSH-17 country code, table 0399.
func (s MSH) Country() Value { return s.Rep(17, 1) }

// Charsets is MSH-18 character set, table 0211; [Message.Charset] tells which one is in use.
func (s MSH) Charsets() iter.Seq2[int, Value] { return s.Reps(18) }

// Language is MSH-19 principal language of the message.
func (s MSH) Language() CWE { return ReadCWE(s.Rep(19, 1)) }

// Profiles is MSH-21 message profile identifiers.
func (s MSH) Profiles() iter.Seq2[int, EI] { return repeated(s.Segment, 21, ReadEI) }

// MSA is a view of the acknowledgement (HL7 v2.5.1 ch. 2.15.8).
type MSA struct{ Segment }

// Code is MSA-1 acknowledgement code, table 0008; an [AckCode].
func (s MSA) Code() Value { return s.Rep(1, 1) }

// ControlID is MSA-2 control id of the message that is answered.
func (s MSA) ControlID() Value { return s.Rep(2, 1) }

// TextMessage is MSA-3 text message of versions before 2.7.
func (s MSA) TextMessage() Value { return s.Rep(3, 1) }

// Expected is MSA-4 expected sequence number.
func (s MSA) Expected() NM { return ReadNM(s.Rep(4, 1)) }

// Condition is MSA-6 error condition of versions before 2.7, table 0357.
func (s MSA) Condition() CWE { return ReadCWE(s.Rep(6, 1)) }

// ERR is a view of an error (HL7 v2.5.1 ch. 2.15.5). Versions up to 2.4 have ERR-1 only.
type ERR struct{ Segment }

// OldLocations is ERR-1 error code and location of versions up to 2.4.
func (s ERR) OldLocations() iter.Seq2[int, Value] { return s.Reps(1) }

// Locations is ERR-2 error locations.
func (s ERR) Locations() iter.Seq2[int, Value] { return s.Reps(2) }

// Code is ERR-3 HL7 error code, table 0357.
func (s ERR) Code() CWE { return ReadCWE(s.Rep(3, 1)) }

// Severity is ERR-4 severity, table 0516.
func (s ERR) Severity() Value { return s.Rep(4, 1) }

// ApplicationCode is ERR-5 application error code, table 0533.
func (s ERR) ApplicationCode() CWE { return ReadCWE(s.Rep(5, 1)) }

// Parameters is ERR-6 application error parameters.
func (s ERR) Parameters() iter.Seq2[int, Value] { return s.Reps(6) }

// Diagnostic is ERR-7 diagnostic information.
func (s ERR) Diagnostic() Value { return s.Rep(7, 1) }

// UserMessage is ERR-8 user message.
func (s ERR) UserMessage() Value { return s.Rep(8, 1) }
