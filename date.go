package lockport

import (
	"time"
)

// Date is a calendar day, YYYY-MM-DD. It has no time zone: a form is signed and
// a participant joins on a day.
type Date string

// ParseDate reads YYYY-MM-DD or YYYYMMDD.
func ParseDate(s string) (Date, error) {
	for _, layout := range []string{time.DateOnly, "20060102"} {
		if t, err := time.Parse(layout, s); err == nil {
			return Date(t.Format(time.DateOnly)), nil
		}
	}
	return "", Errorf(Invalid, "date", "not a day of the form YYYY-MM-DD")
}

// DateOf returns the day of t in its own zone.
func DateOf(t time.Time) Date { return Date(t.Format(time.DateOnly)) }
