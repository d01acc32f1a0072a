package broker

import (
	"slices"

	"github.com/lockport-hie/lockport/directory"
	"github.com/lockport-hie/lockport/hl7"
)

// class is what a message is for, by its message code (MSH-9.1).
type class uint8

const (
	event class = iota
	query
	reply
)

// The message codes that ask, and those that answer (HL7 v2.5.1 table 0076).
// Everything else is an event.
var (
	queryCodes = []string{"QRY", "QBP", "QSB", "QSX", "QCN", "QVR", "EQQ", "SPQ", "VQQ", "RQQ", "OSQ", "NMQ"}
	replyCodes = []string{
		"ACK", "ADR", "CRM", "DSR", "EDR", "ERP", "MCF", "MFK", "MFR", "NMR", "ORA", "ORB", "ORF", "ORG", "ORI",
		"ORL", "ORN", "ORP", "ORR", "ORS", "OSR", "QCK", "RAR", "RDR", "RER", "RGR", "ROR", "RPI", "RPL",
		"RPR", "RRA", "RRD", "RRE", "RRG", "RRI", "RSP", "RTB", "SQR", "SRR", "TBR", "VXR", "VXX",
	}
)

func classify(code string) class {
	switch {
	case slices.Contains(queryCodes, code):
		return query
	case slices.Contains(replyCodes, code):
		return reply
	}
	return event
}

// versions are the values of MSH-12.1 that Lockport reads.
var versions = []string{"2.1", "2.2", "2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.7.1", "2.8", "2.8.1", "2.8.2", "2.9", "2.9.1"}

// identify finds the application that sends: by its certificate, with which
// MSH-3 and MSH-4 must agree, or on an insecure listener by MSH-3 and MSH-4
// alone, where unknown ones are treated by policy.
func (in *intake) identify(d *directory.Directory) *refusal {
	name, facility := in.header(3, 1), in.header(4, 1)
	if !in.peer.Insecure {
		app, ok := d.ApplicationByFingerprint(in.peer.Fingerprint)
		if !ok {
			return &refusal{at: msh(3), code: 207, reject: true, text: "the client certificate belongs to no application"}
		}
		if claimed, ok := d.ApplicationByHeader(name, facility); !ok || claimed.ID != app.ID {
			return &refusal{at: msh(3), code: 207, reject: true, text: "MSH-3 and MSH-4 are not those of the application that the client certificate belongs to"}
		}
		in.sender, in.known = app, true
		return nil
	}
	app, ok := d.ApplicationByHeader(name, facility)
	switch {
	case ok && app.Fingerprint != "":
		return &refusal{at: msh(3), code: 207, reject: true, text: "this application has a certificate and must use it"}
	case ok:
		in.sender, in.known = app, true
	case in.broker.config.UnknownSources == AcceptUnknown:
		in.sender, _ = directory.Adopt(d, name, facility)
		in.known = true
	case in.broker.config.UnknownSources == QuarantineUnknown:
		// Accepted without a sender: the projector holds it in quarantine.
	default:
		return &refusal{at: msh(3), code: 207, reject: true, text: "MSH-3 and MSH-4 name no registered application"}
	}
	return nil
}

// contract holds the header against what the application may send. MSH-9,
// MSH-11 and MSH-12 reject (HL7 v2.5.1 ch. 2.9.2.2), a missing control id is an
// error in the message.
func (in *intake) contract() (class, *refusal) {
	code := in.header(9, 1)
	kind := classify(code)
	if code == "" {
		return kind, &refusal{at: msh(9), code: 101, reject: true, text: "MSH-9 message type is missing"}
	}
	if !in.message.Header().Field(10).Valued() {
		return kind, &refusal{at: msh(10), code: 101, text: "MSH-10 message control id is missing"}
	}
	if r := in.checkVersion(); r != nil {
		return kind, r
	}
	if !in.takesProcessingID(in.header(11, 1)) {
		return kind, &refusal{at: msh(11), code: 202, reject: true, text: "this processing id is not taken from this application"}
	}
	switch kind {
	case query:
		return kind, nil
	case reply:
		if !in.sender.AcknowledgeAll {
			return kind, &refusal{at: msh(9), code: 200, reject: true, text: "this is a reply, and nothing was asked"}
		}
		return kind, nil
	}
	if r := in.checkEvent(code, in.header(9, 2)); r != nil {
		return kind, r
	}
	return kind, in.checkConsent()
}

// checkConsent refuses a consent segment of a registered application. Accepted,
// a denial in it would be acknowledged and would not count.
func (in *intake) checkConsent() *refusal {
	if in.trusting() || !in.message.First("CON").Exists() {
		return nil
	}
	at := hl7.Location{Segment: "CON", Sequence: 1}
	return &refusal{at: at, code: 207, text: "consent is not taken from HL7 messages; record it with lockport consent record"}
}

func (in *intake) checkVersion() *refusal {
	version := in.header(12, 1)
	if in.trusting() {
		return nil
	}
	allowed := in.sender.Versions
	if len(allowed) == 0 {
		allowed = versions
	}
	if slices.Contains(allowed, version) {
		return nil
	}
	return &refusal{at: msh(12), code: 203, reject: true, text: "this HL7 version is not taken from this application"}
}

func (in *intake) takesProcessingID(id string) bool {
	allowed := in.sender.ProcessingIDs
	if in.trusting() || slices.Contains(allowed, "*") {
		return true
	}
	if len(allowed) == 0 {
		return id == "P"
	}
	return slices.Contains(allowed, id)
}

// checkEvent takes the events of the application's list, or, without one, the
// events that have a known structure. A sender on trial may send any.
func (in *intake) checkEvent(code, trigger string) *refusal {
	if in.trusting() {
		return nil
	}
	if in.known && !has(in.sender.Roles, directory.Source) {
		return &refusal{at: msh(9), code: 200, reject: true, text: "this application may not send events"}
	}
	if len(in.sender.Types) > 0 {
		if slices.Contains(in.sender.Types, code) || slices.Contains(in.sender.Types, code+"^"+trigger) {
			return nil
		}
	} else if hl7.StructureID(code, trigger, "2.5.1") != "" {
		return nil
	}
	at := hl7.Location{Segment: "MSH", Sequence: 1, Field: 9, Repetition: 1, Component: 2}
	if known := knownCode(code); !known {
		at.Component = 1
		return &refusal{at: at, code: 200, reject: true, text: "this message type is not taken from this application"}
	}
	return &refusal{at: at, code: 201, reject: true, text: "this event is not taken from this application"}
}

// knownCode reports whether the message code itself is one that is taken.
func knownCode(code string) bool {
	return slices.Contains([]string{"ADT", "ORU", "MDM", "ORM", "OML", "VXU", "SIU"}, code)
}

// trusting reports whether the sender is on trial, or unknown and on its way to
// quarantine: then the header is not held against a contract nobody wrote.
func (in *intake) trusting() bool { return !in.known || in.sender.Trial }

func has(roles []directory.Role, r directory.Role) bool { return slices.Contains(roles, r) }
