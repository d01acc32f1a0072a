// Package torture is what every test shares that hurts a store: what senders do
// while it is hurt, what they were told, and the judge that compares what is
// found afterwards with what they were told.
//
// It knows entries and nothing of how they are stored, so that it is no mirror of
// the code that it judges.
package torture
