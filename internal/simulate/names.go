package simulate

// origin is a group of names that go together, with the race and ethnicity
// that people of these names mostly state (CDCREC codes) and their language.
type origin struct {
	weight       int
	race         string
	ethnicity    string
	language     string // ISO 639-2
	families     []string
	women, men   []string
	commonMiddle string
}

// CDC race and ethnicity codes (CDCREC).
const (
	raceWhite    = "2106-3"
	raceBlack    = "2054-5"
	raceAsian    = "2028-9"
	raceNative   = "1002-5"
	racePacific  = "2076-8"
	raceOther    = "2131-1"
	hispanic     = "2135-2"
	notHispanic  = "2186-5"
	cdcrecSystem = "CDCREC"
)

var codeNames = map[string]string{
	raceWhite: "White", raceBlack: "Black or African American", raceAsian: "Asian", raceNative: "American Indian or Alaska Native",
	racePacific: "Native Hawaiian or Other Pacific Islander", raceOther: "Other Race",
	hispanic: "Hispanic or Latino", notHispanic: "Not Hispanic or Latino",
}

// origins are common given and family names, combined at random.
var origins = []origin{
	{26, raceWhite, notHispanic, "eng",
		[]string{"Whitlock", "Harrow", "Pemberton", "Ashby", "Colvin", "Fenwick", "Garland", "Hollis", "Kettering", "Lathrop", "Marlow", "Norwood", "Prescott", "Radley", "Sherwin", "Thorne", "Underhill", "Wexley", "Yardley", "Smith", "Miller", "Clark", "Parker-Dane"},
		[]string{"Alice", "Brooke", "Claire", "Dorothy", "Emily", "Grace", "Hannah", "Joan", "Karen", "Lucy", "Margaret", "Olivia", "Ruth", "Susan"},
		[]string{"Andrew", "Benjamin", "Charles", "David", "Edward", "George", "Henry", "James", "Kenneth", "Robert", "Samuel", "Thomas", "William", "Wesley"}, "L"},
	{9, raceWhite, notHispanic, "eng",
		[]string{"O'Brannigan", "O'Shea", "McKeever", "McAllister", "Fitzmaurice", "Kilbride", "Donnellan", "Rafferty", "Tiernan", "O'Dowd", "MacNeill", "Brophy"},
		[]string{"Siobhán", "Maeve", "Bridget", "Nora", "Eileen", "Róisín", "Colleen", "Fiona"},
		[]string{"Seán", "Patrick", "Brendan", "Declan", "Kevin", "Liam", "Pádraig", "Brian"}, "M"},
	{9, raceWhite, notHispanic, "eng",
		[]string{"D'Amato", "De Santis", "Bellavia", "Carbone", "Fiorelli", "Giordano", "Lombardi", "Marchetti", "Pellegrino", "Rizzuto", "Santoro", "Vitale", "Nicolò"},
		[]string{"Angela", "Carmela", "Francesca", "Lucia", "Maria", "Rosa", "Teresa", "Gianna"},
		[]string{"Anthony", "Carmine", "Dominic", "Frank", "Giuseppe", "Marco", "Salvatore", "Vincent"}, "A"},
	{7, raceWhite, notHispanic, "eng",
		[]string{"Wiśniewski", "Kowalczyk", "Zieliński", "Łukasik", "Nowakowska", "Pawłowski", "Szymański", "Jabłoński", "Krawczyk", "Dąbek", "Malinowski"},
		[]string{"Agnieszka", "Barbara", "Danuta", "Ewa", "Małgorzata", "Stella", "Zofia", "Wanda"},
		[]string{"Casimir", "Jan", "Łukasz", "Michał", "Paweł", "Stanisław", "Tadeusz", "Walter"}, "J"},
	{7, raceWhite, notHispanic, "eng",
		[]string{"Schäfer", "Müller", "Krüger", "Vogelsang", "Weiß", "Köhler", "Brandt", "Steinbach", "Zimmer", "Löwe", "Oppenheim", "Rothfeld"},
		[]string{"Elsa", "Greta", "Heidi", "Ingrid", "Käthe", "Leah", "Miriam", "Ursula"},
		[]string{"Hans", "Jürgen", "Karl", "Otto", "Walter", "Jakob", "Saul", "Günther"}, "E"},
	{4, raceWhite, notHispanic, "fre",
		[]string{"L'Écuyer", "Lévesque", "Beaulieu", "Gagné", "Thériault", "Desrosiers", "St. Onge", "LaFlamme", "Côté", "Bélanger"},
		[]string{"Amélie", "Céline", "Geneviève", "Hélène", "Noémie", "Thérèse"},
		[]string{"André", "Benoît", "François", "Jérôme", "René", "Luc"}, "R"},
	{11, raceOther, hispanic, "spa",
		[]string{"García-Ruiz", "Núñez", "Peña", "Rodríguez", "Ibáñez", "Quiñones", "Meléndez", "de la Cruz", "Vázquez", "Ortiz Cordero", "Muñoz", "Rentería", "Salazar", "Echeverría", "Acevedo"},
		[]string{"Ana María", "Begoña", "Carmen", "Inés", "Lucía", "Marisol", "Paloma", "Verónica", "Ximena"},
		[]string{"Andrés", "César", "Emilio", "José Luis", "Jesús", "Martín", "Óscar", "Ramón", "Tomás"}, "D"},
	{12, raceBlack, notHispanic, "eng",
		[]string{"Washington-Hale", "Booker", "Freeman", "Gaines", "Holloway", "Jefferson", "Langston", "Mosley", "Pettiford", "Roundtree", "Sterling", "Tolliver", "Whitfield", "Bolden", "Ja'Mar-Ellis"},
		[]string{"Aaliyah", "Denise", "Ebony", "Imani", "Keisha", "La'Toya", "Monique", "Tamika", "Yolanda"},
		[]string{"Andre", "Darnell", "De'Shawn", "Isaiah", "Jamal", "Malik", "Marcus", "Terrence", "Tyrone"}, "T"},
	{3, raceBlack, notHispanic, "hat",
		[]string{"Jean-Baptiste", "Toussaint", "Pierre-Louis", "Désir", "Saint-Fleur", "Méhu", "Célestin", "Estimé"},
		[]string{"Marie-Ange", "Fabiola", "Nadège", "Roseline", "Guerda"},
		[]string{"Jean-Claude", "Wilner", "Frantz", "Réginald", "Stéphane"}, "C"},
	{3, raceBlack, notHispanic, "som",
		[]string{"Abdullahi", "Warsame", "Okonkwo", "Adébáyò", "Mwangi", "Tesfaye", "N'Diaye", "Mensah", "Kamara"},
		[]string{"Amina", "Chioma", "Fatou", "Hodan", "Selam", "Wanjiru"},
		[]string{"Abdi", "Chukwu", "Kwame", "Mamadou", "Dawit", "Yusuf"}, ""},
	{3, raceAsian, notHispanic, "chi",
		[]string{"Chen", "Huang", "Lin", "Ouyang", "Xu", "Zhao", "Lü", "Wei", "Zhang"},
		[]string{"Mei-Ling", "Xiu", "Yan", "Hui", "Jia"},
		[]string{"Wei", "Jian", "Guo-Liang", "Hao", "Ming"}, ""},
	{2, raceAsian, notHispanic, "vie",
		[]string{"Nguyễn", "Trần", "Lê", "Phạm", "Đặng", "Bùi"},
		[]string{"Thị Hoa", "Lan", "Mai", "Thúy"},
		[]string{"Văn Minh", "Đức", "Tuấn", "Hùng"}, ""},
	{3, raceAsian, notHispanic, "hin",
		[]string{"Chatterjee", "Iyer", "Kapoor", "Mehta", "Raghavan", "Singh", "Venkataraman", "Bhattarai", "Gurung"},
		[]string{"Ananya", "Deepa", "Kavita", "Lakshmi", "Priya", "Sita"},
		[]string{"Arjun", "Hari", "Nikhil", "Rajesh", "Sanjay", "Vikram"}, ""},
	{2, raceAsian, notHispanic, "kar",
		[]string{"Htoo", "Paw", "Say", "Thein", "Win", "Moo"},
		[]string{"Eh", "Ku", "Naw", "Hser"}, []string{"Saw", "Ler", "Kyaw", "Htun"}, ""},
	{3, raceWhite, notHispanic, "ara",
		[]string{"Al-Hakim", "El-Masri", "Haddad", "Khoury", "Nasser", "Ben Youssef", "Al Rashidi"},
		[]string{"Amal", "Layla", "Noor", "Rania", "Yasmin"}, []string{"Ahmad", "Bilal", "Karim", "Omar", "Tariq"}, ""},
	{4, raceWhite, notHispanic, "ukr",
		[]string{"Kovačević", "Hadžić", "Petrenko", "Shevchuk", "Begović", "Žukov", "Čolić", "Bondarenko", "Imširović"},
		[]string{"Oksana", "Jasmina", "Nataliya", "Senada", "Željka"}, []string{"Bohdan", "Emir", "Mykola", "Taras", "Željko"}, "V"},
	{2, raceNative, notHispanic, "eng",
		[]string{"Blackfeather", "Greenleaf", "Longboat", "Skye", "Swiftwater", "Thunderhill", "Two Rivers", "Silverheels"},
		[]string{"Dawn", "Winona", "Joanne", "Sharon"}, []string{"Leon", "Oren", "Irving", "Wendell"}, ""},
	{1, raceWhite, notHispanic, "eng",
		[]string{"Bjørnstad", "Ångström", "Lindqvist", "Sørensen", "Þorvald", "Mäkinen"},
		[]string{"Åse", "Kirsten", "Maja"}, []string{"Bjørn", "Søren", "Lars"}, ""},
}

// suffixes of men named after their fathers.
const (
	senior = "SR"
	junior = "JR"
)
