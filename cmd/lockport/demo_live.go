package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/consent"
	"github.com/lockport-hie/lockport/directory"
	"github.com/lockport-hie/lockport/hl7"
	"github.com/lockport-hie/lockport/internal/simulate"
	"github.com/lockport-hie/lockport/mllp"
)

// counter is a number that several parts add to.
type counter struct{ n atomic.Uint64 }

func (c *counter) add()         { c.n.Add(1) }
func (c *counter) read() uint64 { return c.n.Load() }

// total adds up a map of counts.
func total[K comparable](counts map[K]uint64) uint64 {
	var n uint64
	for _, c := range counts {
		n += c
	}
	return n
}

func hasRole(a directory.Application, r directory.Role) bool { return slices.Contains(a.Roles, r) }

// live plays the region at its own pace until ctx ends: every sender has a
// connection of its own, on which its messages keep their order. It returns when
// what was begun has been answered.
func (d *demonstration) live(ctx context.Context) {
	var parts sync.WaitGroup
	senders := map[lockport.ApplicationID]chan []byte{}
	parts.Go(func() { d.draw(ctx) })
	parts.Go(func() { d.ask(ctx) })
	for e := range d.region.Events() {
		if !until(ctx, e.At) {
			break
		}
		if e.Consent != nil {
			d.sign(ctx, *e.Consent)
			continue
		}
		queue, ok := senders[e.Application]
		if !ok {
			queue = make(chan []byte, 16)
			senders[e.Application] = queue
			parts.Go(func() { d.send(queue) })
		}
		queue <- e.Message
		select {
		case d.persons <- e.Person:
		default: // nobody is asking fast enough to be asked about everyone
		}
	}
	for _, queue := range senders {
		close(queue)
	}
	parts.Wait()
}

// until waits for a time; false means that ctx ended first.
func until(ctx context.Context, at time.Time) bool {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// client dials the demonstration's own server.
func (d *demonstration) client() *mllp.Client {
	return &mllp.Client{Address: d.address(), Match: matches, MaxFrame: maxFrameSent}
}

func (d *demonstration) address() string { return d.listeners[0].socket.Addr().String() }

// send delivers one sender's messages, in order. It goes on after ctx has ended
// until its queue is empty, so that the demonstration stops cleanly.
func (d *demonstration) send(queue <-chan []byte) {
	client := d.client()
	defer client.Close()
	for message := range queue {
		ctx, cancel := context.WithTimeout(context.Background(), drainTime)
		_, err := client.Exchange(ctx, message)
		cancel()
		if err != nil {
			d.failures.add()
		}
	}
}

// sign records a consent as the front desk of a participant does.
func (d *demonstration) sign(ctx context.Context, e simulate.ConsentEvent) {
	_, err := d.gate.Record(ctx, consent.Directive{
		Patient: e.Patient, Participant: e.Participant, Community: e.Community, Value: consent.Value(e.Value),
		Signed: string(e.Signed), Form: e.Form, Signer: e.Signer, Operator: d.operator,
	})
	switch {
	case err == nil:
		d.consents.add()
	case ctx.Err() == nil:
		d.failures.add()
	}
}

// ask puts two questions a second about people of whom something just came in.
func (d *demonstration) ask(ctx context.Context) {
	client := d.client()
	defer client.Close()
	for n := 0; ; n++ {
		if !until(ctx, time.Now().Add(500*time.Millisecond)) {
			return
		}
		select {
		case <-ctx.Done():
			return
		case person := <-d.persons:
			if err := d.question(ctx, client, person, n); err != nil && ctx.Err() == nil {
				d.failures.add()
			}
		}
	}
}

// question asks for the results of one person.
func (d *demonstration) question(ctx context.Context, client *mllp.Client, person, n int) error {
	q, ok := d.region.QueryAbout(person, n)
	if !ok {
		return nil
	}
	dir, err := d.directory(ctx)
	if err != nil {
		return err
	}
	app, _ := dir.Application(q.Application)
	authority, _ := dir.Authority(q.Patient.Authority)
	o := queryOptions{
		as: app.Name + "|" + app.Facility, receiver: ownApplication + "|" + ownFacility,
		patient: fmt.Sprintf("%s^^^%s", q.Patient.Value, authority.Namespace),
		purpose: string(q.Purpose), clinician: string(q.Clinician), limit: 50,
	}
	frame, err := o.build(time.Now(), newControlID())
	if err != nil {
		return err
	}
	_, err = client.Exchange(ctx, frame)
	return err
}

// receiveFeed is the provider's end of the feeds.
func (d *demonstration) receiveFeed(_ context.Context, _ *mllp.Peer, frame []byte) mllp.Reply {
	m, err := hl7.Parse(frame)
	if err != nil {
		return mllp.Reply{Close: true}
	}
	d.received.add()
	return mllp.Reply{Frame: m.Acknowledge(hl7.Ack{Code: hl7.AA, ControlID: newControlID(), Time: time.Now()})}
}
