// Package web answers HTTP: whether the server lives and is ready. It is served
// on a loopback address and holds no page about a patient.
//
// Invariants: an answer says what state the server is in and nothing about
// anyone; only GET and HEAD are answered; no answer is cached.
//
// It must not hand out a record without a consent ticket, and must not reach the
// store except through what it is given.
package web
