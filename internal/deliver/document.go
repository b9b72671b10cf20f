package deliver

import (
	"runecast-ingest/internal/archive"
)

// A delivery has a list of scans, whatever their number. Its document has the
// members of a single scan inline, as readers of the contract know them; of
// several it has a list, and their sum inline.

// recorded returns the scans of a delivery document. That of one scan says of
// which system it is only where the key does not, and not in older releases.
func recorded(v *archive.Delivery) []archive.SystemScan {
	if len(v.Scans) > 0 {
		return v.Scans
	}
	return []archive.SystemScan{{System: v.System, Scan: v.Scan}}
}

// record puts the scans into the document.
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

// sum is what several scans come to: failed if one failed, complete once all
// have ended.
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

// recall fills the scans of an object with what the document says of them. What it
// says of another version counts only for the number of the generation.
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

// known returns the scans of an object that cannot be read, as far as the
// document knows them: what it says of another version says nothing of this one.
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
