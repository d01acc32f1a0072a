package main

import (
	"time"

	"github.com/lockport-hie/lockport/broker"
	"github.com/lockport-hie/lockport/directory"
	"github.com/lockport-hie/lockport/mllp"
)

// feedBackoff is the pause before attempt n of a delivery, from 1.
func feedBackoff(n int) time.Duration { return mllp.Backoff{}.Delay(n - 1) }

// dialFeed makes the connection to a feed's destination. The server shows the certificate
// of its first listener that has one.
func (s *system) dialFeed(f directory.Feed) (broker.Sender, error) {
	client := &mllp.Client{Address: f.To, Match: broker.IsAnswer}
	if !f.Insecure {
		flags := tlsFlags{ca: s.env.path(f.CA)}
		for _, l := range s.config.Listen {
			if !l.Insecure {
				flags.cert, flags.key = s.env.path(l.TLS.Certificate), s.env.path(l.TLS.Key)
				break
			}
		}
		config, err := flags.client()
		if err != nil {
			return nil, err
		}
		client.TLS = config
	}
	return client, nil
}
