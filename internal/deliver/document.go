package deliver

import (
	"slices"

	"runecast-ingest/internal/archive"
)

// In memory a delivery has a list of scans, also for one scan. Its document has the
// members of a single scan inline, as archive/FORMATS.md describes them. For several
// scans it has a list, and their sum inline.

// recorded returns the scans of a delivery document. A document of one scan names the
// scan's system only if the raw key does not, and in older releases never.
func recorded(v *archive.Delivery) []archive.SystemScan {
	if len(v.Scans) > 0 {
		return v.Scans
	}
	return []archive.SystemScan{{System: v.System, Scan: v.Scan}}
}

// record writes the scans into the document in memory. Without scans it changes nothing.
func record(v *archive.Delivery, scans []*scan) {
	switch len(scans) {
	case 0:
		return
	case 1:
		v.System, v.Scan, v.Scans = archive.System{}, scans[0].Scan, nil
		if archive.IsHandMade(v.RawKey) { // the key of an analysis names its system
			v.System = scans[0].System
		}
		return
	}
	v.System, v.Scans = archive.System{}, nil
	for _, s := range scans {
		v.Scans = append(v.Scans, s.SystemScan)
	}
	v.Scan = sum(v.Scans)
}

// sum returns the figures of all scans together, their highest generation, and the state
// and the reason of the scan that ranks highest: sending, failed, complete, superseded.
func sum(scans []archive.SystemScan) archive.Scan {
	total := archive.Scan{Order: scans[0].Order, State: archive.DeliverySuperseded}
	rank := map[string]int{archive.DeliverySuperseded: 0, archive.DeliveryComplete: 1, archive.DeliveryFailed: 2, archive.DeliverySending: 3}
	for i := range scans {
		s := &scans[i]
		if rank[s.State] >= rank[total.State] {
			total.State, total.Reason = s.State, s.Reason
		}
		total.Generation = max(total.Generation, s.Generation)
		total.Mapped += s.Mapped
		total.Accepted += s.Accepted
		total.Quarantined += s.Quarantined
		total.Skipped += s.Skipped
		total.Requests += s.Requests
		total.Bytes += s.Bytes
		total.DuplicatesPossible = total.DuplicatesPossible || s.DuplicatesPossible
	}
	total.Arrival = archive.SumArrivals(scans)
	return total
}

// recall fills the scans of an object with what the document says of them. What the
// document says of another version of the object is kept too: scan.begin takes the
// generation's number from it, and how an earlier generation ended. The number is higher
// than those of all systems in the other version where that has none of the scan's
// system, since the number names the folder of the scan's events in quarantine.
func recall(v *archive.Delivery, scans []*scan, sameVersion bool) {
	documented := recorded(v)
	highest := 0
	for i := range documented {
		highest = max(highest, documented[i].Generation)
	}
	for _, s := range scans {
		of := slices.IndexFunc(documented, func(r archive.SystemScan) bool {
			// A document of one scan may not name its system.
			return r.System.ID == s.System.ID || r.System.ID == "" && len(documented) == 1 && len(scans) == 1
		})
		switch {
		case of >= 0:
			s.Scan = documented[of].Scan
			s.Force = s.Force && sameVersion // a replay's force is for the version it saw
		case !sameVersion:
			s.Generation = highest
		}
	}
}

// known returns the scans of an object that cannot be read, as the document lists them.
// A document about another version of the object gives only the generation's number.
func known(v *archive.Delivery, etag string) []*scan {
	if v.ETag != etag {
		return []*scan{{SystemScan: archive.SystemScan{Scan: archive.Scan{Generation: v.Generation}}}}
	}
	var scans []*scan
	for _, r := range recorded(v) {
		scans = append(scans, &scan{SystemScan: r})
	}
	return scans
}
