package consent

import "github.com/lockport-hie/lockport"

// DirectiveKey is the row key of a directive: the token of the identifier on its
// form, then its entry, so that a patient's directives lie together in journal
// order.
func DirectiveKey(identifier lockport.Token, seq lockport.Seq) []byte {
	return append(identifier[:], seq.Key()...)
}

// GrantKey is the row key of an emergency access.
func GrantKey(registration lockport.RegistrationID, seq lockport.Seq) []byte {
	return append(registration.Key(), seq.Key()...)
}
