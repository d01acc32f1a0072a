package hl7

import (
	"slices"
	"strconv"
	"strings"
)

// structure is one row of the table of message structures: the triggers of a message code that share a structure,
// in the versions [since, before); 0 leaves that side open.
type structure struct {
	code, id, triggers string
	since, before      int
}

// version numbers of the table: 2.3.1 is 231.
const (
	v24 = 240
	v25 = 250
	v26 = 260
	v27 = 270
)

// structures is table 0354 (message structure) as data: HL7 v2.5.1 appendix A with what other versions do
// differently. The first row that fits holds.
var structures = []structure{
	{"ADT", "ADT_A01", "A01 A04 A08 A13", 0, 0},
	{"ADT", "ADT_A01", "A05 A14 A28 A31", 0, v24},
	{"ADT", "ADT_A02", "A02", 0, 0},
	{"ADT", "ADT_A03", "A03", 0, 0},
	{"ADT", "ADT_A05", "A05 A14 A28 A31", v24, 0},
	{"ADT", "ADT_A06", "A06 A07", 0, 0},
	{"ADT", "ADT_A09", "A12", 0, v25},
	{"ADT", "ADT_A09", "A09 A10 A11", 0, 0},
	{"ADT", "ADT_A12", "A12", v25, 0},
	{"ADT", "ADT_A15", "A15", 0, 0},
	{"ADT", "ADT_A16", "A16", 0, 0},
	{"ADT", "ADT_A17", "A17", 0, 0},
	{"ADT", "ADT_A18", "A18", 0, v27},
	{"ADT", "ADT_A20", "A20", 0, 0},
	{"ADT", "ADT_A21", "A21 A22 A23 A25 A26 A27 A29 A32 A33", 0, 0},
	{"ADT", "ADT_A24", "A24", 0, 0},
	{"ADT", "ADT_A30", "A30 A34 A35 A36 A46 A47 A48 A49", 0, v27},
	{"ADT", "ADT_A37", "A37", 0, 0},
	{"ADT", "ADT_A38", "A38", 0, 0},
	{"ADT", "ADT_A39", "A39 A40 A41 A42", 0, 0},
	{"ADT", "ADT_A43", "A43 A44", 0, v27},
	{"ADT", "ADT_A43", "A43 A49", v27, 0},
	{"ADT", "ADT_A44", "A44 A47", v27, 0},
	{"ADT", "ADT_A45", "A45", 0, 0},
	{"ADT", "ADT_A50", "A50 A51", 0, 0},
	{"ADT", "ADT_A52", "A52 A53", 0, 0},
	{"ADT", "ADT_A52", "A55", 0, v26},
	{"ADT", "ADT_A54", "A55", v26, 0},
	{"ADT", "ADT_A54", "A54", 0, 0},
	{"ADT", "ADT_A60", "A60", 0, 0},
	{"ADT", "ADT_A61", "A61 A62", 0, 0},

	{"ORU", "ORU_R01", "R01", 0, 0},
	{"ORU", "ORU_R01", "R40", v27, 0},
	{"ORU", "ORU_R30", "R30 R31 R32", v25, 0},
	{"ORA", "ORA_R33", "R33", 0, 0},
	{"OUL", "OUL_R21", "R21", 0, 0},
	{"OUL", "OUL_R22", "R22", 0, 0},
	{"OUL", "OUL_R23", "R23", 0, 0},
	{"OUL", "OUL_R24", "R24", 0, 0},
	{"MDM", "MDM_T01", "T01 T03 T05 T07 T09 T11", 0, 0},
	{"MDM", "MDM_T02", "T02 T04 T06 T08 T10", 0, 0},

	{"ORM", "ORM_O01", "O01", 0, 0},
	{"ORR", "ORR_O02", "O02", 0, 0},
	{"OMG", "OMG_O19", "O19", 0, 0},
	{"ORG", "ORG_O20", "O20", 0, 0},
	{"OML", "OML_O21", "O21", 0, 0},
	{"OML", "OML_O33", "O33", 0, 0},
	{"OML", "OML_O35", "O35", 0, 0},
	{"OML", "OML_O39", "O39", v26, 0},
	{"ORL", "ORL_O22", "O22", 0, 0},
	{"ORL", "ORL_O34", "O34", 0, 0},
	{"ORL", "ORL_O36", "O36", 0, 0},
	{"ORL", "ORL_O40", "O40", v26, 0},
	{"OMP", "OMP_O09", "O09", 0, 0},
	{"ORP", "ORP_O10", "O10", 0, 0},
	{"OMI", "OMI_O23", "O23", 0, 0},
	{"RDE", "RDE_O01", "O01", 0, v24},
	{"RDE", "RDE_O11", "O11 O25", 0, 0},
	{"RRE", "RRE_O12", "O12 O26", 0, 0},
	{"RDS", "RDS_O13", "O13", 0, 0},
	{"RGV", "RGV_O15", "O15", 0, 0},
	{"RAS", "RAS_O17", "O17", 0, 0},
	{"VXU", "VXU_V04", "V04", 0, 0},
	{"VXQ", "VXQ_V01", "V01", 0, v27},
	{"VXX", "VXX_V02", "V02", 0, v27},
	{"VXR", "VXR_V03", "V03", 0, v27},
	{"SIU", "SIU_S12", "S12 S13 S14 S15 S16 S17 S18 S19 S20 S21 S22 S23 S24 S26 S27", 0, 0},
	{"SRM", "SRM_S01", "S01 S02 S03 S04 S05 S06 S07 S08 S09 S10 S11", 0, 0},
	{"SRR", "SRR_S01", "S01 S02 S03 S04 S05 S06 S07 S08 S09 S10 S11", 0, 0},
	{"BAR", "BAR_P01", "P01", 0, 0},
	{"BAR", "BAR_P02", "P02", 0, 0},
	{"BAR", "BAR_P05", "P05", 0, 0},
	{"BAR", "BAR_P06", "P06", 0, 0},
	{"BAR", "BAR_P10", "P10", 0, 0},
	{"BAR", "BAR_P12", "P12", 0, 0},
	{"DFT", "DFT_P03", "P03", 0, 0},
	{"DFT", "DFT_P11", "P11", 0, 0},
	{"REF", "REF_I12", "I12 I13 I14 I15", 0, 0},
	{"RRI", "RRI_I12", "I12 I13 I14 I15", 0, 0},
	{"PPR", "PPR_PC1", "PC1 PC2 PC3", 0, 0},
	{"PGL", "PGL_PC6", "PC6 PC7 PC8", 0, 0},
	{"PPP", "PPP_PCB", "PCB PCC PCD", 0, 0},
	{"PPG", "PPG_PCG", "PCG PCH PCJ", 0, 0},
	{"PEX", "PEX_P07", "P07 P08", 0, 0},
	{"CRM", "CRM_C01", "C01 C02 C03 C04 C05 C06 C07 C08", 0, 0},
	{"CSU", "CSU_C09", "C09 C10 C11 C12", 0, 0},
	{"MFN", "MFN_M01", "M01", 0, 0},
	{"MFN", "MFN_M02", "M02", 0, 0},
	{"MFN", "MFN_M04", "M04", 0, 0},
	{"MFN", "MFN_M05", "M05", 0, 0},
	{"MFK", "MFK_M01", "M01 M02 M03 M04 M05 M06 M07", 0, 0},
	{"PMU", "PMU_B01", "B01 B02", 0, 0},
	{"PMU", "PMU_B03", "B03", 0, 0},
	{"PMU", "PMU_B04", "B04 B05 B06", 0, 0},
	{"NMD", "NMD_N02", "N02", 0, 0},

	{"QRY", "QRY_A19", "A19", 0, v27},
	{"QRY", "QRY_R02", "R02", 0, v27},
	{"QRY", "QRY_Q01", "Q01 Q26 Q27 Q28 Q29 Q30", 0, v27},
	{"QRY", "QRY_Q02", "Q02", 0, v27},
	{"QRY", "QRY_PC4", "PC4 PC9 PCE PCK", 0, 0},
	{"ADR", "ADR_A19", "A19", 0, v27},
	{"ORF", "ORF_R04", "R04", 0, v27},
	{"DSR", "DSR_Q01", "Q01", 0, v27},
	{"DSR", "DSR_Q03", "Q03", 0, v27},
	{"QBP", "QBP_Q11", "Q11 Q31 ZR1 ZD1", 0, 0},
	{"QBP", "QBP_Q13", "Q13", 0, 0},
	{"QBP", "QBP_Q15", "Q15", 0, 0},
	{"QBP", "QBP_Q21", "Q21 Q22 Q23 Q24 Q25 ZV1", 0, 0},
	{"QBP", "QBP_Q21", "Q32", v27, 0},
	{"RSP", "RSP_K11", "K11", 0, 0},
	{"RSP", "RSP_K15", "K15", 0, 0},
	{"RSP", "RSP_K21", "K21", 0, 0},
	{"RSP", "RSP_K21", "K22", 0, v27},
	{"RSP", "RSP_K22", "K22", v27, 0},
	{"RSP", "RSP_K23", "K23 K24", 0, 0},
	{"RSP", "RSP_K25", "K25", 0, 0},
	{"RSP", "RSP_K31", "K31", 0, 0},
	{"RSP", "RSP_K32", "K32", v27, 0},
	{"RSP", "RSP_ZR2", "ZR2", 0, 0},
	{"RSP", "RSP_ZD2", "ZD2", 0, 0},
	{"RSP", "RSP_ZV2", "ZV2", 0, 0},
	{"RTB", "RTB_K13", "K13", 0, 0},
	{"RDY", "RDY_K15", "K15", 0, 0},
	{"QSB", "QSB_Q16", "Q16", 0, 0},
	{"QSX", "QCN_J01", "J02", 0, 290},
	{"QSX", "QSX_J02", "J02", 290, 0},
	{"QCN", "QCN_J01", "J01", 0, 0},
	{"QVR", "QVR_Q17", "Q17", 0, 0},
	{"QCK", "QCK_Q02", "Q02", 0, v27},
}

// StructureID returns the message structure (MSH-9.3) of a message code, trigger and version, such as ADT_A01 for
// ("ADT", "A08", "2.5.1"); "" when the table does not know it. An acknowledgement is ACK whatever its trigger. An
// empty or unreadable version is taken as 2.5.1. Versions before 2.3.1, which have no MSH-9.3, are answered as 2.3.1.
func StructureID(messageCode, trigger, version string) string {
	if messageCode == "ACK" {
		return "ACK"
	}
	v := versionNumber(version)
	for _, s := range structures {
		if s.code == messageCode && v >= s.since && (s.before == 0 || v < s.before) &&
			slices.Contains(strings.Fields(s.triggers), trigger) {
			return s.id
		}
	}
	return ""
}

// versionNumber returns 251 for 2.5.1 and 240 for 2.4.
func versionNumber(version string) int {
	const unreadable = 251
	parts := strings.Split(strings.TrimSpace(version), ".")
	if len(parts) > 3 || len(version) > 8 {
		return unreadable
	}
	n := 0
	for i := range 3 {
		digit := 0
		if i < len(parts) {
			var err error
			if digit, err = strconv.Atoi(parts[i]); err != nil || digit < 0 || digit > 9 {
				return unreadable
			}
		}
		n = n*10 + digit
	}
	return n
}
