// Command lockport is the one program of Lockport: the server that keeps the
// exchange, and every command an operator, a sender or a provider on trial
// needs beside it.
//
// This package is the only wiring. A file is named after its command, as
// <noun>.go or <noun>_<verb>.go; control_<noun>.go is what the server does for
// that noun. What a command needs of its surroundings comes in through
// [environment], so that scripts drive the real commands in-process.
//
// Commands are of three sorts. Some work alone (hl7, send, receive, query,
// config, init, version, simulate --out). Most ask the running server through
// DIR/lockport.sock, a unix socket that speaks HTTP/1.1 with JSON; the caller is
// who the kernel says it is, never who it claims to be. serve is the server.
//
// Invariants: exit codes are 0 done, 1 failed, 2 usage, 3 refused, 4 server not
// reachable. An error is one sentence on stderr that says what to do and never
// holds content of a message. Secrets come from files, never from flags. Every
// change and every unmasked view is in the journal before its answer goes out.
//
// It must not decide anything about consent, identity or the life of records:
// that is the domains' work.
package main
