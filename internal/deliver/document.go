package deliver

import (
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

// sum returns the figures of all scans together, and the state and the reason of the
// scan that ranks highest: sending, failed, complete, superseded.
func sum(scans []archive.SystemScan) archive.Scan {
	total := archive.Scan{Order: scans[0].Order, State: archive.DeliverySuperseded, Generation: scans[0].Generation}
	rank := map[string]int{archive.DeliverySuperseded: 0, archive.DeliveryComplete: 1, archive.DeliveryFailed: 2, archive.DeliverySending: 3}
	for i := range scans {
		s := &scans[i]
		if rank[s.State] >= rank[total.State] {
			total.State, total.Reason = s.State, s.Reason
		}
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
// document says of another version of a single scan is kept too: scan.begin takes the
// generation's number from it, and how an earlier generation ended.
func recall(v *archive.Delivery, scans []*scan, sameVersion bool) {
	if len(scans) == 1 {
		scans[0].Scan = v.Scan
		scans[0].Force = v.Force && sameVersion // a replay's force is for the version it saw
		return
	}
	if !sameVersion {
		return
	}
	bySystem := map[string]archive.Scan{}
	for _, r := range v.Scans {
		bySystem[r.System.ID] = r.Scan
	}
	for _, s := range scans {
		s.Scan = bySystem[s.System.ID]
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
