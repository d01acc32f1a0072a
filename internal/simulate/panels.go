package simulate

import (
	"math"
	"math/rand/v2"
	"strconv"
)

// panel is an orderable test (LOINC) with what it measures.
type panel struct {
	code, name, section string // OBR-4.1, OBR-4.2, OBR-24 (table 0074)
	analytes            []analyte
}

// analyte is one measured quantity. Zero bounds are open.
type analyte struct {
	code, name, unit string  // LOINC, UCUM
	low, high        float64 // reference range of men, and of women where no other is given
	mean, sd         float64
	decimals         int
	shifts           []shift
	women            *[3]float64 // low, high, mean of women where they differ
	panicLow         float64     // LL below it
	panicHigh        float64     // HH from it
	words            []string    // not a number: the first is normal
	limits           string      // reference range of words
	oddly            float64     // chance of another word than the first
	because          condition   // raises that chance to one half
}

// shift is what a condition does to the mean.
type shift struct {
	condition condition
	by        float64
}

var (
	sodium     = analyte{code: "2951-2", name: "Sodium [Moles/volume] in Serum or Plasma", unit: "mmol/L", low: 136, high: 145, mean: 140, sd: 2.4, panicLow: 125, panicHigh: 158}
	potassium  = analyte{code: "2823-3", name: "Potassium [Moles/volume] in Serum or Plasma", unit: "mmol/L", low: 3.5, high: 5.1, mean: 4.2, sd: .35, decimals: 1, shifts: []shift{{kidneyDisease, .5}}, panicLow: 2.8, panicHigh: 6.1}
	chloride   = analyte{code: "2075-0", name: "Chloride [Moles/volume] in Serum or Plasma", unit: "mmol/L", low: 98, high: 107, mean: 103, sd: 2.2}
	bicarb     = analyte{code: "2028-9", name: "Carbon dioxide, total [Moles/volume] in Serum or Plasma", unit: "mmol/L", low: 22, high: 29, mean: 25, sd: 1.9, shifts: []shift{{kidneyDisease, -2}}}
	glucose    = analyte{code: "2345-7", name: "Glucose [Mass/volume] in Serum or Plasma", unit: "mg/dL", low: 70, high: 99, mean: 90, sd: 8, shifts: []shift{{diabetes, 75}, {preDiabetes, 18}}, panicLow: 45, panicHigh: 400}
	urea       = analyte{code: "3094-0", name: "Urea nitrogen [Mass/volume] in Serum or Plasma", unit: "mg/dL", low: 7, high: 20, mean: 13, sd: 3, shifts: []shift{{kidneyDisease, 16}}}
	creatinine = analyte{code: "2160-0", name: "Creatinine [Mass/volume] in Serum or Plasma", unit: "mg/dL", low: .74, high: 1.35, mean: 1, sd: .13, decimals: 2, shifts: []shift{{kidneyDisease, .8}}, women: &[3]float64{.59, 1.04, .8}}
	calcium    = analyte{code: "17861-6", name: "Calcium [Mass/volume] in Serum or Plasma", unit: "mg/dL", low: 8.6, high: 10.2, mean: 9.4, sd: .35, decimals: 1}
	protein    = analyte{code: "2885-2", name: "Protein [Mass/volume] in Serum or Plasma", unit: "g/dL", low: 6, high: 8.3, mean: 7.1, sd: .4, decimals: 1}
	albumin    = analyte{code: "1751-7", name: "Albumin [Mass/volume] in Serum or Plasma", unit: "g/dL", low: 3.5, high: 5, mean: 4.2, sd: .3, decimals: 1}
	bilirubin  = analyte{code: "1975-2", name: "Bilirubin.total [Mass/volume] in Serum or Plasma", unit: "mg/dL", low: .1, high: 1.2, mean: .6, sd: .25, decimals: 1}
	alkPhos    = analyte{code: "6768-6", name: "Alkaline phosphatase [Enzymatic activity/volume] in Serum or Plasma", unit: "U/L", low: 44, high: 147, mean: 80, sd: 20}
	alt        = analyte{code: "1742-6", name: "Alanine aminotransferase [Enzymatic activity/volume] in Serum or Plasma", unit: "U/L", low: 7, high: 56, mean: 26, sd: 11}
	ast        = analyte{code: "1920-8", name: "Aspartate aminotransferase [Enzymatic activity/volume] in Serum or Plasma", unit: "U/L", low: 10, high: 40, mean: 24, sd: 8}
	a1c        = analyte{code: "4548-4", name: "Hemoglobin A1c/Hemoglobin.total in Blood", unit: "%", low: 4, high: 5.6, mean: 5.2, sd: .25, decimals: 1, shifts: []shift{{diabetes, 2.5}, {preDiabetes, .7}}}
)

var (
	basicPanel         = panel{"24320-4", "Basic metabolic 1998 panel - Serum or Plasma", "CH", []analyte{glucose, urea, creatinine, sodium, potassium, chloride, bicarb, calcium}}
	comprehensivePanel = panel{"24323-8", "Comprehensive metabolic 2000 panel - Serum or Plasma", "CH", []analyte{
		glucose, urea, creatinine, sodium, potassium, chloride, bicarb, calcium, protein, albumin, bilirubin, alkPhos, alt, ast}}
	bloodCount = panel{"58410-2", "CBC panel - Blood by Automated count", "HM", []analyte{
		{code: "6690-2", name: "Leukocytes [#/volume] in Blood", unit: "10*3/uL", low: 4.5, high: 11, mean: 7.2, sd: 1.9, decimals: 1, panicHigh: 30},
		{code: "789-8", name: "Erythrocytes [#/volume] in Blood", unit: "10*6/uL", low: 4.5, high: 5.9, mean: 5.1, sd: .35, decimals: 2, shifts: []shift{{anaemia, -.8}}, women: &[3]float64{4.1, 5.1, 4.6}},
		{code: "718-7", name: "Hemoglobin [Mass/volume] in Blood", unit: "g/dL", low: 13.5, high: 17.5, mean: 15, sd: .9, decimals: 1, shifts: []shift{{anaemia, -4.6}}, women: &[3]float64{12, 15.5, 13.5}, panicLow: 8.5},
		{code: "4544-3", name: "Hematocrit [Volume Fraction] of Blood", unit: "%", low: 41, high: 50, mean: 45, sd: 2.4, decimals: 1, shifts: []shift{{anaemia, -10}}, women: &[3]float64{36, 44, 40}},
		{code: "787-2", name: "MCV [Entitic volume]", unit: "fL", low: 80, high: 96, mean: 88, sd: 4, shifts: []shift{{anaemia, -9}}},
		{code: "785-6", name: "MCH [Entitic mass]", unit: "pg", low: 27, high: 33, mean: 30, sd: 1.4, decimals: 1},
		{code: "786-4", name: "MCHC [Mass/volume]", unit: "g/dL", low: 33, high: 36, mean: 34.3, sd: .7, decimals: 1},
		{code: "788-0", name: "Erythrocyte distribution width [Ratio]", unit: "%", low: 11.5, high: 14.5, mean: 13, sd: .7, decimals: 1, shifts: []shift{{anaemia, 3}}},
		{code: "777-3", name: "Platelets [#/volume] in Blood", unit: "10*3/uL", low: 150, high: 400, mean: 255, sd: 55, panicLow: 40},
	}}
	lipidPanel = panel{"57698-3", "Lipid panel with direct LDL - Serum or Plasma", "CH", []analyte{
		{code: "2093-3", name: "Cholesterol [Mass/volume] in Serum or Plasma", unit: "mg/dL", high: 200, mean: 172, sd: 22, shifts: []shift{{highLipids, 62}}},
		{code: "2571-8", name: "Triglyceride [Mass/volume] in Serum or Plasma", unit: "mg/dL", high: 150, mean: 105, sd: 30, shifts: []shift{{highLipids, 75}, {diabetes, 30}}},
		{code: "2085-9", name: "Cholesterol in HDL [Mass/volume] in Serum or Plasma", unit: "mg/dL", low: 40, mean: 54, sd: 10, shifts: []shift{{highLipids, -9}}},
		{code: "18262-6", name: "Cholesterol in LDL [Mass/volume] by Direct assay", unit: "mg/dL", high: 100, mean: 90, sd: 16, shifts: []shift{{highLipids, 58}}},
	}}
	a1cPanel        = panel{"4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood", "CH", []analyte{a1c}}
	thyroid         = panel{"3016-3", "Thyrotropin [Units/volume] in Serum or Plasma", "CH", []analyte{{code: "3016-3", name: "Thyrotropin [Units/volume] in Serum or Plasma", unit: "m[IU]/L", low: .4, high: 4, mean: 1.9, sd: .7, decimals: 2, shifts: []shift{{hypothyroid, 5}}}}}
	troponin        = panel{"10839-9", "Troponin I.cardiac [Mass/volume] in Serum or Plasma", "CH", []analyte{{code: "10839-9", name: "Troponin I.cardiac [Mass/volume] in Serum or Plasma", unit: "ng/mL", high: .04, mean: .02, sd: .015, decimals: 3, shifts: []shift{{hypertension, .01}}, panicHigh: .5}}}
	covid           = panel{"94500-6", "SARS-CoV-2 RNA NAA+probe Ql (Resp)", "MB", []analyte{{code: "94500-6", name: "SARS-CoV-2 (COVID-19) RNA [Presence] in Respiratory specimen by NAA with probe detection", words: []string{"Not detected", "Detected"}, limits: "Not detected", oddly: .15}}}
	bloodLead       = panel{"77307-7", "Lead [Mass/volume] in Venous blood", "TX", []analyte{{code: "77307-7", name: "Lead [Mass/volume] in Venous blood", unit: "ug/dL", high: 3.5, mean: 1.6, sd: 1.1, decimals: 1, panicHigh: 45}}}
	pointOfCareA1c  = a1cPanel
	urinalysisPanel = panel{"24357-6", "Urinalysis macro (dipstick) panel - Urine", "UR", []analyte{
		{code: "5811-5", name: "Specific gravity of Urine by Test strip", low: 1.005, high: 1.03, mean: 1.016, sd: .006, decimals: 3},
		{code: "5803-2", name: "pH of Urine by Test strip", unit: "[pH]", low: 5, high: 8, mean: 6.1, sd: .6, decimals: 1},
		{code: "5792-7", name: "Glucose [Mass/volume] in Urine by Test strip", words: []string{"Negative", "100 mg/dL", "250 mg/dL", ">=1000 mg/dL"}, limits: "Negative", oddly: .02, because: diabetes},
		{code: "20454-5", name: "Protein [Presence] in Urine by Test strip", words: []string{"Negative", "Trace", "1+", "2+"}, limits: "Negative", oddly: .06, because: kidneyDisease},
		{code: "5794-3", name: "Hemoglobin [Presence] in Urine by Test strip", words: []string{"Negative", "Small", "Moderate"}, limits: "Negative", oddly: .06},
		{code: "5799-2", name: "Leukocyte esterase [Presence] in Urine by Test strip", words: []string{"Negative", "1+", "2+"}, limits: "Negative", oddly: .1},
		{code: "5802-4", name: "Nitrite [Presence] in Urine by Test strip", words: []string{"Negative", "Positive"}, limits: "Negative", oddly: .06},
	}}
	vitalSigns = panel{"85353-1", "Vital signs, weight, height, head circumference, oxygen saturation and BMI panel", "PHY", []analyte{
		{code: "8480-6", name: "Systolic blood pressure", unit: "mm[Hg]", high: 130, mean: 117, sd: 9, shifts: []shift{{hypertension, 25}}, panicHigh: 200},
		{code: "8462-4", name: "Diastolic blood pressure", unit: "mm[Hg]", high: 80, mean: 73, sd: 6, shifts: []shift{{hypertension, 13}}, panicHigh: 120},
		{code: "8867-4", name: "Heart rate", unit: "/min", low: 60, high: 100, mean: 74, sd: 9},
		{code: "59408-5", name: "Oxygen saturation in Arterial blood by Pulse oximetry", unit: "%", low: 95, mean: 98, sd: .9},
		{code: "39156-5", name: "Body mass index (BMI) [Ratio]", unit: "kg/m2", low: 18.5, high: 25, mean: 26, sd: 4, decimals: 1, shifts: []shift{{diabetes, 5}, {hypertension, 2}}},
	}}
)

var (
	outpatientPanels = []*panel{&comprehensivePanel, &bloodCount, &lipidPanel, &a1cPanel, &thyroid, &urinalysisPanel, &basicPanel}
	inpatientPanels  = []*panel{&basicPanel, &bloodCount, &comprehensivePanel, &urinalysisPanel, &troponin}
)

// labPanel picks what a doctor would order for this person.
func (s *run) labPanel(p *patient, from []*panel) *panel {
	switch {
	case p.age(s.now) < 4 && chance(s.rng, 0.5):
		return &bloodLead
	case p.has&diabetes != 0 && p.has&undiagnosed == 0 && chance(s.rng, 0.4):
		return &a1cPanel
	case p.has&hypothyroid != 0 && chance(s.rng, 0.4):
		return &thyroid
	}
	return pick(s.rng, from)
}

func (s *run) emergencyPanels(v *visit) []*panel {
	switch v.reason.code {
	case "R07.9":
		return []*panel{&troponin, &basicPanel}
	case "J11.1", "U07.1", "J06.9":
		return []*panel{&covid}
	case "N39.0":
		return []*panel{&urinalysisPanel}
	case "S93.401A", "S01.81XA":
		return nil
	}
	return []*panel{&comprehensivePanel, &bloodCount}
}

// measure draws the values of a panel for a person.
func (pn *panel) measure(rng *rand.Rand, p *patient) []observation {
	out := make([]observation, len(pn.analytes))
	for i := range pn.analytes {
		a := &pn.analytes[i]
		o := &out[i]
		o.code, o.name, o.unit = a.code, a.name, a.unit
		if a.words != nil {
			a.word(rng, p, o)
			continue
		}
		o.kind = "NM"
		low, high, mean := a.bounds(p)
		for _, sh := range a.shifts {
			if p.has&sh.condition != 0 {
				mean += sh.by * (0.6 + 0.8*rng.Float64())
			}
		}
		o.limits = rangeText(low, high, a.decimals)
		a.set(o, max(mean+rng.NormFloat64()*a.sd, math.Pow10(-a.decimals)), low, high)
	}
	return out
}

func (a *analyte) word(rng *rand.Rand, p *patient, o *observation) {
	o.kind, o.limits = "ST", a.limits
	odd := a.oddly
	if p.has&a.because != 0 {
		odd = 0.5
	}
	o.value, o.flag = a.words[0], "N"
	if chance(rng, odd) {
		o.value, o.flag = pick(rng, a.words[1:]), "A"
	}
}

func (a *analyte) bounds(p *patient) (low, high, mean float64) {
	if p.sex == "F" && a.women != nil {
		return a.women[0], a.women[1], a.women[2]
	}
	return a.low, a.high, a.mean
}

// set writes a number and the flag that follows from what is written.
func (a *analyte) set(o *observation, v, low, high float64) {
	var b [24]byte
	text := strconv.AppendFloat(b[:0], v, 'f', a.decimals, 64)
	o.value = string(text)
	v = math.Round(v*math.Pow10(a.decimals)) / math.Pow10(a.decimals)
	o.number = v
	switch {
	case a.panicHigh > 0 && v >= a.panicHigh:
		o.flag = "HH"
	case v < a.panicLow:
		o.flag = "LL"
	case high > 0 && v > high:
		o.flag = "H"
	case v < low:
		o.flag = "L"
	default:
		o.flag = "N"
	}
}

func rangeText(low, high float64, decimals int) string {
	f := func(v float64) string { return strconv.FormatFloat(v, 'f', decimals, 64) }
	switch {
	case low == 0:
		return "<=" + f(high)
	case high == 0:
		return ">=" + f(low)
	}
	return f(low) + "-" + f(high)
}
