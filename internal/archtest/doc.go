// Package archtest holds the rules of the architecture as tests. It has no code
// of its own: `go test ./internal/archtest` reads every Go file of the module
// and fails where a rule is broken, with the place and what to do about it.
//
//   - imports: which package may import what, one row a package with its reason;
//     sockets, files, bbolt and printing only where the design puts them
//   - docs: one package comment in doc.go, a comment on every exported name
//   - state: no init, no mutable package variables, no panic, no hidden clock
//   - size: files and functions stay readable
//   - words: no marks of unfinished work, no history, nothing of the machine on
//     which the code was written
//   - dependencies: the modules in the binary stand in dependencies.txt, so that
//     a new one shows in review
//
// Invariants: a rule is a function from a parsed tree to findings, and each has
// a test that feeds it a small bad tree, so that a rule that has gone blind is
// seen. The rules read source and never compile it: they work on a tree that
// does not build yet, and take seconds.
//
// It must not import any other package of the module.
package archtest
