package hl7

import (
	"testing"
	"time"
	_ "time/tzdata"
)

func TestParseTime(t *testing.T) {
	tests := []struct {
		text      string
		precision Precision
		offset    bool
		instant   string // in New York when there is no offset
	}{
		{"1998", Year, false, "1998-01-01T00:00:00-05:00"},
		{"199807", Month, false, "1998-07-01T00:00:00-04:00"},
		{"19980704", Day, false, "1998-07-04T00:00:00-04:00"},
		{"1998070412", Hour, false, "1998-07-04T12:00:00-04:00"},
		{"199807041230", Minute, false, "1998-07-04T12:30:00-04:00"},
		{"19980704123045", Second, false, "1998-07-04T12:30:45-04:00"},
		{"19980704123045.25", Fraction, false, "1998-07-04T12:30:45.25-04:00"},
		{"19980704123045.123456789", Fraction, false, "1998-07-04T12:30:45.123456789-04:00"},
		{"19980704123045+0100", Second, true, "1998-07-04T12:30:45+01:00"},
		{"19980704123045.5-0330", Fraction, true, "1998-07-04T12:30:45.5-03:30"},
		{"1998-0500", Year, true, "1998-01-01T00:00:00-05:00"},
		{"20240229", Day, false, "2024-02-29T00:00:00-05:00"},
	}
	york := load(t, "America/New_York")
	for _, test := range tests {
		v, err := ParseTime(test.text)
		if err != nil || v.Precision() != test.precision || v.HasOffset() != test.offset || v.HL7() != test.text {
			t.Errorf("%s: precision %v, offset %v, text %s, error %v", test.text, v.Precision(), v.HasOffset(), v.HL7(), err)
		}
		got, r := v.In(york)
		if s := got.Format(time.RFC3339Nano); s != test.instant || r != Exact {
			t.Errorf("%s: got %s %v, want %s", test.text, s, r, test.instant)
		}
	}
	bad := []string{"x", "199", "19981", "199813", "19980732", "1998063a", "20230229", "1998070424", "199807041260", "19980704123060",
		"19980704123045.", "199807041230.5", "19980704123045.1234567890", "1998+", "1998+05", "1998+1500", "1998+0060", "0000",
		"00000000", "1998-07-04", " 1998", "19980704123045Z", "199807041230451"}
	for _, s := range bad {
		if v, err := ParseTime(s); err == nil || !v.IsZero() {
			t.Errorf("%q: no error", s)
		}
	}
	if v, err := ParseTime(""); err != nil || !v.IsZero() || v.HL7() != "" {
		t.Error("an empty text is an absent time")
	}
}

func load(t *testing.T, name string) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// TestLocalTimes checks the hours that daylight saving doubles and swallows, at day and half-hour changes too.
func TestLocalTimes(t *testing.T) {
	tests := []struct {
		zone, text, want, latest string
		resolution               Resolution
	}{
		{"America/New_York", "202503090130", "2025-03-09T01:30:00-05:00", "2025-03-09T01:30:59.999999999-05:00", Exact},
		{"America/New_York", "202503090230", "2025-03-09T03:30:00-04:00", "2025-03-09T03:30:59.999999999-04:00", Nonexistent},
		{"America/New_York", "202503090330", "2025-03-09T03:30:00-04:00", "2025-03-09T03:30:59.999999999-04:00", Exact},
		{"America/New_York", "202511020130", "2025-11-02T01:30:00-04:00", "2025-11-02T01:30:59.999999999-05:00", Ambiguous},
		{"America/New_York", "202511020130-0500", "2025-11-02T01:30:00-05:00", "2025-11-02T01:30:59.999999999-05:00", Exact},
		{"America/New_York", "202511020030", "2025-11-02T00:30:00-04:00", "2025-11-02T00:30:59.999999999-04:00", Exact},
		{"America/New_York", "20251102", "2025-11-02T00:00:00-04:00", "2025-11-02T23:59:59.999999999-05:00", Exact},
		{"America/New_York", "2025", "2025-01-01T00:00:00-05:00", "2025-12-31T23:59:59.999999999-05:00", Exact},
		{"America/New_York", "202502", "2025-02-01T00:00:00-05:00", "2025-02-28T23:59:59.999999999-05:00", Exact},
		{"America/New_York", "2025030112", "2025-03-01T12:00:00-05:00", "2025-03-01T12:59:59.999999999-05:00", Exact},
		{"UTC", "20250301121314.12", "2025-03-01T12:13:14.12Z", "2025-03-01T12:13:14.129999999Z", Exact},
		{"Australia/Lord_Howe", "202504060145", "2025-04-06T01:45:00+11:00", "2025-04-06T01:45:59.999999999+10:30", Ambiguous},
		{"America/Sao_Paulo", "20181104", "2018-11-04T01:00:00-02:00", "2018-11-04T23:59:59.999999999-02:00", Nonexistent},
	}
	for _, test := range tests {
		zone := load(t, test.zone)
		v, err := ParseTime(test.text)
		if err != nil {
			t.Fatal(err)
		}
		got, r := v.In(zone)
		if s := got.Format(time.RFC3339Nano); s != test.want || r != test.resolution {
			t.Errorf("%s %s: got %s %v, want %s %v", test.zone, test.text, s, r, test.want, test.resolution)
		}
		if s := v.Latest(zone).Format(time.RFC3339Nano); s != test.latest {
			t.Errorf("%s %s: latest %s, want %s", test.zone, test.text, s, test.latest)
		}
	}
}

func TestReadTime(t *testing.T) {
	tests := []struct{ raw, want string }{
		{"19700412", "19700412"}, {"19700412^D", "19700412"}, {"19700101000000^Y", "1970"}, {"197004121200^L", "197004"},
		{" 19700412 ", "19700412"}, {`""`, ""}, {"", ""}, {"^D", ""}, {"19700412~1971", "19700412"},
	}
	for _, test := range tests {
		v, err := ReadTime(mustParse(t, head+"PID|||||||"+test.raw+"\r").First("PID").Field(7))
		if err != nil || v.HL7() != test.want {
			t.Errorf("%q: got %s and error %v, want %s", test.raw, v.HL7(), err, test.want)
		}
	}
	a, _ := ParseTime("1970")
	b, _ := ReadTime(mustParse(t, head+"PID|||||||19700412^Y\r").First("PID").Field(7))
	if a != b {
		t.Error("equal times of equal precision differ")
	}
}

func TestFormatTime(t *testing.T) {
	at := time.Date(2025, 3, 1, 12, 13, 14, 123456789, time.FixedZone("", -5*3600))
	want := map[Precision]string{Year: "2025", Month: "202503", Day: "20250301", Hour: "2025030112-0500",
		Minute: "202503011213-0500", Second: "20250301121314-0500", Fraction: "20250301121314.1234-0500"}
	for p, s := range want {
		if got := FormatTime(at, p); got != s {
			t.Errorf("%v: got %s, want %s", p, got, s)
		}
		if v, err := ParseTime(s); err != nil || v.Precision() != p {
			t.Errorf("%v: %s is not read back", p, s)
		}
	}
	if FormatTime(time.Time{}, Second) != "" {
		t.Error("the zero time has a text")
	}
}
