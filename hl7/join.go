package hl7

import "bytes"

// Join puts together what a sender took apart because it was too long (HL7 v2.5.1 ch. 2.10.2): fragments of a message,
// each but the last ended by DSC whose pointer (DSC-1) the next one names in MSH-14, and ADD segments, which continue
// the last field of the segment before them. The header is that of the first fragment, whose delimiters all must have.
// Segments end with CR. A single message has its ADD segments joined. Errors are of type *[SyntaxError].
func Join(fragments ...*Message) ([]byte, error) {
	if len(fragments) == 0 {
		return nil, &SyntaxError{Reason: "no fragments to join"}
	}
	var out []byte
	pointer := Value{}
	for n, m := range fragments {
		if n > 0 {
			named := m.Header().Field(14)
			if !pointer.Valued() || !bytes.Equal(named.Raw(), pointer.Raw()) {
				return nil, &SyntaxError{Segment: "MSH", Sequence: n + 1, Field: 14, Reason: "does not continue the fragment before"}
			}
			if m.delims != fragments[0].delims || m.charset != fragments[0].charset {
				return nil, &SyntaxError{Segment: "MSH", Sequence: n + 1, Field: 2, Reason: "other delimiters or character set than the first fragment"}
			}
		}
		pointer = Value{}
		for i, s := range m.Segments() {
			switch {
			case s.Is("DSC"):
				pointer = s.Field(1)
			case i == 0 && n > 0: // only the first header counts
			case s.Is("ADD") && len(out) > 0:
				rest := s.Raw()[3:]
				out = append(out[:len(out)-1], bytes.TrimPrefix(rest, []byte{m.delims.Field})...)
				out = append(out, '\r')
			default:
				out = append(append(out, s.Raw()...), '\r')
			}
		}
	}
	if pointer.Valued() && fragments[len(fragments)-1].First("DSC").Field(2).Is("F") {
		return nil, &SyntaxError{Segment: "DSC", Sequence: 1, Field: 1, Reason: "a further fragment is announced"}
	}
	return out, nil
}
