package broker

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/directory"
)

// Two names that are alike as ids must not become one sender, whoever is first.
func TestSendersWithLikeNamesStayApart(t *testing.T) {
	for range 20 {
		w := newWorld(t, AcceptUnknown)
		names := []string{"LAB", "lab", "Lab", "LaB"}
		var all sync.WaitGroup
		for i, name := range names {
			all.Go(func() {
				frame := header(name, "SITE", "ADT^A28", fmt.Sprint(i), "P", "2.5.1") + "PID|1||N1^^^MRN||DOE^ADA\r"
				w.broker.Receive(context.Background(), plain, []byte(frame))
			})
		}
		all.Wait()
		senders := map[lockport.ApplicationID]string{}
		for _, e := range w.journal.all() {
			m, ok := e.Body.(*lockport.Message)
			if !ok {
				continue
			}
			app, ok := w.directory.Application(m.Application)
			name := strings.Split(string(m.Raw), "|")[2]
			if !ok || app.Name != name || senders[m.Application] != "" {
				t.Fatalf("a message of %s went to the application of %s", name, app.Name)
			}
			senders[m.Application] = name
		}
	}
}

func TestASenderThatWasRemovedIsAdoptedAgain(t *testing.T) {
	w := newWorld(t, AcceptUnknown)
	frame := func(id string) string { return header("NEW", "SITE", "ADT^A28", id, "P", "2.5.1") }
	w.send(plain, frame("1"))
	app, ok := w.directory.ApplicationByHeader("NEW", "SITE")
	if !ok {
		t.Fatal("not adopted")
	}
	w.journal.changed(directory.Change{Op: directory.Remove, Application: &app})
	w.send(plain, frame("2"))
	if _, ok := w.directory.ApplicationByHeader("NEW", "SITE"); !ok {
		t.Error("a sender is known to the broker only: its messages would all be held")
	}
}

func TestOneMessageAdoptsAFewAuthoritiesAtMost(t *testing.T) {
	w := newWorld(t, AcceptUnknown)
	var ids []string
	for i := range 100 {
		ids = append(ids, fmt.Sprintf("1^^^A%d", i))
	}
	w.send(plain, header("NEW", "SITE", "ADT^A28", "1", "P", "2.5.1")+"PID|1||"+strings.Join(ids, "~")+"\r")
	if n := len(w.journal.all()); n > adoptedAtOnce+2 {
		t.Errorf("%d entries of one message", n)
	}
}

// Two universal ids under one namespace are two authorities, in one message too.
func TestANamespaceWithTwoUniversalIDsIsTwoAuthorities(t *testing.T) {
	w := newWorld(t, AcceptUnknown)
	w.send(plain, header("NEW", "SITE", "ADT^A28", "1", "P", "2.5.1")+"PID|1||1^^^MRN&2.999.1&ISO~1^^^MRN&2.999.2&ISO\r")
	n := 0
	for _, a := range w.directory.Authorities() {
		if a.Application != "" {
			n++
		}
	}
	if n != 2 {
		t.Errorf("%d authorities, want 2", n)
	}
}
