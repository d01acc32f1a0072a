package directory

import (
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // a zone that was accepted once must load on every machine

	"github.com/lockport-hie/lockport"
)

// checkShape checks what can be said of a value without knowing any other.
func checkShape(c Change) error {
	switch {
	case c.Participant != nil:
		return checkParticipant(*c.Participant)
	case c.Location != nil:
		return checkLocation(*c.Location)
	case c.Application != nil:
		return checkApplication(*c.Application)
	case c.Provider != nil:
		return checkProvider(*c.Provider)
	case c.Authority != nil:
		return checkAuthority(*c.Authority)
	}
	return checkFeed(*c.Feed)
}

func invalid(format string, args ...any) error {
	return lockport.Errorf(lockport.Invalid, "", format, args...)
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func checkParticipant(p Participant) error {
	_, typeErr := ParseParticipantType(string(p.Type))
	if err := firstError(CheckID("participant", string(p.ID)), checkName(p.Name), typeErr, checkCounty(p.County)); err != nil {
		return err
	}
	if _, err := lockport.ParseDate(string(p.Joined)); err != nil || len(p.Joined) != len(time.DateOnly) {
		return invalid("the day it joined must be given as YYYY-MM-DD: grants signed before it do not cover the participant")
	}
	return nil
}

func checkLocation(l Location) error {
	if err := firstError(CheckID("location", string(l.ID)), checkName(l.Name), checkCounty(l.County)); err != nil {
		return err
	}
	if l.Type != "" {
		if _, err := ParseParticipantType(string(l.Type)); err != nil {
			return err
		}
	}
	// Written so that NaN fails too.
	if !(l.Latitude >= -90 && l.Latitude <= 90 && l.Longitude >= -180 && l.Longitude <= 180) {
		return invalid("latitude is -90 to 90 and longitude -180 to 180 degrees")
	}
	return nil
}

func checkApplication(a Application) error {
	if err := CheckID("application", string(a.ID)); err != nil {
		return err
	}
	if !a.Trial && headerOf(a.Name, a.Facility) == (header{}) {
		return invalid("give MSH-3 or MSH-4, by which the application calls itself")
	}
	if strings.ContainsFunc(a.Name+a.Facility, isControl) {
		return invalid("MSH-3 and MSH-4 must not contain control characters")
	}
	if len(a.Roles) == 0 {
		return invalid("give at least one role: %s", words(roles))
	}
	for _, r := range a.Roles {
		if _, err := ParseRole(string(r)); err != nil {
			return err
		}
		if a.Trial && r != Source {
			return invalid("an application on trial is a source only: register it before it may be a %s", r)
		}
	}
	if a.Trial && (a.MayRecordConsent || a.RevealProtected) {
		return invalid("an application on trial may neither record consent nor be shown what is protected")
	}
	return firstError(checkFingerprint(a.Fingerprint), checkZone(a.Zone), checkTarget("reply-to", a.ReplyTo, true), checkDefaults(a))
}

func checkDefaults(a Application) error {
	if a.DefaultPurpose != "" {
		if _, err := ParsePurpose(string(a.DefaultPurpose)); err != nil {
			return err
		}
	}
	if a.DefaultProvider != "" {
		if _, err := ParseNPI(string(a.DefaultProvider)); err != nil {
			return err
		}
	}
	return nil
}

func checkProvider(p ProviderEntry) error {
	_, npiErr := ParseNPI(string(p.NPI))
	_, roleErr := ParseProviderRole(string(p.Role))
	if err := firstError(npiErr, checkName(p.Name), roleErr); err != nil {
		return err
	}
	if len(p.Participants) == 0 {
		return invalid("name at least one participant the provider acts for")
	}
	return nil
}

func checkAuthority(a Authority) error {
	local := a.Application != ""
	switch {
	case a.ID == "" || len(a.ID) > 5*maxID || strings.ContainsFunc(string(a.ID), isControl):
		return invalid("an authority's id is 1 to %d printable characters, normally its namespace", 5*maxID)
	case a.Namespace == "" && a.OID == "":
		return invalid("give a namespace or a universal id")
	case !local && strings.ContainsAny(string(a.ID)+a.Namespace+a.OID, "^~|&#"):
		return invalid("an authority's name must not contain ^ ~ | & or #")
	case local && (a.Shared || !strings.Contains(string(a.ID), "#")):
		return invalid("an authority local to one sender is named 'MSH-3|MSH-4#namespace' and is not shared")
	case a.Shared && a.Owner != "":
		return invalid("an authority is either shared or has an owner; choose one")
	case !a.Shared && a.Owner == "":
		return invalid("name the participant that owns the authority, or make it shared")
	}
	return nil
}

func checkFeed(f Feed) error {
	_, kindErr := ParseFeedKind(string(f.Kind))
	if err := firstError(CheckID("feed", string(f.ID)), kindErr, checkTarget("destination", f.To, false)); err != nil {
		return err
	}
	if f.CA == "" && !f.Insecure {
		return invalid("give the CA that signs the destination's certificate, or say insecure")
	}
	if f.CA != "" && f.Insecure {
		return invalid("a destination has a CA or is insecure; choose one")
	}
	return nil
}

func checkName(name string) error {
	if strings.TrimSpace(name) == "" || strings.ContainsFunc(name, isControl) {
		return invalid("give a name without control characters")
	}
	return nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

func checkCounty(fips string) error {
	if fips == "" {
		return nil
	}
	if c, ok := LookupCounty(fips); !ok || c.FIPS != fips {
		return invalid("county %q is not the five-digit FIPS code of a county of New York", fips)
	}
	return nil
}

func checkFingerprint(fp string) error {
	ok := len(fp) == 64
	for i := 0; ok && i < len(fp); i++ {
		ok = isDigit(fp[i]) || 'a' <= fp[i] && fp[i] <= 'f'
	}
	if fp != "" && !ok {
		return invalid("a fingerprint is the SHA-256 of the certificate as 64 lower-case hexadecimal digits")
	}
	return nil
}

// checkZone refuses "Local", which would mean another thing on every machine.
func checkZone(name string) error {
	if name == "" {
		return nil
	}
	if _, err := time.LoadLocation(name); err != nil || name == "Local" {
		return invalid("time zone %q is not known; use an IANA name such as America/New_York", name)
	}
	return nil
}

// checkTarget accepts host:port. It is read by hand because nothing here may
// know the network.
func checkTarget(what, target string, optional bool) error {
	if target == "" && optional {
		return nil
	}
	i := strings.LastIndexByte(target, ':')
	if i > 0 && !strings.ContainsAny(target, " \t\r\n/") {
		host := target[:i]
		bare := !strings.Contains(host, ":") || strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]")
		if port, err := strconv.ParseUint(target[i+1:], 10, 16); err == nil && port > 0 && bare {
			return nil
		}
	}
	return invalid("%s %q is not host:port", what, target)
}
