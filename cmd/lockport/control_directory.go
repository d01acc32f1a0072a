package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/directory"
)

// The paths of the directory's verbs.
const (
	pathDirectoryChange = "/v1/directory/change"
	pathApplicationAdd  = "/v1/application/add"
	pathParticipantList = "/v1/participant/list"
	pathLocationList    = "/v1/location/list"
	pathApplicationList = "/v1/application/list"
	pathProviderList    = "/v1/provider/list"
	pathAuthorityList   = "/v1/authority/list"
)

// changeQuestion asks for changes of the directory, all of them or none.
type changeQuestion struct {
	Changes []directory.Change `json:"changes"`
	Replace bool               `json:"replace"` // what is there already may be changed
}

// changeAnswer says in words what was done.
type changeAnswer struct {
	Done []string `json:"done"`
}

// nothing is a question without content.
type nothing struct{}

// directoryVerbs are the verbs of participant, location, application, provider and authority.
func (s *system) directoryVerbs() []verb {
	return []verb{
		verbOf(pathDirectoryChange, roleOperator, s.changeDirectory),
		verbOf(pathApplicationAdd, roleOperator, s.addApplication),
		listVerb(s, pathParticipantList, (*directory.Directory).Participants),
		listVerb(s, pathLocationList, (*directory.Directory).Locations),
		listVerb(s, pathApplicationList, (*directory.Directory).Applications),
		listVerb(s, pathProviderList, (*directory.Directory).Providers),
		listVerb(s, pathAuthorityList, (*directory.Directory).Authorities),
	}
}

// listVerb lists one kind of thing.
func listVerb[T any](s *system, path string, list func(*directory.Directory) []T) verb {
	return verbOf(path, "", func(ctx context.Context, _ caller, _ nothing) ([]T, error) {
		d, err := s.directory(ctx)
		if err != nil {
			return nil, err
		}
		return append([]T{}, list(d)...), nil
	})
}

// changeDirectory makes changes that the caller spelled out.
func (s *system) changeDirectory(ctx context.Context, who caller, q changeQuestion) (changeAnswer, error) {
	return s.change(ctx, who, q.Replace, func(*directory.Directory) ([]directory.Change, error) { return q.Changes, nil })
}

// change journals changes of the directory. One at a time may do so: what was checked must
// still hold when it is appended, because the projector drops a change that no longer fits.
func (s *system) change(ctx context.Context, who caller, replace bool, decide func(*directory.Directory) ([]directory.Change, error)) (changeAnswer, error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	answer := changeAnswer{Done: []string{}}
	before, err := s.directory(ctx)
	if err != nil {
		return answer, err
	}
	changes, err := decide(before)
	if err != nil {
		return answer, err
	}
	var entries []lockport.Entry
	for _, c := range changes {
		c.Operator = who.User
		s.complete(before, &c)
		same, err := compare(before, c, replace)
		if err != nil {
			return answer, err
		}
		if same {
			_, _, detail := c.AuditLine()
			answer.Done = append(answer.Done, "unchanged: "+detail)
			continue
		}
		entries = append(entries, lockport.Entry{Kind: lockport.EntryDirectory, Time: s.now(), Body: &c})
		_, what, detail := c.AuditLine()
		answer.Done = append(answer.Done, what+": "+detail)
	}
	if len(entries) == 0 {
		return answer, nil
	}
	if _, err := before.Apply(bodies(entries)...); err != nil {
		return answer, err
	}
	if _, err := s.store.Append(ctx, entries); err != nil {
		return answer, err
	}
	s.feeds.Refresh()
	return answer, nil
}

// bodies returns the changes of directory entries.
func bodies(entries []lockport.Entry) []directory.Change {
	changes := make([]directory.Change, len(entries))
	for i, e := range entries {
		changes[i] = *e.Body.(*directory.Change)
	}
	return changes
}

// complete fills in what the caller left to the server: the day on which a participant
// joins and the moment from which a feed begins. What is there keeps its own.
func (s *system) complete(d *directory.Directory, c *directory.Change) {
	if c.Op != directory.Put {
		return
	}
	old, found := current(d, *c)
	if p := c.Participant; p != nil && p.Joined == "" {
		if p.Joined = s.today(); found {
			p.Joined = old.Participant.Joined
		}
	}
	if f := c.Feed; f != nil && f.From.IsZero() {
		if f.From = s.now(); found {
			f.From = old.Feed.From
		}
	}
}

// compare reports whether a change changes nothing, and refuses to overwrite what is there
// unless that is wanted. A value is compared without what only its first registration decides.
func compare(d *directory.Directory, c directory.Change, replace bool) (same bool, err error) {
	if c.Op != directory.Put {
		return false, nil
	}
	old, found := current(d, c)
	if !found {
		return false, nil
	}
	if normal(old) == normal(c) {
		return true, nil
	}
	if !replace {
		_, what, _ := c.AuditLine()
		return false, lockport.Errorf(lockport.Conflict, "", "%s: it exists already with other values: say --replace to change it", strings.TrimSuffix(what, " put"))
	}
	return false, nil
}

// current returns what the directory holds about the thing that a change puts.
func current(d *directory.Directory, c directory.Change) (old directory.Change, found bool) {
	switch {
	case c.Participant != nil:
		v, ok := d.Participant(c.Participant.ID)
		return directory.Change{Participant: &v}, ok
	case c.Location != nil:
		v, ok := d.Location(c.Location.ID)
		return directory.Change{Location: &v}, ok
	case c.Application != nil:
		v, ok := d.Application(c.Application.ID)
		return directory.Change{Application: &v}, ok
	case c.Provider != nil:
		v, ok := d.Provider(c.Provider.NPI)
		return directory.Change{Provider: &v}, ok
	case c.Authority != nil:
		v, ok := d.Authority(c.Authority.ID)
		return directory.Change{Authority: &v}, ok
	case c.Feed != nil:
		v, ok := d.Feed(c.Feed.ID)
		return directory.Change{Feed: &v}, ok
	}
	return directory.Change{}, false
}

// normal returns a change in a form that compares: who did it and empty lists do not count.
func normal(c directory.Change) string {
	c.Op, c.Operator = directory.Put, ""
	var b strings.Builder
	if err := writeJSON(&b, c, ""); err != nil {
		return fmt.Sprintf("%p", &c) // what cannot be written equals nothing
	}
	return b.String()
}
