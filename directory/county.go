package directory

import (
	"slices"
	"strings"
)

// County is one county of New York State.
type County struct {
	FIPS string `json:"fips"` // five digits, 36 is New York (FIPS 6-4)
	Name string `json:"name"` // without the word County
}

// counties are all 62 of New York State by FIPS code. The codes ascend with the
// names except where the Census sorts "St." before "Saratoga".
var counties = [...]County{
	{"36001", "Albany"}, {"36003", "Allegany"}, {"36005", "Bronx"}, {"36007", "Broome"},
	{"36009", "Cattaraugus"}, {"36011", "Cayuga"}, {"36013", "Chautauqua"}, {"36015", "Chemung"},
	{"36017", "Chenango"}, {"36019", "Clinton"}, {"36021", "Columbia"}, {"36023", "Cortland"},
	{"36025", "Delaware"}, {"36027", "Dutchess"}, {"36029", "Erie"}, {"36031", "Essex"},
	{"36033", "Franklin"}, {"36035", "Fulton"}, {"36037", "Genesee"}, {"36039", "Greene"},
	{"36041", "Hamilton"}, {"36043", "Herkimer"}, {"36045", "Jefferson"}, {"36047", "Kings"},
	{"36049", "Lewis"}, {"36051", "Livingston"}, {"36053", "Madison"}, {"36055", "Monroe"},
	{"36057", "Montgomery"}, {"36059", "Nassau"}, {"36061", "New York"}, {"36063", "Niagara"},
	{"36065", "Oneida"}, {"36067", "Onondaga"}, {"36069", "Ontario"}, {"36071", "Orange"},
	{"36073", "Orleans"}, {"36075", "Oswego"}, {"36077", "Otsego"}, {"36079", "Putnam"},
	{"36081", "Queens"}, {"36083", "Rensselaer"}, {"36085", "Richmond"}, {"36087", "Rockland"},
	{"36089", "St. Lawrence"}, {"36091", "Saratoga"}, {"36093", "Schenectady"}, {"36095", "Schoharie"},
	{"36097", "Schuyler"}, {"36099", "Seneca"}, {"36101", "Steuben"}, {"36103", "Suffolk"},
	{"36105", "Sullivan"}, {"36107", "Tioga"}, {"36109", "Tompkins"}, {"36111", "Ulster"},
	{"36113", "Warren"}, {"36115", "Washington"}, {"36117", "Wayne"}, {"36119", "Westchester"},
	{"36121", "Wyoming"}, {"36123", "Yates"},
}

// illustrative are the FIPS codes behind IllustrativeRegion.
var illustrative = [...]string{
	"36007", "36011", "36015", "36017", "36023", "36025", "36027", "36043", "36045",
	"36049", "36053", "36065", "36067", "36071", "36075", "36077", "36079", "36087",
	"36089", "36097", "36101", "36105", "36107", "36109", "36111", "36119",
}

// boroughs are the names people use for the counties of New York City.
var boroughs = map[string]string{"manhattan": "36061", "brooklyn": "36047", "staten island": "36085"}

// Counties returns the 62 counties of New York State by FIPS code.
func Counties() []County { return slices.Clone(counties[:]) }

// IllustrativeRegion returns 26 counties of Central, Northern and Southern New
// York by FIPS code. No authority published the list: it is an illustration of
// a region and a default for configuration, not a statement about anyone's.
func IllustrativeRegion() []County {
	region := make([]County, 0, len(illustrative))
	for _, c := range counties {
		if slices.Contains(illustrative[:], c.FIPS) {
			region = append(region, c)
		}
	}
	return region
}

// LookupCounty finds a county of New York State by its five-digit FIPS code or
// its name, in any case, with or without the word County.
func LookupCounty(nameOrFIPS string) (County, bool) {
	want := plainCounty(nameOrFIPS)
	if fips, ok := boroughs[want]; ok {
		want = fips
	}
	for _, c := range counties {
		if want == c.FIPS || want == plainCounty(c.Name) {
			return c, true
		}
	}
	return County{}, false
}

func plainCounty(s string) string {
	s = strings.Join(strings.Fields(strings.ToLower(s)), " ")
	s = strings.TrimSuffix(s, " county")
	for _, saint := range []string{"saint ", "st "} {
		if rest, ok := strings.CutPrefix(s, saint); ok {
			return "st. " + rest
		}
	}
	return s
}
