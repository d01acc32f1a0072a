// Package hl7 reads, checks, builds and acknowledges HL7 version 2 messages, versions 2.1 to 2.9.
//
// # A message is a view
//
// [Parse] finds the delimiters in MSH-1 and MSH-2, the character set in MSH-18 and the beginnings of the segments;
// fields, components and text are looked up only when asked for, and nothing is copied. The message therefore stays
// byte for byte what was received ([Message.Raw]), and the caller must not change those bytes while the message is in
// use. A message is safe for concurrent readers.
//
//	m, err := hl7.Parse(frame)
//	if err != nil { ... }                        // *SyntaxError: names the place, never the content
//	mrn := m.First("PID").Component(3, 1).Text() // PID-3.1 of the first repetition
//	for _, obx := range m.All("OBX") { use(obx.Field(5).Plain()) }
//
// What is known about a sender beside its messages, its character set and its time zone, goes into [Options].
//
// # Places
//
// A message has segments, a segment has fields, a field has repetitions, a repetition has components and a component
// has subcomponents, all counted from 1 as in the standard. [Segment] and [Value] are small values that refer to the
// message; the zero of either means "not there" and every method works on it, so that a chain of calls needs no
// checks between. A smaller value is its own first part: Component(1) of a component is itself.
//
// [Path] names a place as text: PID-3(2).4.1, OBX(3)-5, and with "*" or a range several places ([Message.Values]).
// [ParsePath] compiles it once, [Message.At] reads it, [Message.Get] does both.
//
// [Value.Presence] tells four cases apart (HL7 v2.5.1 ch. 2.5.3): a field behind the end of its segment is [Absent], an
// empty one is [Empty] ("no statement"), "" is [Null] ("delete what you hold") and anything else is [Valued].
//
// # What a value says
//
// [Value.Raw] is what was sent. [Value.Text] undoes the escapes of ch. 2.7 that stand for characters and decodes to
// UTF-8. [Value.Plain] also carries out formatting commands: it is the text of FT and TX for people. The readers
// [ReadCX], [ReadXPN], [ReadXAD], [ReadXTN], [ReadXCN], [ReadEI], [ReadCWE], [ReadHD], [ReadPL], [ReadTime], [ReadNM],
// [ReadSN], [ReadED] and [ReadRP] take composite values apart. A [Time] keeps the precision that was stated and an [NM]
// its digits: a birth date of 1998 is not the first of January, and 4.10 is not 4.1.
//
// The views [MSH], [PID], [PV1], [OBR], [OBX] and those of the other segments give fields names in place of numbers, over
// the same readers: hl7.PID{Segment: m.First("PID")}.Identifiers() yields PID-3.
//
// # Many values
//
// The iterators [Message.Segments], [Message.All], [Message.Values], [Segment.Fields], [Segment.Reps],
// [Value.Repetitions], [Value.Components] and [Value.Subcomponents], and [Segment.Next] go on from where they are: their
// time is linear in the bytes, whatever a sender makes of them. Asking for a part by its number begins at the front
// each time, which is quick for one part and slow for each of a hundred thousand. [Message.PatientGroups] puts patients,
// orders and observations together as the structures ORU_R01 and ORF_R04 mean them.
//
// # Checking
//
// Parsing judges nothing: a message without MSH-9 or MSH-10 parses, and wrong data types are returned as sent. What a
// message should look like is a [Profile], the standard as tables and a site's own [Rules]; [Message.Validate] tells
// where it does not.
//
// # Writing
//
// A [Builder] makes messages in any delimiters and character set, with every component escaped; [Builder.Copy] and
// [SegmentBuilder.SetValue] carry over what another message says, re-encoded where the codes differ. [Message.Set]
// changes one place of a received message. [Message.Acknowledge] answers a message as HL7 v2.5.1 ch. 2.9 demands and
// [RejectUnparsable] answers what is not a message. [Split] takes batches and streams apart, [Join] puts fragments
// together.
//
// # Decisions
//
// Where the standard leaves room, or senders do not keep to it:
//
//	MSH-2                    three to five characters, all different, punctuation; a doubled back-slash (^~\\&) is one
//	no subcomponent in MSH-2 & is text
//	no truncation in MSH-2   \P\ is text
//	segment ends             CR; when MSH is ended by LF alone, every CR and LF, as in files on disk
//	LF in a CR message       content, unless the name of a known or Z segment and the separator follow
//	blank lines              skipped
//	other lines              kept, visible as [Segment.Junk], never found by name
//	around the message       byte order mark, blank lines, VT and FS are tolerated and not part of a segment
//	last segment             needs no CR
//	NUL, control characters  content
//	blanks                   kept
//	lone or stray escape     text, and never eats what follows it
//	unknown, local escapes   kept as sent: \Zxx\, \Q\, odd or wrong \X..\
//	\H\ \N\ \.br\ ...        kept by Text, carried out or dropped by Plain
//	\X..\                    bytes in the character set of the message
//	\C..\ \M..\              only when MSH-18 repeats or names a Japanese set
//	no MSH-18, or ASCII      UTF-8 when the value's bytes are, else windows-1252
//	unknown MSH-18           [Options].Charset, else bytes unchanged
//	UTF-16, UTF-32 in MSH-18 as if nothing were declared, because the header is readable
//	two-byte sets            a delimiter inside a character does not delimit, unless the header itself disproves the set
//	bytes without a meaning  returned unchanged, never dropped
//	separators alone         Empty
//	"" and separators        Null
//	wrong data types         returned as sent
//	FHS-1, BHS-1             separators, as MSH-1
//	control id               MSA-2 has the same bytes
//	MSH alone, not HL7       *SyntaxError; [RejectUnparsable] answers AR with ERR
//
// # Limits
//
// A message has 2 GiB at most, a path counts fields and components to 65,535, and nothing that is computed from a
// message needs more than a small multiple of its bytes.
//
// # What this package does not do
//
// It opens no files and no connections and never logs. Errors, findings and the fmt verbs of all types that carry
// patient data show places and sizes, never content.
package hl7
