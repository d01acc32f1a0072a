// Package clinical holds the life-cycle rules of visits, results and documents:
// which version of a result is the current one, what a correction replaces, what
// an admission, a discharge and their cancels do to a visit, what may still be
// done to a document and what replaces it.
//
// Invariants: every version is kept; the current value of an observation is the
// one with the highest (OBR-22, MSH-7, journal order), whatever order the
// messages came in; a preliminary value never replaces a final one silently;
// values, units and reference ranges stay as sent; every part of a visit is
// decided by the latest event, by its own time, that says something about it; a
// result or visit never changes its registration.
//
// The package is pure: values in, values out. It must not know HL7 syntax, the
// store, the clock or consent.
package clinical
