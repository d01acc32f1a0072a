// Package population counts for counties: measures of community health from
// de-identified cubes, with their strata, suppression and disparity.
//
// Invariants: it is given counts and cannot name a patient; no cell from 1 to 10
// is published, nor one that could be worked out from those that are.
//
// It must not read the record, and it must not know an identifier. It imports
// the root and the directory only, for the counties.
package population
