package directory

import (
	"github.com/lockport-hie/lockport"
)

// Directory is a snapshot.
type Directory struct{}

func Load(changes []Change) (*Directory, error)                                     { return &Directory{}, nil }
func (d *Directory) Apply(changes ...Change) (*Directory, error)                    { return d, nil }
func ChangeKey(c Change) []byte                                                     { return nil }
func (c Change) AuditLine() (who, what, detail string)                              { return }
func (d *Directory) Participant(id lockport.ParticipantID) (p Participant, ok bool) { return }
func (d *Directory) Location(id lockport.LocationID) (l Location, ok bool)          { return }
func (d *Directory) Application(id lockport.ApplicationID) (a Application, ok bool) { return }
func (d *Directory) Provider(npi lockport.NPI) (p ProviderEntry, ok bool)           { return }
func (d *Directory) Authority(id lockport.AuthorityID) (a Authority, ok bool)       { return }
func (d *Directory) Feed(id lockport.FeedID) (f Feed, ok bool)                      { return }
func (d *Directory) Participants() []Participant                                    { return nil }
func (d *Directory) Locations() []Location                                          { return nil }
func (d *Directory) Applications() []Application                                    { return nil }
func (d *Directory) Providers() []ProviderEntry                                     { return nil }
func (d *Directory) Authorities() []Authority                                       { return nil }
func (d *Directory) Feeds() []Feed                                                  { return nil }
func (d *Directory) FeedsOf(p lockport.ParticipantID) []Feed                        { return nil }
func (d *Directory) ApplicationByFingerprint(fp string) (a Application, ok bool)    { return }
func (d *Directory) ApplicationByHeader(msh3, msh4 string) (a Application, ok bool) { return }
func (d *Directory) ResolveAuthority(app Application, hd lockport.HD) (a Authority, ok bool) {
	return
}
func (d *Directory) MayChange(app Application, a Authority) bool { return false }
func (d *Directory) ParseIdentifier(cx string) (lockport.Identifier, error) {
	return lockport.Identifier{}, nil
}
func Adopt(d *Directory, msh3, msh4 string) (Application, []Change)                    { return Application{}, nil }
func AdoptAuthority(d *Directory, app Application, hd lockport.HD) (c Change, ok bool) { return }

// County is one county of New York State.
type County struct {
	FIPS string
	Name string
}

func LookupCounty(nameOrFIPS string) (c County, ok bool)           { return }
func Counties() []County                                           { return nil }
func RegionCounties() []County                                     { return nil }
func ParseParticipantType(s string) (t ParticipantType, err error) { return }
func ParseRole(s string) (r Role, err error)                       { return }
func ParseProviderRole(s string) (r ProviderRole, err error)       { return }
func ParseFeedKind(s string) (k FeedKind, err error)               { return }
func ParseNPI(s string) (n lockport.NPI, err error)                { return }
func ParseHD(s string) (hd lockport.HD, err error)                 { return }
func CheckID(what, id string) error                                { return nil }
