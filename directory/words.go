package directory

import (
	"slices"
	"strings"

	"github.com/lockport-hie/lockport"
)

// maxID bounds ids, because they stand in row keys and in every audit line.
const maxID = 64

var (
	participantTypes = []ParticipantType{Hospital, Laboratory, Radiology, Practice, CaseManagement, Counselling, HealthDepartment}
	roles            = []Role{Source, Provider}
	providerRoles    = []ProviderRole{Practitioner, Staff}
	feedKinds        = []FeedKind{ResultsFeed, DocumentsFeed}
	purposes         = []lockport.Purpose{lockport.Treatment, lockport.EmergencyTreatment, lockport.Operations, lockport.PublicHealth, lockport.PatientRequest}
)

// ParseParticipantType reads a type of participant; the error of kind Invalid
// lists the allowed words.
func ParseParticipantType(s string) (ParticipantType, error) {
	return oneOf("type", s, participantTypes)
}

// ParseRole reads a role of an application; the error of kind Invalid lists the
// allowed words.
func ParseRole(s string) (Role, error) { return oneOf("role", s, roles) }

// ParseProviderRole reads a role of a provider; the error of kind Invalid lists
// the allowed words.
func ParseProviderRole(s string) (ProviderRole, error) { return oneOf("role", s, providerRoles) }

// ParseFeedKind reads a kind of feed; the error of kind Invalid lists the
// allowed words.
func ParseFeedKind(s string) (FeedKind, error) { return oneOf("kind", s, feedKinds) }

// ParsePurpose reads a purpose of use; the error of kind Invalid lists the
// allowed words.
func ParsePurpose(s string) (lockport.Purpose, error) { return oneOf("purpose", s, purposes) }

func oneOf[T ~string](what, s string, words []T) (T, error) {
	if slices.Contains(words, T(s)) {
		return T(s), nil
	}
	list := make([]string, len(words))
	for i, w := range words {
		list[i] = string(w)
	}
	return "", lockport.Errorf(lockport.Invalid, "", "%s %q is not known; use one of %s", what, s, strings.Join(list, ", "))
}

// CheckID accepts the ids of participants, locations, applications and feeds: 1
// to 64 lower-case letters, digits, '-', '.' and '_', beginning with a letter or
// digit. Anything else is of kind Invalid. They are so narrow because they are
// typed, stand in row keys and file names, and must look the same everywhere.
func CheckID(what, id string) error {
	ok := id != "" && len(id) <= maxID && isLowerAlnum(id[0])
	for i := 0; ok && i < len(id); i++ {
		ok = isLowerAlnum(id[i]) || strings.IndexByte("-._", id[i]) >= 0
	}
	if !ok {
		return lockport.Errorf(lockport.Invalid, "", "%s id %q: use 1 to %d lower-case letters, digits, '-', '.' and '_', beginning with a letter or digit", what, id, maxID)
	}
	return nil
}

func isLowerAlnum(c byte) bool { return 'a' <= c && c <= 'z' || isDigit(c) }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// ParseNPI accepts ten digits. The check digit (ISO 7812 over the prefix 80840)
// is not demanded: test systems and provider files carry numbers without a valid
// one, and an NPI is trusted because it was registered, not because it adds up.
func ParseNPI(s string) (lockport.NPI, error) {
	ok := len(s) == 10
	for i := 0; ok && i < len(s); i++ {
		ok = isDigit(s[i])
	}
	if !ok {
		return "", lockport.Errorf(lockport.Invalid, "", "NPI %q is not ten digits", s)
	}
	return lockport.NPI(s), nil
}

// ParseHD reads an assigning authority of the command line: "NS", "NS&OID&ISO"
// or "&OID&ISO". A missing type of the universal id is taken as ISO.
func ParseHD(s string) (lockport.HD, error) {
	parts := strings.Split(s, "&")
	hd := lockport.HD{Namespace: parts[0]}
	if len(parts) > 1 {
		hd.UniversalID = parts[1]
	}
	if len(parts) > 2 {
		hd.UniversalIDType = parts[2]
	} else if hd.UniversalID != "" {
		hd.UniversalIDType = "ISO"
	}
	if len(parts) > 3 || hd.Namespace == "" && hd.UniversalID == "" {
		return lockport.HD{}, lockport.Errorf(lockport.Invalid, "", "an assigning authority is written NS, NS&OID&ISO or &OID&ISO")
	}
	return hd, nil
}

// ParseMSH reads 'APP|FACILITY', the MSH-3.1 and MSH-4.1 of an application. One
// of the two may be empty. What follows a ^ is left out, so that MSH-3 and MSH-4
// can be copied from a message: an application is known by the first components.
func ParseMSH(s string) (msh3, msh4 string, err error) {
	msh3, msh4, found := strings.Cut(s, "|")
	found = found && !strings.Contains(msh4, "|")
	msh3, msh4 = firstComponent(msh3), firstComponent(msh4)
	if !found || msh3 == "" && msh4 == "" {
		return "", "", lockport.Errorf(lockport.Invalid, "", "write MSH-3 and MSH-4 as 'APP|FACILITY'")
	}
	return msh3, msh4, nil
}

// firstComponent returns what stands before the first ^, without blanks around it.
func firstComponent(s string) string {
	s, _, _ = strings.Cut(s, "^")
	return strings.TrimSpace(s)
}
