package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/mllp"
)

// benchLoad sends result messages from many senders at once, each of which
// waits for its answer before it sends the next.
type benchLoad struct {
	address     string
	connections int
	patients    int
	lasting     time.Duration
	rate        float64 // messages a second in all, 0 for as fast as answers come
	most        int     // messages in all, 0 for any number

	sent     atomic.Int64
	began    time.Time
	messages *benchMessages
}

// benchResult holds how long every answer took, ascending.
type benchResult struct{ took []time.Duration }

func (r benchResult) percentile(p int) float64 {
	if len(r.took) == 0 {
		return 0
	}
	return float64(r.took[min(len(r.took)*p/100, len(r.took)-1)]) / float64(time.Millisecond)
}

// benchAddress is a loopback address that is free at the moment.
func benchAddress() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "127.0.0.1:2575"
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func (l *benchLoad) run(ctx context.Context) (benchResult, error) {
	took, errs := make([][]time.Duration, l.connections), make([]error, l.connections)
	first := l.sent.Load()
	l.began, l.messages = time.Now(), newBenchMessages()
	var senders sync.WaitGroup
	for i := range l.connections {
		senders.Go(func() { took[i], errs[i] = l.sender(ctx, first) })
	}
	senders.Wait()
	var r benchResult
	for i := range took {
		if errs[i] != nil {
			return r, errs[i]
		}
		r.took = append(r.took, took[i]...)
	}
	slices.Sort(r.took)
	return r, nil
}

func (l *benchLoad) sender(ctx context.Context, first int64) ([]time.Duration, error) {
	c := &mllp.Client{Address: l.address}
	defer func() { _ = c.Close() }()
	var took []time.Duration
	for ctx.Err() == nil && time.Since(l.began) < l.lasting {
		n := l.sent.Add(1)
		if l.most > 0 && n-first > int64(l.most) {
			l.sent.Add(-1)
			break
		}
		due := time.Now()
		if l.rate > 0 {
			due = l.began.Add(time.Duration(float64(n-first) / l.rate * float64(time.Second)))
			time.Sleep(time.Until(due))
		}
		id := fmt.Sprintf("B%09d", n)
		answer, err := c.Exchange(ctx, l.messages.message(id, n, int(n*7919)%l.patients))
		if err != nil {
			return nil, lockport.Errorf(lockport.Unreachable, "", "the server stopped answering: %w", err)
		}
		if !bytes.Contains(answer, []byte("MSA|AA|"+id)) {
			return nil, lockport.Errorf(lockport.Internal, "", "message %s was not acknowledged", id)
		}
		took = append(took, time.Since(due))
	}
	return took, nil
}

// benchMessages makes results of about 1.5 KB. The observations are rendered once,
// so that making a message takes little of what is being measured.
type benchMessages struct{ observations [200][]byte }

func newBenchMessages() *benchMessages {
	m := new(benchMessages)
	for n := range m.observations {
		for i, test := range [...]string{
			"2345-7^Glucose [Mass/volume] in Serum or Plasma^LN||%d|mg/dL|70-99", "3094-0^Urea nitrogen [Mass/volume] in Serum or Plasma^LN||%d|mg/dL|7-20",
			"2160-0^Creatinine [Mass/volume] in Serum or Plasma^LN||%d|mg/dL|0.6-1.2", "2951-2^Sodium [Moles/volume] in Serum or Plasma^LN||%d|mmol/L|136-145",
			"2823-3^Potassium [Moles/volume] in Serum or Plasma^LN||%d|mmol/L|3.5-5.1", "2075-0^Chloride [Moles/volume] in Serum or Plasma^LN||%d|mmol/L|98-107",
			"49765-1^Calcium [Mass/volume] in Blood^LN||%d|mg/dL|8.5-10.2", "33037-3^Anion gap in Serum or Plasma^LN||%d|mmol/L|8-16",
		} {
			m.observations[n] = fmt.Appendf(m.observations[n], "OBX|%d|NM|"+test+"|N|||F|||20260301110000-0500\r", i+1, (n*31+i*17)%200)
		}
	}
	return m
}

// message is the n-th message, about a patient.
func (m *benchMessages) message(id string, n int64, patient int) []byte {
	b := make([]byte, 0, 2048)
	b = fmt.Appendf(b, "MSH|^~\\&|CORELAB|NORTHFIELD|LOCKPORT|HIE|20260301121500-0500||ORU^R01^ORU_R01|%s|P|2.5.1\r", id)
	b = fmt.Appendf(b, "PID|1||%07d^^^NORTHFIELD&2.16.840.1.113883.19.9.1&ISO^MR||Testperson%d^Ada^Q^^^^L||19%02d0%d1%d|F|||%d ELM ST^^ELMWOOD^NY^13%03d^USA^H||^PRN^PH^^1^315^555%04d\r",
		patient, patient%5000, patient%100, 1+patient%9, patient%9, patient%900, patient%1000, patient%10000)
	b = fmt.Appendf(b, "PV1|1|O|LAB^^^NORTHFIELD||||1234567893^HIPPOCRATES^HAROLD^^^^MD|||||||||||%09d^^^NORTHFIELD&2.16.840.1.113883.19.9.1&ISO^VN\r", patient)
	b = fmt.Appendf(b, "ORC|RE|P%d|F%d^CORELAB|||CM||||||1234567893^HIPPOCRATES^HAROLD^^^^MD\r", n, n)
	b = fmt.Appendf(b, "OBR|1|P%d|F%d^CORELAB|24323-8^Comprehensive metabolic 2000 panel - Serum or Plasma^LN|||20260301110000-0500|||||||||1234567893^HIPPOCRATES^HAROLD^^^^MD||||||20260301121400-0500||CH|F\r", n, n)
	return append(b, m.observations[n%int64(len(m.observations))]...)
}
