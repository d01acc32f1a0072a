package lockport

// RegionZone is the time zone (IANA name) of the region: senders without one of
// their own are read in it, and the days of forms begin and end in it. It is a
// constant and not a setting, because the record must come out the same on every
// rebuild.
const RegionZone = "America/New_York"
