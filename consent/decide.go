package consent

// Decide answers a question from all directives and emergency accesses of a
// patient. It is pure and total.
func Decide(ds []Directive, grants []Grant, q Question) Decision {
	return Decision{Reason: NothingOnFile}
}
