package consent

import "time"

// The ages that count (SHIN-NY policies: a parent's consent is good from birth
// to 18, a minor may give a one-visit consent from 10).
const (
	adultAge    = 18
	overrideAge = 10
)

// overrideTime is how long a one-visit consent of a minor holds at most.
const overrideTime = 24 * time.Hour

// dayOf returns the calendar day of an instant as midnight UTC, so that days
// compare like instants whatever the zone is.
func dayOf(t time.Time, zone *time.Location) time.Time {
	y, m, d := t.In(zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// lastBirthDay returns the latest day on which someone with this date of birth
// (PID-7, YYYY[MM[DD...]]) can have been born. A patient is held to be a minor
// for as long as that is possible.
func lastBirthDay(birth string) (time.Time, bool) {
	layout, days := "20060102", 0
	switch {
	case len(birth) >= 8:
		birth = birth[:8]
	case len(birth) == 6:
		layout, days = "200601", 1
	case len(birth) == 4:
		layout, days = "2006", 2
	}
	t, err := time.Parse(layout, birth)
	if err != nil || t.Year() < 1800 {
		return time.Time{}, false
	}
	switch days {
	case 1:
		t = t.AddDate(0, 1, -1)
	case 2:
		t = t.AddDate(1, 0, -1)
	}
	return t, true
}

// reached reports whether the patient has certainly reached an age on a day.
// With an unknown date of birth nobody has.
func reached(age int, birth string, day time.Time) bool {
	born, ok := lastBirthDay(birth)
	return ok && !day.Before(born.AddDate(age, 0, 0))
}
