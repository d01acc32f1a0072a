package hl7

// The tables below are the standard as data: HL7 v2.3 to 2.8.2 laid one over the other. What one of the versions allows
// is allowed, and required is only what all of them require, because senders state one version and mean another.

// Parts of the structures that come again and again.
const (
	start     = "MSH [{SFT}] [UAC] "
	event     = start + "EVN "
	person    = "PID [PD1] [{ARV}] [{ROL}] [{PRT}] "
	visit     = "PV1 [PV2] [{ARV}] [{ROL}] [{PRT}] "
	facts     = "[{DB1}] [{OBX [{PRT}]}] "
	account   = "[{PR1 [{ROL}] [{PRT}]}] [{GT1}] [{IN1 [IN2] [{IN3}] [{ROL}] [{AUT}] [{RF1}]}] [ACC] [UB1] [UB2] [PDA]"
	findings  = "[{AL1}] [{IAM}] [{DG1}] [DRG] "
	swap      = "PID [PD1] [{ARV}] [PV1 [PV2]] [{DB1}] [{OBX [{PRT}]}] "
	timing    = "[{TQ1 [{TQ2}]}] "
	result    = "[{OBX [{PRT}] [{NTE}]}] "
	specimen  = "[{SPM [{NTE}] [{OBX [{PRT}]}] [{SAC}]}] "
	order     = "{[ORC [{PRT}]] OBR [{NTE}] [{PRT}] [{ROL}] " + timing + "[CTD] " + result + "[{FT1}] [{CTI}] " + specimen + "[{DEV}]} "
	patient   = "PID [PD1] [{PRT}] [{NTE}] [{NK1}] [{ARV}] [{OBX [{PRT}]}] [PV1 [PV2] [{PRT}]] "
	reports   = "[{[" + patient + "] " + order + "}] "
	reply     = start + "MSA [{ERR}] "
	oldReply  = "MSH [{SFT}] [UAC] MSA [{ERR}] [QAK] QRD [QRF] "
	newReply  = reply + "QAK QPD "
	documents = event + "PID [PD1] [{PRT}] PV1 [PV2] [{PRT}] [{[ORC [{PRT}]] " + timing + "OBR [{PRT}] [{NTE}]}] TXA [{CON}] "
)

// grammars are the message structures (table 0354) whose order is checked.
var grammars = map[string]string{
	"ACK":     reply,
	"ADT_A01": event + person + "[{NK1}] " + visit + facts + findings + account,
	"ADT_A02": event + person + visit + facts + "[PDA]",
	"ADT_A03": event + person + "[{NK1}] " + visit + "[{DB1}] " + findings + "[{PR1 [{ROL}] [{PRT}]}] [{OBX [{PRT}]}] [{GT1}] [{IN1 [IN2] [{IN3}] [{ROL}]}] [ACC] [PDA]",
	"ADT_A05": event + person + "[{NK1}] " + visit + facts + findings + account,
	"ADT_A06": event + person + "[MRG] [{NK1}] " + visit + facts + findings + account,
	"ADT_A09": event + person + visit + facts + "[{DG1}]",
	"ADT_A12": event + person + visit + facts + "[{DG1}]",
	"ADT_A15": event + person + visit + facts + "[{DG1}]",
	"ADT_A16": event + person + "[{NK1}] " + visit + facts + findings + account,
	"ADT_A17": event + "PID [PD1] [{ARV}] PV1 [PV2] " + facts + "PID [PD1] [{ARV}] PV1 [PV2] " + facts,
	"ADT_A18": event + person + "MRG PV1",
	"ADT_A20": event + "NPU",
	"ADT_A21": event + person + visit + facts,
	"ADT_A24": event + swap + swap,
	"ADT_A30": event + person + "MRG",
	"ADT_A37": event + swap + swap,
	"ADT_A38": event + person + visit + facts + "[{DG1}] [DRG]",
	"ADT_A39": event + "{PID [PD1] [{ARV}] MRG [PV1]}",
	"ADT_A43": event + "{PID [PD1] [{ARV}] MRG}",
	"ADT_A44": event + "{PID [PD1] [{ARV}] MRG}",
	"ADT_A45": event + "PID [PD1] [{ARV}] {MRG PV1}",
	"ADT_A50": event + "PID [PD1] [{ARV}] MRG PV1",
	"ADT_A52": event + "PID [PD1] [{ARV}] PV1 [PV2] [{ARV}]",
	"ADT_A54": event + person + visit,
	"ADT_A60": event + "PID [{ARV}] [PV1 [PV2] [{ARV}]] [{IAM [{NTE}] [{IAR}]}]",
	"ADT_A61": event + person + "PV1 [{ROL}] [PV2] [{PRT}]",
	"ORU_R01": start + "{[" + patient + "] " + order + "} [DSC]",
	"ORU_R30": start + "PID [PD1] [{PRT}] [{ARV}] [{OBX [{PRT}]}] [PV1 [PV2] [{PRT}]] ORC OBR [{NTE}] [{PRT}] [{ROL}] " + timing + "{OBX [{PRT}] [{NTE}]}",
	"MDM_T01": documents,
	"MDM_T02": documents + "{OBX [{PRT}] [{NTE}]}",
	"QRY_A19": start + "QRD [QRF] [DSC]",
	"QRY_R02": start + "QRD [QRF] [DSC]",
	"QRY_Q01": start + "QRD [QRF] [DSC]",
	"QRY_Q02": start + "QRD [QRF] [DSC]",
	"ORF_R04": oldReply + reports + "[{ERR}] [QAK] [DSC]",
	"DSR_Q01": oldReply + "[{DSP}] [DSC]",
	"QCK_Q02": reply + "[QAK]",
	"QBP_Q11": start + "QPD RCP [DSC]",
	"QBP_Q13": start + "QPD [RDF] RCP [DSC]",
	"QBP_Q15": start + "QPD RCP [DSC]",
	"QBP_Q21": start + "QPD RCP [DSC]",
	"RSP_ZR2": newReply + reports + "[DSC]",
	"RSP_ZD2": newReply + "[{PID {[ORC] [OBR] [{NTE}] TXA [{NTE}] [{OBX [{NTE}]}]}}] [DSC]",
	"RSP_K21": newReply + "[PID [PD1] [{ARV}] [{NK1}] [QRI]] [DSC]",
	"RSP_K22": newReply + "[{PID [PD1] [{ARV}] [{NK1}] [QRI]}] [DSC]",
	"RSP_K23": newReply + "[PID] [DSC]",
}

// segmentRules are the fields of the segments that are looked into, in the notation of [Rules.Segments].
var segmentRules = map[string]string{
	"MSH": "3:HD 4:HD 5:HD 6:HD 7!250:TS 9!:MSG 10!:ST 11!:PT@0103 12!:VID@0104 13:NM 14:ST 15:ID@0155 16:ID@0155 17:ID 18*:CHARSET 19:CE 20:ID 21*:EI",
	"EVN": "1:ID 2!:TS 3:TS 4:IS 5*:XCN 6:TS 7:HD",
	"PID": "1:SI 2:CX 3!*:CX 4*:CX 5!*:XPN 6*:XPN 7:TS 8:IS@0001 9*:XPN 10*:CE 11*:XAD 12:IS 13*:XTN 14*:XTN 15:CE 16:CE 17:CE 18:CX 19:ST 21*:CX 22*:CE 23:ST 24:ID@0136 25:NM 26*:CE 27:CE 28:CE 29:TS 30:ID@0136 31:ID@0136 32*:IS 33:TS 34:HD",
	"PD1": "4*:XCN 5:IS 7:IS 8:IS 10*:CX 12:ID@0136 13:TS 14*:CE",
	"MRG": "1!*:CX 2*:CX 3:CX 4:CX 5:CX 6:CX 7*:XPN",
	"NK1": "1!:SI 2*:XPN 3:CE 4*:XAD 5*:XTN 6*:XTN 7:CE 8:DT 9:DT 16:TS 33*:CX",
	"PV1": "1:SI 2!:IS@0004 3:PL 4:IS 5:CX 6:PL 7*:XCN 8*:XCN 9*:XCN 10:IS 11:PL 14:IS 16:IS 17*:XCN 18:IS 19:CX 36:IS 39:IS 42:PL 43:PL 44:TS 45*:TS 50*:CX 51:IS 52*:XCN",
	"ORC": "1!:ID@0119 2:EI 3:EI 4:EI 5:ID@0038 6:ID@0121 9:TS 10*:XCN 11*:XCN 12*:XCN 13:PL 14*:XTN 15:TS 16:CE 17:CE 18:CE 19*:XCN 22*:XAD 23*:XTN 24*:XAD",
	"OBR": "1:SI 2:EI 3:EI 4!:CE 5:ID 6:TS 7:TS 8:TS 10*:XCN 11:ID 12:CE 14:TS 16*:XCN 17*:XTN 18:ST 19:ST 20:ST 21:ST 22:TS 24:ID 25:ID@0123 28*:XCN 30:ID 31*:CE 36:TS 37:NM",
	"OBX": "1:SI 2:ID@0125 3!:CE 4:OG 5*:VARIES 6:CE 7:ST 8*:CE 9:NM 10*:ID 11!:ID@0085 12:TS 13:ST 14:TS 15:CE 16*:XCN 17*:CE 18*:EI 19:TS 24:XAD 25*:XCN",
	"NTE": "1:SI 2:ID 3*:FT 4:CE 5:XCN 6:TS 7:TS",
	"SPM": "1:SI 4!:CWE 5*:CWE 6*:CWE 7:CWE 8:CWE 9*:CWE 10:CWE 11*:CWE 12:CQ 13:NM 14*:ST 17:DR 18:TS 19:TS 20:ID@0136 21*:CWE",
	"TXA": "1!:SI 2!:IS 3:ID@0191 4:TS 5*:XCN 6:TS 7:TS 8*:TS 9*:XCN 10*:XCN 11*:XCN 12!:EI 13:EI 14*:EI 15:EI 16:ST 17!:ID@0271 18:ID 19:ID@0273 20:ID 21:ST 23*:XCN",
	"CON": "1!:SI 2:CWE 3:ST 4:EI 5*:FT 6*:FT 7*:FT 8*:FT 9*:FT 10:CNE 11!:CNE@0498 12:TS 13:TS 14:TS 15:TS 16:ID@0136 17:ID@0136 18:ID 19:ID@0136 20:CWE 21:ID@0500 22:CWE 23:CWE 24!*:XPN 25!*:CWE",
	"ARV": "1:SI 2!:CNE@0206 3!:CWE 4*:CWE 5*:ST 6:DR",
	"QPD": "1!:CE 2!:ST",
	"QRD": "1!:TS 2!:ID@0106 3!:ID@0091 4!:ST 5:ID@0107 6:TS 7!:CQ 8!*:XCN 9!*:CE 10!*:CE 12:ID@0108",
	"QRF": "1!*:ST 2:TS 3:TS 4*:ST 5*:ST 6*:ID 7*:ID 8*:ID",
	"RCP": "1:ID@0091 2:CQ 3:CE 4:TS 5:ID 7*:ID",
	"DSC": "1:ST 2:ID@0398",
	"QAK": "1:ST 2:ID@0208 3:CE 4:NM 5:NM 6:NM",
	"ERR": "3!250:CWE 4!250:ID@0516 5:CWE 7:TX 8:TX",
	"MSA": "1!:ID@0008 2!:ST 3:ST 4:NM 5:ID",
}

// valueTables are the tables that are looked up. A question mark in front marks a table that sites extend: a value
// outside of it is worth a warning only.
var valueTables = map[string]string{
	"0001": "? A F M N O U",
	"0004": "? B C E I N O P R U",
	"0008": "AA AE AR CA CE CR",
	"0038": "A CA CM DC ER HD IP RP SC",
	"0085": "A B C D F I N O P R S U V W X",
	"0091": "D I",
	"0103": "D P T",
	"0104": "2.0 2.0D 2.1 2.2 2.3 2.3.1 2.3.2 2.4 2.5 2.5.1 2.6 2.7 2.7.1 2.8 2.8.1 2.8.2 2.9 2.9.1",
	"0106": "D R T",
	"0107": "B L",
	"0108": "O R S T",
	"0119": "AF CA CH CN CP CR DC DE DF DR FU HD HR LI MC NA NR NW OC OD OE OF OH OK OP OR OU PA PR PY RC RD RE RF RI RL RO RP RQ RR RS RU SC SN SQ SR SS UA UC UD UF UH UM UN UR UX XO XR XX",
	"0121": "D E F N R",
	"0123": "A C F I M N O P R S X Y Z",
	"0125": "AD CE CF CK CN CNE CP CQ CWE CX DR DT DTM ED EI FT HD ID IS MA MO NA NM PN RP SI SN ST TM TN TS TX UD XAD XCN XON XPN XTN",
	"0136": "N Y",
	"0155": "AL ER NE SU",
	"0191": "? AP AU FT IM NS SD SI TEXT TX multipart",
	"0206": "A D U X",
	"0208": "AE AR NF OK PD TM",
	"0271": "AU DI DO IN IP LA PA",
	"0273": "AV CA OB UN",
	"0299": "A Base64 Hex",
	"0301": "? CLIA CLIP DNS EUI64 GUID HCD HL7 ISO L M N Random URI UUID x400 x500",
	"0398": "F I",
	"0498": "A B L P R X",
	"0500": "F N P",
	"0516": "E F I W",
}
