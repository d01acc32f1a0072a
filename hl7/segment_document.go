package hl7

import "iter"

// TXA is a view of the transcription document header (HL7 v2.5.1 ch. 9).
type TXA struct{ Segment }

// SetID is TXA-1 set id.
func (s TXA) SetID() Value { return s.Rep(1, 1) }

// Kind is TXA-2 document type, table 0270.
func (s TXA) Kind() Value { return s.Rep(2, 1) }

// Presentation is TXA-3 content presentation, table 0191.
func (s TXA) Presentation() Value { return s.Rep(3, 1) }

// Activity is TXA-4 activity date and time.
func (s TXA) Activity() (Time, error) { return ReadTime(s.Rep(4, 1)) }

// Providers is TXA-5 primary activity providers.
func (s TXA) Providers() iter.Seq2[int, XCN] { return repeated(s.Segment, 5, ReadXCN) }

// Origination is TXA-6 origination date and time.
func (s TXA) Origination() (Time, error) { return ReadTime(s.Rep(6, 1)) }

// Transcription is TXA-7 transcription date and time.
func (s TXA) Transcription() (Time, error) { return ReadTime(s.Rep(7, 1)) }

// Originators is TXA-9 originators.
func (s TXA) Originators() iter.Seq2[int, XCN] { return repeated(s.Segment, 9, ReadXCN) }

// Authenticators is TXA-10 assigned authenticators.
func (s TXA) Authenticators() iter.Seq2[int, XCN] { return repeated(s.Segment, 10, ReadXCN) }

// Transcriptionists is TXA-11 transcriptionists.
func (s TXA) Transcriptionists() iter.Seq2[int, XCN] { return repeated(s.Segment, 11, ReadXCN) }

// Document is TXA-12 unique document number, never used twice.
func (s TXA) Document() EI { return ReadEI(s.Rep(12, 1)) }

// Parent is TXA-13 parent document number, of an addendum or a replacement.
func (s TXA) Parent() EI { return ReadEI(s.Rep(13, 1)) }

// Placers is TXA-14 placer order numbers.
func (s TXA) Placers() iter.Seq2[int, EI] { return repeated(s.Segment, 14, ReadEI) }

// Filler is TXA-15 filler order number.
func (s TXA) Filler() EI { return ReadEI(s.Rep(15, 1)) }

// FileName is TXA-16 unique document file name.
func (s TXA) FileName() Value { return s.Rep(16, 1) }

// Completion is TXA-17 completion status, table 0271.
func (s TXA) Completion() Value { return s.Rep(17, 1) }

// Confidentiality is TXA-18 confidentiality status, table 0272.
func (s TXA) Confidentiality() Value { return s.Rep(18, 1) }

// Availability is TXA-19 availability status, table 0273.
func (s TXA) Availability() Value { return s.Rep(19, 1) }

// Storage is TXA-20 storage status, table 0275.
func (s TXA) Storage() Value { return s.Rep(20, 1) }

// ChangeReason is TXA-21 reason of the document's change.
func (s TXA) ChangeReason() Value { return s.Rep(21, 1) }

// CopiesTo is TXA-23 who gets copies of the document.
func (s TXA) CopiesTo() iter.Seq2[int, XCN] { return repeated(s.Segment, 23, ReadXCN) }

// Folders is TXA-24 folder assignment, of versions after 2.5.1.
func (s TXA) Folders() iter.Seq2[int, CWE] { return repeated(s.Segment, 24, ReadCWE) }

// CON is a view of a consent (HL7 v2.5.1 ch. 9). No field of it names who may see the data.
type CON struct{ Segment }

// SetID is CON-1 set id.
func (s CON) SetID() Value { return s.Rep(1, 1) }

// Kind is CON-2 consent type, table 0496.
func (s CON) Kind() CWE { return ReadCWE(s.Rep(2, 1)) }

// Form is CON-3 consent form id and version.
func (s CON) Form() Value { return s.Rep(3, 1) }

// Number is CON-4 consent form number.
func (s CON) Number() EI { return ReadEI(s.Rep(4, 1)) }

// Texts is CON-5 consent text.
func (s CON) Texts() iter.Seq2[int, Value] { return s.Reps(5) }

// SubjectTexts is CON-6 text specific to the subject.
func (s CON) SubjectTexts() iter.Seq2[int, Value] { return s.Reps(6) }

// Background is CON-7 background.
func (s CON) Background() iter.Seq2[int, Value] { return s.Reps(7) }

// SubjectBackground is CON-8 background specific to the subject.
func (s CON) SubjectBackground() iter.Seq2[int, Value] { return s.Reps(8) }

// Limitations is CON-9 limitations imposed by the consenter.
func (s CON) Limitations() iter.Seq2[int, Value] { return s.Reps(9) }

// Mode is CON-10 consent mode, table 0497.
func (s CON) Mode() CWE { return ReadCWE(s.Rep(10, 1)) }

// Status is CON-11 consent status, table 0498.
func (s CON) Status() CWE { return ReadCWE(s.Rep(11, 1)) }

// Discussed is CON-12 discussion date and time.
func (s CON) Discussed() (Time, error) { return ReadTime(s.Rep(12, 1)) }

// Decided is CON-13 decision date and time, the signing.
func (s CON) Decided() (Time, error) { return ReadTime(s.Rep(13, 1)) }

// Effective is CON-14 effective date and time, where it differs from the decision.
func (s CON) Effective() (Time, error) { return ReadTime(s.Rep(14, 1)) }

// End is CON-15 end date and time; empty is without end.
func (s CON) End() (Time, error) { return ReadTime(s.Rep(15, 1)) }

// Competence is CON-16 subject competence indicator, table 0136.
func (s CON) Competence() Value { return s.Rep(16, 1) }

// Translator is CON-17 translator assistance indicator, table 0136.
func (s CON) Translator() Value { return s.Rep(17, 1) }

// Language is CON-18 language of the translation.
func (s CON) Language() Value { return s.Rep(18, 1) }

// Material is CON-19 informational material supplied, table 0136.
func (s CON) Material() Value { return s.Rep(19, 1) }

// BypassReason is CON-20 bypass reason, table 0499.
func (s CON) BypassReason() CWE { return ReadCWE(s.Rep(20, 1)) }

// Disclosure is CON-21 disclosure level, table 0500.
func (s CON) Disclosure() Value { return s.Rep(21, 1) }

// NonDisclosureReason is CON-22 non-disclosure reason, table 0501.
func (s CON) NonDisclosureReason() CWE { return ReadCWE(s.Rep(22, 1)) }

// NonSubjectReason is CON-23 reason for a consenter who is not the subject, table 0502.
func (s CON) NonSubjectReason() CWE { return ReadCWE(s.Rep(23, 1)) }

// Consenters is CON-24 consenters.
func (s CON) Consenters() iter.Seq2[int, XPN] { return repeated(s.Segment, 24, ReadXPN) }

// Relationships is CON-25 relationships of the consenters to the subject, table 0548.
func (s CON) Relationships() iter.Seq2[int, CWE] { return repeated(s.Segment, 25, ReadCWE) }

// ARV is a view of an access restriction (HL7 v2.8 ch. 3; the segment came with version 2.6).
type ARV struct{ Segment }

// SetID is ARV-1 set id.
func (s ARV) SetID() Value { return s.Rep(1, 1) }

// Action is ARV-2 access restriction action code, table 0206.
func (s ARV) Action() CWE { return ReadCWE(s.Rep(2, 1)) }

// Restriction is ARV-3 access restriction value, table 0717.
func (s ARV) Restriction() CWE { return ReadCWE(s.Rep(3, 1)) }

// Reasons is ARV-4 access restriction reasons, table 0719.
func (s ARV) Reasons() iter.Seq2[int, CWE] { return repeated(s.Segment, 4, ReadCWE) }

// Instructions is ARV-5 special access restriction instructions.
func (s ARV) Instructions() iter.Seq2[int, Value] { return s.Reps(5) }

// From is ARV-6.1 beginning of the restriction.
func (s ARV) From() (Time, error) { return ReadTime(s.Component(6, 1)) }

// To is ARV-6.2 end of the restriction.
func (s ARV) To() (Time, error) { return ReadTime(s.Component(6, 2)) }
