package hl7

// segmentNames are the segments that the standard defines in versions 2.1 to 2.9. They keep [Segment.ID] from making
// strings and tell a segment from text where line ends are mixed.
var segmentNames = func() map[string]string {
	const names = "ABS ACC ADD ADJ AFF AIG AIL AIP AIS AL1 APR ARQ ARV AUT BHS BLC BLG BPO BPX BTS BTX BUI CDM CDO CER " +
		"CM0 CM1 CM2 CNS CON CSP CSR CSS CTD CTI CTR DB1 DEV DG1 DMI DON DPS DRG DSC DSP DST ECD ECR EDU EQL EQP EQU " +
		"ERQ ERR EVN FAC FHS FT1 FTS GOL GP1 GP2 GT1 HXX IAM IAR IIM ILT IN1 IN2 IN3 INV IPC IPR ISD ITM IVC IVT LAN " +
		"LCC LCH LDP LOC LRL MCP MFA MFE MFI MRG MSA MSH NCK NDS NK1 NPU NSC NST NTE OBR OBX ODS ODT OH1 OH2 OH3 OH4 " +
		"OM1 OM2 OM3 OM4 OM5 OM6 OM7 OMC ORC ORG ORO OVR PAC PCE PCR PD1 PDA PDC PEO PES PID PKG PM1 PMT PR1 PRA PRB " +
		"PRC PRD PRT PSG PSH PSL PSS PTH PV1 PV2 PYE QAK QID QPD QRD QRF QRI RCP RDF RDT REL RF1 RFI RGS RMI RXA RXC " +
		"RXD RXE RXG RXO RXR RXV SAC SCD SCH SCP SDD SFT SGH SGT SHP SID SLT SPM SPR STF STZ TCC TCD TQ1 TQ2 TXA UAC " +
		"UB1 UB2 URD URS VAR VND VTQ"
	known := make(map[string]string)
	for i := 0; i+3 <= len(names); i += 4 {
		known[names[i:i+3]] = names[i : i+3]
	}
	return known
}()

// knownSegment tells whether b is the name of a segment of the standard or a Z name.
func knownSegment(b []byte) bool {
	if b[0] == 'Z' {
		return isUpperAlnum(b[1]) && isUpperAlnum(b[2])
	}
	_, ok := segmentNames[string(b)]
	return ok
}

func isUpperAlnum(c byte) bool { return isAlnum(c) && c < 'a' }
