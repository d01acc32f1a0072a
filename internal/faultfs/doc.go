// Package faultfs is a file system that can lose power. It keeps apart what was
// flushed and what was only written, and makes a copy of what a disk might hold
// if the power went at this moment: of the sectors that were written and not
// flushed any part, in any mixture; of the names that were not flushed a first
// part in their order. It can also fail a chosen call, and lie about flushes.
//
// Invariants: bytes that a sync returned for are in every copy; a name is in
// every copy once its directory was synced; a failed sync loses what it was for,
// as Linux file systems do.
//
// It must not be used for anything but tests. It does not model a disk that
// loses what it has flushed, nor the metadata of a particular file system.
package faultfs
