package simulate

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/directory"
)

// condition is what a person has, known to nobody but the generator: results,
// diagnoses and drugs follow from it.
type condition uint16

const (
	diabetes condition = 1 << iota
	preDiabetes
	hypertension
	kidneyDisease
	highLipids
	hypothyroid
	anaemia
	undiagnosed // nobody has written the diagnosis down yet
)

// person is somebody who lives in the region, as at the start of the stream.
type person struct {
	sex            string // table 0001
	family, given  string
	middle, suffix string
	birth          time.Time // midnight UTC
	birthDigits    int8      // precision that all senders know: 8, 6 or 4 digits
	origin         int8
	races          []string // CDCREC; nil is not stated
	ethnicity      string
	county         int16
	place          int16
	street         string
	phone          string
	partner        int32 // index of the partner they may marry; -1 none
	has            condition
	clientNumber   string  // of the shared authority; "" for some
	goes           []int32 // organisations where the person is a patient
	lab, imaging   int32   // where a practice's orders for this person go; -1 none
}

// clientNumberStyle is the shared authority's way to write numbers; the others
// have one of the styles 0 to 4. Each is one-to-one, so that two people never
// share an identifier of one authority; those of different authorities collide.
const clientNumberStyle = 100

// number returns the identifier of a person, the second one for duplicates.
func (a *authority) number(r *Region, person int, second bool) string {
	n := 2*person + 1
	if second {
		n++
	}
	n = (n*7919 + a.base) % r.modulus
	switch a.style {
	case 0:
		return "MR" + strconv.Itoa(1000+n)
	case 1:
		return fmt.Sprintf("%09d", n)
	case 2:
		return fmt.Sprintf("%02d-%05d", n%89+10, n/89)
	case 3:
		return strconv.Itoa(5_000_000 + n)
	case clientNumberStyle:
		return fmt.Sprintf("%c%c%05d%c", 'A'+n/100_000/26%26, 'A'+n/100_000%26, n%100_000, 'A'+n%26)
	}
	return fmt.Sprintf("P%07d", n)
}

// makePeople fills the region household by household.
func (r *Region) makePeople(rng *rand.Rand) {
	r.people = make([]person, 0, r.config.Patients+4)
	for len(r.people) < r.config.Patients {
		r.makeHousehold(rng)
	}
	r.people = r.people[:r.config.Patients]
	for i := range r.people {
		p := &r.people[i]
		if int(p.partner) >= len(r.people) {
			p.partner = -1
		}
		if chance(rng, 0.92) {
			p.clientNumber = r.shared.number(r, i, false)
		}
		r.affiliate(rng, p)
	}
}

// makeHousehold adds one to six people at one address.
func (r *Region) makeHousehold(rng *rand.Rand) {
	at := weighted(rng, len(r.counties), func(c int) int { return r.counties[c].weight })
	g := weighted(rng, len(origins), func(i int) int { return origins[i].weight })
	home := person{
		origin: int8(g), county: int16(at), place: int16(rng.IntN(len(r.counties[at].places))),
		street: strconv.Itoa(1+rng.IntN(980)) + " " + pick(rng, streets), family: pick(rng, origins[g].families), partner: -1,
		phone: fmt.Sprintf("%s55501%02d", r.counties[at].area, rng.IntN(100)),
	}
	if chance(rng, 0.12) {
		home.street += " APT " + strconv.Itoa(1+rng.IntN(40))
	}
	head := 20 + rng.IntN(70)
	first := r.addPerson(rng, home, pick(rng, []string{"F", "M"}), head)
	if chance(rng, 0.35) {
		return
	}
	r.addPartner(rng, home, first)
	if head > 62 {
		return
	}
	for n := rng.IntN(4); n > 0; n-- {
		age := max(0, head-20-rng.IntN(22))
		if age > 21 {
			age = rng.IntN(18)
		}
		child := r.addPerson(rng, home, pick(rng, []string{"F", "M"}), age)
		r.nameAfterFather(rng, first, child)
		if chance(rng, 0.04) {
			twin := r.addPerson(rng, home, pick(rng, []string{"F", "M"}), age)
			r.people[twin].birth = r.people[child].birth
		}
	}
}

// addPartner adds a second adult. A quarter bear another name, and of these
// the young may marry during the stream.
func (r *Region) addPartner(rng *rand.Rand, home person, first int) {
	sex := "F"
	if r.people[first].sex == "F" && chance(rng, 0.97) || r.people[first].sex == "M" && chance(rng, 0.03) {
		sex = "M"
	}
	age := int(r.config.Start.Sub(r.people[first].birth).Hours()/8766) + rng.IntN(9) - 4
	other := home
	unmarried := chance(rng, 0.25)
	if unmarried {
		other.origin = int8(weighted(rng, len(origins), func(i int) int { return origins[i].weight }))
		other.family = pick(rng, origins[other.origin].families)
	}
	second := r.addPerson(rng, other, sex, max(19, age))
	if unmarried && age < 50 {
		r.people[first].partner, r.people[second].partner = int32(second), int32(first)
	}
}

// nameAfterFather makes some sons juniors.
func (r *Region) nameAfterFather(rng *rand.Rand, father, child int) {
	f, c := &r.people[father], &r.people[child]
	if f.sex == "M" && c.sex == "M" && f.suffix == "" && chance(rng, 0.08) {
		c.given, c.middle = f.given, f.middle
		f.suffix, c.suffix = senior, junior
	}
}

// addPerson adds somebody of that age in years and returns the index.
func (r *Region) addPerson(rng *rand.Rand, home person, sex string, age int) int {
	p := home
	g := &origins[p.origin]
	p.sex, p.birthDigits = sex, 8
	p.given = pick(rng, g.men)
	if sex == "F" {
		p.given = pick(rng, g.women)
	}
	switch x := rng.Float64(); {
	case x < 0.35:
		p.middle = g.commonMiddle
	case x < 0.6:
		p.middle = string(rune('A' + rng.IntN(26)))
	}
	start := r.config.Start
	born := time.Date(start.Year()-age, start.Month(), start.Day(), 0, 0, 0, 0, time.UTC).AddDate(0, 0, -rng.IntN(365)-1)
	p.birth = born
	switch x := rng.Float64(); {
	case x < 0.004:
		p.birthDigits = 6
	case x < 0.008:
		p.birthDigits = 4
	}
	if chance(rng, 0.006) {
		p.sex = pick(rng, []string{"U", "O"})
	}
	if chance(rng, 0.94) {
		p.races = []string{g.race}
		if chance(rng, 0.04) {
			p.races = append(p.races, pick(rng, []string{raceWhite, raceBlack, raceNative, racePacific}))
		}
	}
	if chance(rng, 0.93) {
		p.ethnicity = g.ethnicity
	}
	p.has = conditionsOf(rng, age)
	r.people = append(r.people, p)
	return len(r.people) - 1
}

func conditionsOf(rng *rand.Rand, age int) (has condition) {
	grown := min(max(float64(age-15)/55, 0), 1) // 0 in childhood, 1 from 70
	add := func(c condition, p float64) {
		if chance(rng, p) {
			has |= c
		}
	}
	add(diabetes, 0.005+0.2*grown)
	add(preDiabetes, 0.3*grown)
	add(hypertension, 0.6*grown)
	add(kidneyDisease, 0.15*grown*grown)
	add(highLipids, 0.45*grown)
	add(hypothyroid, 0.07*grown)
	add(anaemia, 0.08)
	add(undiagnosed, 0.22)
	return has
}

// affiliate decides where a person goes: mostly within the county, 2.1
// registrations on average with the laboratory and imaging that follow.
func (r *Region) affiliate(rng *rand.Rand, p *person) {
	p.lab, p.imaging = -1, -1
	if o := r.near(rng, int(p.county), directory.Practice); o >= 0 && chance(rng, 0.72) {
		p.goes = append(p.goes, int32(o))
		if chance(rng, 0.45) {
			p.lab = int32(r.near(rng, int(p.county), directory.Laboratory))
		}
		if chance(rng, 0.15) {
			p.imaging = int32(r.near(rng, int(p.county), directory.Radiology))
		}
	}
	if chance(rng, 0.5) || len(p.goes) == 0 {
		p.add(r.near(rng, int(p.county), directory.Hospital))
	}
	if chance(rng, 0.12) {
		p.add(r.near(rng, rng.IntN(len(r.counties)), directory.Hospital))
	}
	if chance(rng, 0.15) {
		p.add(r.near(rng, int(p.county), directory.Practice))
	}
	if chance(rng, 0.03) {
		p.add(r.near(rng, int(p.county), directory.Counselling))
	}
	if chance(rng, 0.03) {
		p.add(r.near(rng, int(p.county), directory.CaseManagement))
	}
}

func (p *person) add(org int) {
	for _, o := range p.goes {
		if int(o) == org {
			return
		}
	}
	if org >= 0 {
		p.goes = append(p.goes, int32(org))
	}
}

// near returns an organisation of a type: of the county if it has one, else of
// the region; -1 where there is none at all.
func (r *Region) near(rng *rand.Rand, county int, kind directory.ParticipantType) int {
	here := r.nearby[kind][county]
	if len(here) == 0 {
		return -1
	}
	return pick(rng, here)
}

// indexByType prepares near.
func (r *Region) indexByType() {
	r.nearby = map[directory.ParticipantType][][]int{}
	for kind := range orgKinds {
		var all []int
		table := make([][]int, len(r.counties))
		for _, o := range r.orgs {
			if o.Type == kind {
				all = append(all, o.index)
				table[o.county] = append(table[o.county], o.index)
			}
		}
		for c := range table {
			if len(table[c]) == 0 {
				table[c] = all
			}
		}
		r.nearby[kind] = table
	}
}

// age returns the full years of a person at a time.
func (p *person) age(at time.Time) int {
	years := at.Year() - p.birth.Year()
	if at.YearDay() < p.birth.YearDay() {
		years--
	}
	return years
}

// identifier is the person's first number at an organisation.
func (r *Region) identifier(o *organisation, person int, second bool) lockport.Identifier {
	return lockport.Identifier{Value: o.authority.number(r, person, second), Authority: o.authority.ID, Type: o.authority.kind}
}
