// Package hl7 reads, builds and acknowledges HL7 version 2 messages.
//
// A [Message] is a view over the received bytes. [Parse] finds the delimiters in MSH-1 and MSH-2, the character set
// in MSH-18 and the beginnings of the segments; fields, components and text are looked up only when asked for, and
// nothing is copied. The message therefore stays byte for byte what was received ([Message.Raw]), and the caller must
// not change those bytes while the message is in use. A message is safe for concurrent readers.
//
//	m, err := hl7.Parse(frame)
//	if err != nil { ... }                        // *SyntaxError: names the place, never the content
//	mrn := m.First("PID").Component(3, 1).Text() // PID-3.1 of the first repetition
//	for _, obx := range m.All("OBX") { use(obx.Field(5).Plain()) }
//
// # Reading
//
// A message has segments, a segment has fields, a field has repetitions, a repetition has components and a component
// has subcomponents, all counted from 1 as in the standard. [Segment] and [Value] are small values that refer to the
// message; the zero of either means "not there" and every method works on it. [Path] names a place as text:
// PID-3(2).4.1, OBX(3)-5, and with "*" or a range, several places ([Message.Values]).
//
// [Value.Presence] tells four cases apart (HL7 v2.5.1 ch. 2.5.3): a field behind the end of its segment is Absent, an
// empty one is Empty ("no statement"), "" is Null ("delete what you hold") and anything else is Valued.
//
// [Value.Text] undoes the escapes of ch. 2.7 that stand for characters and decodes to UTF-8; formatting commands and
// unknown escapes stay as they were sent, bytes that the character set cannot explain are returned unchanged.
// [Value.Plain] also carries out the formatting commands. [Value.Raw] is what was sent.
//
// # Line ends
//
// CR ends a segment. When MSH is ended by LF alone, every CR and LF ends a segment, as in files on disk. When MSH is
// ended by CR, an LF belongs to the field it stands in, unless the name of a segment that the standard defines (or a
// Z name) and the field separator follow: those are messages whose segments were joined by hand with mixed line ends.
// Blank lines are skipped. A line that does not begin with a segment name is kept and can be seen ([Segment.Junk]).
// A leading byte order mark, blank lines and MLLP framing around a message are tolerated.
//
// # Writing
//
// A [Builder] makes messages in any delimiters and character set, with every component escaped; [Message.Set] changes
// one place of a received message. [Message.Acknowledge] answers a message as HL7 v2.5.1 ch. 2.9 demands and
// [RejectUnparsable] answers what is not a message. [Split] takes batches and streams apart, [Join] puts fragments
// together.
//
// # What this package does not do
//
// It does not judge: a message without MSH-9 or MSH-10 parses, and wrong data types are returned as sent; contracts
// belong to the caller. It opens no files and no connections and never logs. Errors and the fmt verbs of all types
// that carry patient data show places and sizes, never content.
package hl7
