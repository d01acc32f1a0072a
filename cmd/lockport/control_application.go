package main

import (
	"context"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/directory"
)

// applicationQuestion asks to register an application. Its authorities are given as
// designators, because what they mean depends on the directory.
type applicationQuestion struct {
	Application directory.Application `json:"application"`
	Authorities []string              `json:"authorities"`
	Replace     bool                  `json:"replace"`
}

// addApplication registers an application, and those of its authorities that are new.
func (s *system) addApplication(ctx context.Context, who caller, q applicationQuestion) (changeAnswer, error) {
	return s.change(ctx, who, q.Replace, func(d *directory.Directory) ([]directory.Change, error) {
		app := q.Application
		app.Authorities = nil
		var changes []directory.Change
		for _, text := range q.Authorities {
			hd, err := directory.ParseHD(text)
			if err != nil {
				return nil, err
			}
			a, known := ownAuthority(d, app, hd)
			if !known {
				changes = append(changes, directory.Change{Op: directory.Put, Authority: &a})
			}
			app.Authorities = append(app.Authorities, a.ID)
		}
		return append(changes, directory.Change{Op: directory.Put, Application: &app}), nil
	})
}

// ownAuthority finds the authority that an application's registration means, or makes up
// the one to register. Another organisation's authority of the same namespace is not taken
// for it unless the universal ids are equal: a namespace such as MRN is used by many.
func ownAuthority(d *directory.Directory, app directory.Application, hd lockport.HD) (a directory.Authority, known bool) {
	a, known = d.ResolveAuthority(app, hd)
	if known && (a.Owner == app.Participant || a.Shared || hd.UniversalID != "" && a.OID == hd.UniversalID) {
		return a, true
	}
	name := hd.Namespace
	if name == "" {
		name = hd.UniversalID
	}
	a = directory.Authority{ID: lockport.AuthorityID(name), Namespace: hd.Namespace, OID: hd.UniversalID, Owner: app.Participant}
	if _, taken := d.Authority(a.ID); taken {
		a.ID = lockport.AuthorityID(name + "." + string(app.Participant))
	}
	return a, false
}
