package hl7

// Problems appends what is wrong to a reply in the shape of its version: one ERR with ERR-1 and MSA-6 up to 2.4, an
// ERR for each problem with ERR-2, 3, 4 and 8 from 2.5 (HL7 v2.5.1 ch. 2.15.5). msa is the reply's MSA segment.
func (b *Builder) Problems(msa *SegmentBuilder, version string, problems ...Problem) {
	if !isModern(version) {
		b.oldErrors(msa, problems)
		return
	}
	for _, p := range problems {
		b.Segment("ERR").Set(2, p.Location.parts()...).Set(3, p.code()...).Set(4, p.severity()).Set(8, p.Text)
	}
}
