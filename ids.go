package lockport

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// Seq is the position of an entry in the journal. The first entry is 1; 0 means
// "no entry". Sequence, never the clock, orders what happened.
type Seq uint64

// ParticipantID names a legal organisation of the exchange, for example "upstate".
type ParticipantID string

// LocationID names a connected place of a participant.
type LocationID string

// ApplicationID names one sending or receiving system.
type ApplicationID string

// FeedID names one stream to a provider application.
type FeedID string

// NPI is a National Provider Identifier: ten digits.
type NPI string

// AuthorityID names an assigning authority (HL7 v2.5.1 CX.4) as the directory
// knows it. Authorities of senders that are only on trial are local to the
// sender and carry its MSH-3 and MSH-4 in their name, so that two senders who
// both write "MRN" never share an identifier.
type AuthorityID string

// RegistrationID names what one assigning authority knows about one patient.
// It is given out in journal order and starts at 1.
type RegistrationID uint64

// Key returns the registration as the eight bytes that stand in row keys.
func (r RegistrationID) Key() []byte { return binary.BigEndian.AppendUint64(nil, uint64(r)) }

// PersonID names a set of linked registrations. It equals the lowest
// registration of the set, so that a rebuild gives the same numbers.
type PersonID uint64

// Key returns the person as the eight bytes that stand in row keys.
func (p PersonID) Key() []byte { return binary.BigEndian.AppendUint64(nil, uint64(p)) }

// Key returns the sequence as eight big-endian bytes, so that keys sort in
// journal order.
func (s Seq) Key() []byte { return binary.BigEndian.AppendUint64(nil, uint64(s)) }

// HD is a hierarchic designator (HL7 v2.5.1 ch. 2A.33): the name of an
// assigning authority or of a facility.
type HD struct {
	Namespace       string `cbor:"1,keyasint,omitempty" json:"namespace,omitempty" yaml:"namespace,omitempty"`
	UniversalID     string `cbor:"2,keyasint,omitempty" json:"universal_id,omitempty" yaml:"universal_id,omitempty"`
	UniversalIDType string `cbor:"3,keyasint,omitempty" json:"universal_id_type,omitempty" yaml:"universal_id_type,omitempty"`
}

// IsZero reports whether nothing is given.
func (h HD) IsZero() bool { return h == HD{} }

// String returns the designator as its three components, "NS&OID&ISO".
func (h HD) String() string {
	if h.UniversalID == "" {
		return h.Namespace
	}
	return h.Namespace + "&" + h.UniversalID + "&" + h.UniversalIDType
}

// Identifier is a patient identifier whose assigning authority has been
// resolved by the directory. It is protected health information.
type Identifier struct {
	Value     string      `cbor:"1,keyasint" json:"value"`
	Authority AuthorityID `cbor:"2,keyasint" json:"authority"`
	Type      string      `cbor:"3,keyasint,omitempty" json:"type,omitempty"` // table 0203, for example MR
}

// Format keeps the value out of everything that prints.
func (i Identifier) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "identifier of %s", i.Authority) }

// Token is the keyed hash that stands in a row key in place of an identifier,
// a name or a visit number. Only the repository can compute one.
type Token [16]byte

// String returns the token in hexadecimal. A token says nothing about what it
// stands for to anyone without the repository's key.
func (t Token) String() string { return hex.EncodeToString(t[:]) }

// Purpose is why a record is asked for: a code of the HL7 v3 ActReason system.
type Purpose string

// The purposes that Lockport knows. Anything else is denied.
const (
	Treatment          Purpose = "TREAT"   // the default when an application states none
	EmergencyTreatment Purpose = "ETREAT"  // break the glass
	Operations         Purpose = "HOPERAT" // quality and care management
	PublicHealth       Purpose = "PUBHLTH" // health departments, reportable codes only
	PatientRequest     Purpose = "PATRQT"  // the patient's own request, through a privacy officer
)

// Peer is who stands at the other end of a connection, as the transport saw it.
type Peer struct {
	Address     string `cbor:"1,keyasint,omitempty"` // remote address, host:port
	Listener    string `cbor:"2,keyasint,omitempty"` // local address the peer connected to
	Fingerprint string `cbor:"3,keyasint,omitempty"` // lower-case hex SHA-256 of the client certificate; empty on an insecure listener
	Insecure    bool   `cbor:"4,keyasint,omitempty"` // the listener was opened with the word insecure
}

// Reply is what goes back to a peer. It stands here because the broker hands it
// out, the query service fills it, and the wiring gives it to the transport.
type Reply struct {
	// Frame is the content to send; nil sends nothing.
	Frame []byte
	// Sent, when set, is called exactly once: when the reply has been written,
	// or with an error when it never can be.
	Sent func(error)
	// Context, when set, ends the right to send: once it is done no further
	// byte of the frame may leave and the connection is closed.
	Context context.Context
	// Close ends the connection after the frame.
	Close bool
}
