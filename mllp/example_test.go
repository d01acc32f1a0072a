package mllp_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/lockport-hie/lockport/mllp"
)

// Frames are found whatever stands between them.
func ExampleReader() {
	input := "hello\r\n\x0bfirst\x1c\r\n\n\x0bgiven up\x0bsecond\x1c\r"
	r := mllp.NewReader(strings.NewReader(input), 1<<20)
	for {
		frame, err := r.ReadFrame()
		if err == io.EOF {
			return
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s\n", frame)
	}
	// Output:
	// first
	// second
}

func ExampleWriteFrame() {
	var out bytes.Buffer
	if err := mllp.WriteFrame(&out, []byte("MSH|^~\\&")); err != nil {
		fmt.Println(err)
	}
	fmt.Printf("%q\n", out.String())
	fmt.Println(mllp.WriteFrame(&out, []byte("two\x1c\r\x0bmessages")))
	// Output:
	// "\vMSH|^~\\&\x1c\r"
	// mllp: content holds a VT or FS byte and cannot be framed
}

// A server answers, a client asks, both end in good order.
func Example() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	server := &mllp.Server{
		Handler: mllp.HandlerFunc(func(_ context.Context, _ *mllp.Peer, frame []byte) mllp.Reply {
			return mllp.Reply{Frame: bytes.ToUpper(frame)}
		}),
		TooLarge: func(_ *mllp.Peer, limit int) []byte { return fmt.Appendf(nil, "at most %d bytes, please", limit) },
		Limits:   mllp.Limits{Frame: 64 << 10, Receive: 10 * time.Second},
	}
	served := make(chan error)
	go func() { served <- server.Serve(listener) }()

	client := &mllp.Client{Address: listener.Addr().String()}
	for _, content := range []string{"admit", "discharge", strings.Repeat("x", 100_000)} {
		reply, err := client.Exchange(context.Background(), []byte(content))
		fmt.Printf("%s %v\n", reply, err)
	}
	client.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	fmt.Println(server.Shutdown(ctx), <-served)
	// Output:
	// ADMIT <nil>
	// DISCHARGE <nil>
	// at most 65536 bytes, please <nil>
	// <nil> mllp: server closed
}

// Written decides whether a message may be sent again without the risk of a duplicate.
func ExampleSendError() {
	client := &mllp.Client{Address: "127.0.0.1:1", DialTimeout: time.Second}
	defer client.Close()
	_, err := client.Exchange(context.Background(), []byte("content"))
	if failure, ok := err.(*mllp.SendError); ok {
		fmt.Println("may have arrived:", failure.Written)
	}
	// Output:
	// may have arrived: false
}

func ExampleBackoff() {
	b := mllp.Backoff{Min: time.Second, Max: 5 * time.Minute, Rand: func() float64 { return 0 }}
	for attempt := range 4 {
		fmt.Println(b.Delay(attempt))
	}
	fmt.Println(b.Delay(100))
	// Output:
	// 1s
	// 2s
	// 4s
	// 8s
	// 5m0s
}
