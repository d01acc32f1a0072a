package directory

import (
	"time"

	"github.com/lockport-hie/lockport"
)

// ParticipantType says what a participant is; consent rules ask for it.
type ParticipantType string

// The types of participants.
const (
	Hospital         ParticipantType = "hospital"
	Laboratory       ParticipantType = "laboratory"
	Radiology        ParticipantType = "radiology"
	Practice         ParticipantType = "practice"
	CaseManagement   ParticipantType = "case-management"
	Counselling      ParticipantType = "counselling"
	HealthDepartment ParticipantType = "health-department"
)

// Participant is a legal organisation in the exchange.
type Participant struct {
	ID               lockport.ParticipantID `cbor:"1,keyasint" json:"id"`
	Name             string                 `cbor:"2,keyasint" json:"name"`
	Type             ParticipantType        `cbor:"3,keyasint" json:"type"`
	County           string                 `cbor:"4,keyasint,omitempty" json:"county"` // five-digit FIPS code
	Joined           lockport.Date          `cbor:"5,keyasint" json:"joined"`           // grants signed before it do not cover the participant (10 NYCRR 300.5)
	EmergencyCapable bool                   `cbor:"6,keyasint,omitempty" json:"emergency_capable"`
}

// Location is a connected place of a participant.
type Location struct {
	ID          lockport.LocationID    `cbor:"1,keyasint" json:"id"`
	Participant lockport.ParticipantID `cbor:"2,keyasint" json:"participant"`
	Name        string                 `cbor:"3,keyasint" json:"name"`
	Type        ParticipantType        `cbor:"4,keyasint,omitempty" json:"type,omitempty"`
	County      string                 `cbor:"5,keyasint,omitempty" json:"county,omitempty"` // five-digit FIPS code
	Latitude    float64                `cbor:"6,keyasint,omitempty" json:"latitude,omitempty"`
	Longitude   float64                `cbor:"7,keyasint,omitempty" json:"longitude,omitempty"`
}

// Role says what an application may do.
type Role string

// The roles of applications.
const (
	Source   Role = "source"   // sends events
	Provider Role = "provider" // queries and receives feeds
)

// Application is one sending or receiving system of a participant.
type Application struct {
	ID               lockport.ApplicationID `cbor:"1,keyasint" json:"id"`
	Participant      lockport.ParticipantID `cbor:"2,keyasint" json:"participant"`
	Location         lockport.LocationID    `cbor:"3,keyasint,omitempty" json:"location,omitempty"`
	Name             string                 `cbor:"4,keyasint" json:"msh_3"` // MSH-3.1
	Facility         string                 `cbor:"5,keyasint" json:"msh_4"` // MSH-4.1
	Roles            []Role                 `cbor:"6,keyasint" json:"roles"`
	Fingerprint      string                 `cbor:"7,keyasint,omitempty" json:"fingerprint,omitempty"`     // lower-case hex SHA-256 of the client certificate
	Charset          string                 `cbor:"8,keyasint,omitempty" json:"charset,omitempty"`         // table 0211, used when MSH-18 is empty
	Zone             string                 `cbor:"9,keyasint,omitempty" json:"time_zone,omitempty"`       // IANA name; empty is America/New_York
	ProcessingIDs    []string               `cbor:"10,keyasint,omitempty" json:"processing_ids,omitempty"` // MSH-11.1 taken; "*" any; empty is P
	Versions         []string               `cbor:"11,keyasint,omitempty" json:"versions,omitempty"`       // MSH-12.1 taken; empty is 2.1 to 2.9
	Types            []string               `cbor:"12,keyasint,omitempty" json:"types,omitempty"`          // MSH-9 taken, "ADT^A01" or "ORU"; empty is every supported type
	ReplyTo          string                 `cbor:"13,keyasint,omitempty" json:"reply_to,omitempty"`       // host:port for application ACKs of enhanced mode
	AcknowledgeAll   bool                   `cbor:"14,keyasint,omitempty" json:"acknowledge_always,omitempty"`
	Trial            bool                   `cbor:"15,keyasint,omitempty" json:"trial,omitempty"` // adopted by --unknown-sources; owns authorities local to it, asks for nothing
	MayRecordConsent bool                   `cbor:"16,keyasint,omitempty" json:"may_record_consent,omitempty"`
	RevealProtected  bool                   `cbor:"17,keyasint,omitempty" json:"reveal_protected,omitempty"` // answers PD instead of NF for a participant's denial
	DefaultPurpose   lockport.Purpose       `cbor:"18,keyasint,omitempty" json:"default_purpose,omitempty"`
	DefaultProvider  lockport.NPI           `cbor:"19,keyasint,omitempty" json:"default_provider,omitempty"` // never counts for ETREAT
	Authorities      []lockport.AuthorityID `cbor:"20,keyasint,omitempty" json:"authorities,omitempty"`      // the first is used where CX.4 is empty
}

// ProviderRole says whether a provider may break the glass.
type ProviderRole string

// The roles of providers.
const (
	Practitioner ProviderRole = "practitioner"
	Staff        ProviderRole = "staff"
)

// ProviderEntry is a person who acts for participants.
type ProviderEntry struct {
	NPI          lockport.NPI             `cbor:"1,keyasint" json:"npi"`
	Name         string                   `cbor:"2,keyasint" json:"name"`
	Participants []lockport.ParticipantID `cbor:"3,keyasint" json:"participants"`
	Role         ProviderRole             `cbor:"4,keyasint" json:"role"`
}

// Authority is an assigning authority of patient identifiers (CX.4).
type Authority struct {
	ID          lockport.AuthorityID   `cbor:"1,keyasint" json:"id"` // its namespace, or "MSH-3|MSH-4#namespace" when local to a trial sender
	Namespace   string                 `cbor:"2,keyasint" json:"namespace"`
	OID         string                 `cbor:"3,keyasint,omitempty" json:"oid,omitempty"`
	Owner       lockport.ParticipantID `cbor:"4,keyasint,omitempty" json:"owner,omitempty"`       // only this participant's applications may merge, move or change its identifiers
	Application lockport.ApplicationID `cbor:"5,keyasint,omitempty" json:"application,omitempty"` // set for an authority local to one trial sender
	Shared      bool                   `cbor:"6,keyasint,omitempty" json:"shared,omitempty"`      // links persons and never merges
}

// FeedKind says what a feed carries.
type FeedKind string

// The kinds of feeds.
const (
	ResultsFeed   FeedKind = "results"
	DocumentsFeed FeedKind = "documents"
)

// Feed is a provider application's durable stream.
type Feed struct {
	ID          lockport.FeedID        `cbor:"1,keyasint" json:"id"`
	Application lockport.ApplicationID `cbor:"2,keyasint" json:"application"`
	Kind        FeedKind               `cbor:"3,keyasint" json:"kind"`
	To          string                 `cbor:"4,keyasint" json:"to"`                         // host:port of the provider's MLLP listener
	CA          string                 `cbor:"5,keyasint,omitempty" json:"tls_ca,omitempty"` // file; empty with an insecure destination
	Insecure    bool                   `cbor:"6,keyasint,omitempty" json:"insecure,omitempty"`
	Paused      bool                   `cbor:"7,keyasint,omitempty" json:"paused,omitempty"`
	From        time.Time              `cbor:"8,keyasint" json:"from"` // messages received before it are not queued
}

// ChangeOp says what a Change does.
type ChangeOp string

// The operations of a Change.
const (
	Put    ChangeOp = "put"    // add or replace
	Remove ChangeOp = "remove" // the thing is gone; what it sent stays
)

// Change is the body of lockport.EntryDirectory. Exactly one of the pointers is
// set and carries the whole new value; for Remove its identity is enough.
type Change struct {
	Op          ChangeOp       `cbor:"1,keyasint" json:"op"`
	Participant *Participant   `cbor:"2,keyasint,omitempty" json:"participant,omitempty"`
	Location    *Location      `cbor:"3,keyasint,omitempty" json:"location,omitempty"`
	Application *Application   `cbor:"4,keyasint,omitempty" json:"application,omitempty"`
	Provider    *ProviderEntry `cbor:"5,keyasint,omitempty" json:"provider,omitempty"`
	Authority   *Authority     `cbor:"6,keyasint,omitempty" json:"authority,omitempty"`
	Feed        *Feed          `cbor:"7,keyasint,omitempty" json:"feed,omitempty"`
	Operator    string         `cbor:"8,keyasint,omitempty" json:"operator,omitempty"` // who, "" when adopted from a sender
}
