package simulate

// county is a county of New York with its places. Which counties an exchange
// covers is configuration; this list is an illustration.
type county struct {
	fips   string // five-digit FIPS code
	name   string
	area   string // telephone area code
	weight int    // thousands of inhabitants
	places []place
}

// place is a city or village; the coordinates lie inside its county, at least
// two kilometres from the border.
type place struct {
	city, zip string
	lat, lon  float64
}

// counties is ordered so that a small region, which takes the first few, is
// one that hangs together.
var counties = []county{
	{"36067", "Onondaga", "315", 476, []place{{"SYRACUSE", "13202", 43.041, -76.150}, {"SYRACUSE", "13210", 43.035, -76.127}, {"SYRACUSE", "13204", 43.045, -76.175}, {"LIVERPOOL", "13088", 43.107, -76.218}, {"FAYETTEVILLE", "13066", 43.030, -76.010}, {"BALDWINSVILLE", "13027", 43.155, -76.330}}},
	{"36065", "Oneida", "315", 232, []place{{"UTICA", "13501", 43.090, -75.250}, {"UTICA", "13502", 43.120, -75.240}, {"ROME", "13440", 43.213, -75.456}}},
	{"36011", "Cayuga", "315", 76, []place{{"AUBURN", "13021", 42.932, -76.566}, {"MORAVIA", "13118", 42.713, -76.422}, {"WEEDSPORT", "13166", 43.049, -76.562}}},
	{"36075", "Oswego", "315", 117, []place{{"OSWEGO", "13126", 43.435, -76.500}, {"FULTON", "13069", 43.323, -76.410}}},
	{"36053", "Madison", "315", 68, []place{{"ONEIDA", "13421", 43.075, -75.675}, {"CAZENOVIA", "13035", 42.930, -75.853}, {"HAMILTON", "13346", 42.827, -75.545}}},
	{"36109", "Tompkins", "607", 106, []place{{"ITHACA", "14850", 42.444, -76.502}, {"DRYDEN", "13053", 42.491, -76.297}, {"GROTON", "13073", 42.575, -76.367}}},
	{"36023", "Cortland", "607", 47, []place{{"CORTLAND", "13045", 42.601, -76.181}, {"HOMER", "13077", 42.637, -76.179}}},
	{"36007", "Broome", "607", 199, []place{{"BINGHAMTON", "13901", 42.110, -75.910}, {"ENDICOTT", "13760", 42.110, -76.055}, {"JOHNSON CITY", "13790", 42.118, -75.959}, {"VESTAL", "13850", 42.080, -76.050}}},
	{"36043", "Herkimer", "315", 60, []place{{"HERKIMER", "13350", 43.035, -74.990}, {"ILION", "13357", 43.010, -75.045}}},
	{"36045", "Jefferson", "315", 117, []place{{"WATERTOWN", "13601", 43.975, -75.911}, {"ADAMS", "13605", 43.810, -76.024}}},
	{"36049", "Lewis", "315", 27, []place{{"LOWVILLE", "13367", 43.787, -75.492}}},
	{"36089", "St. Lawrence", "315", 108, []place{{"CANTON", "13617", 44.596, -75.169}, {"POTSDAM", "13676", 44.670, -74.981}, {"GOUVERNEUR", "13642", 44.337, -75.463}}},
	{"36017", "Chenango", "607", 47, []place{{"NORWICH", "13815", 42.531, -75.524}, {"GREENE", "13778", 42.330, -75.770}}},
	{"36025", "Delaware", "607", 44, []place{{"DELHI", "13753", 42.278, -74.916}, {"WALTON", "13856", 42.170, -75.129}}},
	{"36077", "Otsego", "607", 58, []place{{"ONEONTA", "13820", 42.460, -75.060}, {"COOPERSTOWN", "13326", 42.690, -74.930}}},
	{"36107", "Tioga", "607", 48, []place{{"OWEGO", "13827", 42.103, -76.262}, {"NEWARK VALLEY", "13811", 42.223, -76.187}}},
	{"36015", "Chemung", "607", 84, []place{{"ELMIRA", "14901", 42.095, -76.800}, {"HORSEHEADS", "14845", 42.167, -76.820}}},
	{"36097", "Schuyler", "607", 18, []place{{"WATKINS GLEN", "14891", 42.375, -76.870}, {"MONTOUR FALLS", "14865", 42.347, -76.845}}},
	{"36101", "Steuben", "607", 94, []place{{"CORNING", "14830", 42.143, -77.055}, {"BATH", "14810", 42.337, -77.318}, {"HORNELL", "14843", 42.320, -77.640}}},
	{"36119", "Westchester", "914", 1004, []place{{"WHITE PLAINS", "10601", 41.034, -73.763}, {"YONKERS", "10701", 40.950, -73.870}, {"MOUNT KISCO", "10549", 41.204, -73.727}, {"PEEKSKILL", "10566", 41.285, -73.900}}},
	{"36087", "Rockland", "845", 338, []place{{"NEW CITY", "10956", 41.148, -73.989}, {"SPRING VALLEY", "10977", 41.113, -74.044}}},
	{"36071", "Orange", "845", 401, []place{{"MIDDLETOWN", "10940", 41.446, -74.423}, {"NEWBURGH", "12550", 41.503, -74.040}, {"GOSHEN", "10924", 41.402, -74.324}}},
	{"36027", "Dutchess", "845", 296, []place{{"POUGHKEEPSIE", "12601", 41.700, -73.905}, {"FISHKILL", "12524", 41.535, -73.899}, {"RHINEBECK", "12572", 41.927, -73.900}}},
	{"36079", "Putnam", "845", 98, []place{{"CARMEL", "10512", 41.430, -73.680}, {"MAHOPAC", "10541", 41.375, -73.734}}},
	{"36111", "Ulster", "845", 182, []place{{"KINGSTON", "12401", 41.935, -74.020}, {"NEW PALTZ", "12561", 41.748, -74.087}, {"ELLENVILLE", "12428", 41.717, -74.396}}},
	{"36105", "Sullivan", "845", 79, []place{{"MONTICELLO", "12701", 41.656, -74.689}, {"LIBERTY", "12754", 41.801, -74.747}}},
}

// streets are the street names of every place; some need an escape in HL7.
var streets = []string{
	"MAIN ST", "GENESEE ST", "ELM ST", "STATE ST", "CHURCH ST", "MAPLE AVE", "CANAL ST", "PROSPECT AVE", "LAKE RD", "MILL ST",
	"SOUTH AVE", "WALNUT ST", "PARK PL", "HIGHLAND AVE", "RIVER RD", "COURT ST", "W ONONDAGA ST", "SENECA TPKE", "COUNTY RTE 12",
	"RTE 5 & 20", "CEDAR LN", "DIVISION ST", "COLLEGE AVE", "UNION ST", "GRANT BLVD", "BUTTERNUT ST", "OLD POST RD", "ERIE BLVD E",
}
