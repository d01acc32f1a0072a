// Package mllp carries messages over TCP and TLS in the frames of HL7's
// Minimal Lower Layer Protocol. It is a reader, a writer, a server and a
// client; it knows bytes between a start and an end block and nothing of what
// they mean.
//
// # The frame
//
// A frame is
//
//	VT content FS CR      (0x0B … 0x1C 0x0D)
//
// and the standard (Transport Specification: MLLP, Release 1) forbids VT and FS
// in the content. Real senders bend every one of these rules, so [Reader] is
// liberal where no byte of a message can be lost by it and strict elsewhere:
//
//   - Whatever stands between two frames (CR, LF, NUL, text) is skipped.
//   - VT inside a frame means that the sender gave the frame up and starts
//     again: the unfinished content is dropped, the new frame begins.
//   - FS ends a frame when CR, LF or VT follows, when the input ends, or when
//     the sender falls silent after it (see [TrailerGrace]). FS followed by
//     anything else is content: to end the frame there would cut a message in
//     two and acknowledge the first half.
//   - A frame above the limit is reported once, as soon as the limit is passed,
//     and its rest is thrown away, so that the connection stays usable.
//   - A frame that does not end is never delivered.
//
// Reading costs time linear in the bytes received, whatever they are and
// however they are cut into packets: scanning resumes where it stopped. Memory
// is bounded by the frame limit and falls back to 4 KiB between frames.
//
// # The server
//
// [Server] reads one frame, asks its [Handler], writes the reply, and only then
// turns to the next frame of that connection: answers leave in the order of the
// questions, however many were pipelined. Connections do not wait for each other.
//
// Two clocks run on the reading side. Idle bounds the silence before a frame;
// Receive is an absolute deadline from the first byte of a frame to its last
// one. A deadline that is renewed by each byte would let a dripping sender hold a
// connection for ever. Write bounds the time in which a reply must be taken by
// the peer, Handshake the time of the TLS handshake.
//
// [Server.Shutdown] lets every frame that has begun be answered and closes
// the rest at once.
//
// # The client
//
// [Client] keeps one connection and has at most one message under way on it.
// After any error the connection is closed, because an acknowledgement that comes
// too late would otherwise be taken for that of the next message, which
// is then lost. [SendError] tells a message that certainly did not arrive from one
// of which nobody can know.
//
// # Release 2
//
// With Release2 set, each frame is answered by a commit block (VT ACK FS CR or
// VT NAK FS CR, Transport Specification: MLLP, Release 2) before any reply.
//
// # Invariants
//
//   - Nothing that was received or is to be sent appears in an error, a panic
//     or an observation.
//   - Reply.Sent is called exactly once for every reply that a handler returned.
//   - A reply whose context is done before it has been written is not written, or is
//     cut with its connection; Sent tells so.
//   - No goroutine outlives Shutdown and Close, but for a handler that does not heed
//     its context.
//
// The package must not learn HL7: what an acknowledgement is and to which message it
// belongs is decided by the functions that the caller hands in.
package mllp
