// Package repositorytest is the contract that every back-end of the repository
// passes: what a receipt promises, what the duplicate window does, what readers
// see, how a failing projection is closed, and that a patient's rows leave only
// under a ticket.
//
// It knows a back-end by the Store interface alone. It must not look at files,
// keys or anything else that only one back-end has.
package repositorytest
