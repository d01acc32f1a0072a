package simulate

import "time"

// study is a radiology examination with sentences for its report.
type study struct {
	code, name string // LOINC
	findings   []string
	normal     string
	abnormal   []string
}

var studies = []study{
	{"36643-5", "XR Chest 2 Views", []string{"The heart is normal in size.", "No focal consolidation, effusion or pneumothorax.", "Osseous structures are intact.", "Mild degenerative change of the thoracic spine."},
		"No acute cardiopulmonary process.", []string{"Right lower lobe opacity, concerning for pneumonia.", "Mild pulmonary edema & small effusions."}},
	{"24725-4", "CT Head", []string{"No acute intracranial hemorrhage, mass effect or midline shift.", "Ventricles & sulci are age appropriate.", "Paranasal sinuses are clear.", "Gray-white differentiation is preserved."},
		"No acute intracranial abnormality.", []string{"Chronic small vessel ischemic change.", "Scalp hematoma ~ 2 cm without fracture."}},
	{"24627-2", "CT Chest", []string{"Lungs: 4 mm nodule | right upper lobe.", "No mediastinal adenopathy.", "Coronary calcification is present.", "Visualized upper abdomen is unremarkable."},
		"No pulmonary embolism.", []string{"Pulmonary nodule; follow-up CT in 12 months (Fleischner).", "Segmental embolus, right lower lobe. H&H stable."}},
	{"24558-9", "US Abdomen", []string{"Liver is normal in echotexture.", "Common duct measures 4 mm.", "Kidneys: R 10.4 cm, L 10.9 cm, no hydronephrosis.", "Spleen is not enlarged."},
		"Unremarkable abdominal sonogram.", []string{"Cholelithiasis without sonographic Murphy sign.", "Hepatic steatosis."}},
	{"24606-6", "MG Breast Screening", []string{"Scattered fibroglandular densities (BI-RADS b).", "No suspicious mass or calcification.", "Comparison: prior year, path \\\\PACS\\MG."},
		"BI-RADS 1: negative.", []string{"BI-RADS 0: additional views of the left breast needed."}},
}

// image plans a study at the organisation of the visit.
func (s *run) image(v *visit, delay time.Duration) {
	app := v.org().rad
	if app == nil {
		return
	}
	s.after(delay, func() {
		o := s.newOrder(v.p, v.m, app, v.doctor)
		o.visit, o.placerApp = v, v.site.adt
		s.read(o)
	})
}

// sendOutImage plans a practice's order at an imaging centre.
func (s *run) sendOutImage(v *visit, imaging *membership) {
	s.after(s.between(24*time.Hour, 96*time.Hour), func() {
		imaging.known = true
		o := s.newOrder(v.p, imaging, imaging.org.rad, v.doctor)
		o.placer, o.placerApp = v.m, v.site.adt
		s.read(o)
	})
}

// read dictates the report and plans its life cycle: mostly a preliminary
// reading, the final one, and sometimes an addendum.
func (s *run) read(o *order) {
	st := &studies[s.rng.IntN(len(studies))]
	o.code, o.name, o.section = st.code, st.name, "RAD"
	s.place(o)
	impression, flag := st.normal, "N"
	if chance(s.rng, 0.35) {
		impression, flag = pick(s.rng, st.abnormal), "A"
	}
	c := &s.r.clinicians[o.doctor]
	text := "EXAM: " + st.name + "\nORDERED BY: " + c.given + " " + c.family + ", " + c.degree + "\n\nFINDINGS:"
	for i, f := range st.findings {
		if i == 0 || chance(s.rng, 0.8) {
			text += "\n" + f
		}
	}
	final := s.reading(o, "F", text, impression, flag)
	versions := []report{final}
	if chance(s.rng, 0.4) {
		versions = []report{s.reading(o, "P", text, "Preliminary: "+impression, flag), final}
	}
	if chance(s.rng, 0.06) {
		versions = append(versions, s.reading(o, "C", text+"\nADDENDUM: laterality & comparison date corrected.", impression, flag))
	}
	s.publish(o, s.between(time.Hour, 8*time.Hour), versions...)
}

// reading is one version: findings and impression.
func (s *run) reading(o *order, status, findings, impression, flag string) report {
	kind := "FT"
	if o.app.linesAsText {
		kind = "TX"
	}
	return report{status: status, observations: []observation{
		{kind: kind, code: "59776-5", name: "Procedure findings Narrative", sub: "1", value: findings, status: status},
		{kind: kind, code: "19005-8", name: "Radiology Imaging study [Impression] (narrative)", sub: "2", value: "IMPRESSION:\n" + impression, flag: flag, status: status},
	}}
}
