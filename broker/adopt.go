package broker

import (
	"context"
	"strings"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/directory"
	"github.com/lockport-hie/lockport/hl7"
)

// adoptedAtOnce is how many new authorities one message may bring into the
// directory. Further ones count all the same and are registered by a later
// message; without a bound one frame could hold up everybody.
const adoptedAtOnce = 16

// newcomer reports whether the message brings a sender on trial, or one of its
// authorities, that the directory does not have.
func (in *intake) newcomer(d *directory.Directory) bool {
	return in.sender.Trial && len(in.adoptions(d)) > 0
}

// adopt takes the newcomers into the directory with the message itself. One
// adoption at a time, each on the directory that the one before has left: two
// new senders with names that are alike must not get the same id, nor two
// authorities of one namespace.
func (in *intake) adopt(ctx context.Context) lockport.Reply {
	in.broker.adopting.Lock()
	defer in.broker.adopting.Unlock()
	d, err := in.broker.config.Directory(ctx)
	if err != nil {
		return in.fail(err)
	}
	if r := in.identify(d); r != nil {
		return in.refuse(ctx, r)
	}
	if in.sender.Trial { // an operator may have registered it meanwhile
		for _, c := range in.adoptions(d) {
			in.adopted = append(in.adopted, lockport.Entry{Kind: lockport.EntryDirectory, Time: in.now, Body: &c})
		}
	}
	return in.accept(ctx)
}

// adoptions returns the changes that register the sender on trial and its
// assigning authorities, so that operators can name them too. What the
// directory refuses is left out, and its messages go to quarantine.
func (in *intake) adoptions(d *directory.Directory) []directory.Change {
	_, changes := directory.Adopt(d, in.header(3, 1), in.header(4, 1))
	if len(changes) > 0 {
		next, err := d.Apply(changes...)
		if err != nil {
			return nil
		}
		d = next
	}
	for _, hd := range authorities(in.message) {
		change, ok := directory.AdoptAuthority(d, in.sender, hd)
		if !ok {
			continue
		}
		next, err := d.Apply(change)
		if err != nil {
			continue
		}
		d, changes = next, append(changes, change)
		if len(changes) > adoptedAtOnce {
			break
		}
	}
	return changes
}

// authorities returns the assigning authorities of the patient identifiers in
// the message, PID-3 and MRG-1, each once.
func authorities(m *hl7.Message) []lockport.HD {
	var found []lockport.HD
	seen := map[lockport.HD]bool{}
	fields := map[string]int{"PID": 3, "MRG": 1}
	for _, s := range m.Segments() {
		field, named := fields[s.ID()]
		if !named {
			continue
		}
		for _, v := range s.Reps(field) {
			cx := hl7.ReadCX(v)
			hd := lockport.HD(cx.Authority)
			if strings.TrimSpace(cx.ID) != "" && !seen[hd] {
				seen[hd] = true
				found = append(found, hd)
			}
		}
	}
	return found
}
