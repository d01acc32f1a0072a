package lockport

// Table names one table of the record. The numbers are part of the record's
// format and never change; the row type behind each is what Get, Scan and Put
// take a pointer to.
type Table uint8

// The tables of the record. Keys are built by the Key functions of the package
// that owns the row type.
const (
	TableCounters       Table = 1  // key: name → uint64
	TableDirectory      Table = 2  // directory.ChangeKey → directory.Change (the last one about that thing)
	TableDirectives     Table = 3  // token of the identifier, Seq → consent.Directive
	TableIdentifiers    Table = 4  // token of the identifier → patient.Holders
	TableRegistrations  Table = 5  // RegistrationID → patient.Registration
	TablePersons        Table = 6  // PersonID → patient.Person
	TableVisits         Table = 7  // token of the visit → clinical.Visit
	TablePatientVisits  Table = 8  // RegistrationID, time, token of the visit → clinical.VisitSummary
	TableResults        Table = 9  // Seq, number in the message, of its first version → clinical.Result
	TableResultVersions Table = 10 // Seq, number in the message → clinical.Version, of those after a result's first
	TablePatientResults Table = 11 // RegistrationID, time, token of the order → key of its result
	TableOutbox         Table = 12 // feed, 0x00, Seq, number → OutboxRow
	TableFeeds          Table = 13 // feed → FeedState
	TableQuarantine     Table = 14 // Seq → Quarantined
	TableGrants         Table = 15 // RegistrationID, Seq → consent.Grant (emergency access)
	TableDirectiveLog   Table = 16 // Seq → token of the identifier, so that directives can be listed in order
	TableOrders         Table = 17 // token of the order → key of its result

	TableDocuments        Table = 18 // token of the document → clinical.Document
	TablePatientDocuments Table = 19 // RegistrationID, time, token of the document → clinical.DocumentSummary
	TableDocumentVersions Table = 20 // Seq → clinical.DocumentVersion

	TableReceived    Table = 21 // Seq of a message, application → Seq of the entry that says its provider took it
	TableUncorrected Table = 22 // Seq of a correction, feed → Uncorrected

	TableFacts Table = 23 // RegistrationID, token of the visit or zeros, segment → clinical.FactSet
)

// LastTable is the highest number in use.
const LastTable = TableFacts

// RecordRules is the version of the rules that make the record. It grows with
// every change of them that makes another record from the same entries; a record
// that other rules have made is made again from the journal.
const RecordRules = 3

// Snapshot reads the record as it was after one entry. Values are copies.
type Snapshot interface {
	// Get fills into with the row and reports whether there is one.
	Get(t Table, key []byte, into any) (bool, error)
	// Scan calls fn for the rows whose key starts with prefix, in key order,
	// beginning at from (or at the prefix when from is nil), until fn returns
	// false. decode fills a row of the table's type. Results and their versions
	// are read by key only.
	Scan(t Table, prefix, from []byte, fn func(key []byte, decode func(into any) error) (bool, error)) error
	// Token hashes parts under the repository's key. space keeps equal parts of
	// different meaning apart.
	Token(space string, parts ...string) Token
}

// Tx is the projector's access to the record. Reads see earlier writes of the
// same transaction.
type Tx interface {
	Snapshot
	// Put stores a pointer's value as the row.
	Put(t Table, key []byte, row any) error
	// Delete removes the row if there is one.
	Delete(t Table, key []byte) error
}

// Projector applies journal entries to the record, in sequence. It is a pure
// function of the record and the entry: no clock, no randomness, no input else,
// so that replay gives the same record (DESIGN §5).
type Projector interface {
	// Begin is called at the start of each transaction, before Apply.
	Begin(tx Tx) error
	// Apply applies one entry. An error closes the entry as quarantined with
	// the reason "projection failed"; it never stops the projector.
	Apply(tx Tx, e *Entry) error
	// End is called before each commit, after the last Apply.
	End(tx Tx) error
}

// IdentifierToken returns the token under which an identifier stands in row
// keys. Its type takes no part: an identifier is its value and its authority.
func IdentifierToken(s interface {
	Token(space string, parts ...string) Token
}, id Identifier) Token {
	return s.Token("identifier", string(id.Authority), id.Value)
}
