package payload

// DeliveryAnswer is the answer to a sweep, and to an S3 event that comes bare or by
// EventBridge.
type DeliveryAnswer struct {
	// Objects is the number of raw objects that were looked at.
	Objects int `json:"objects"`
	// Complete, Superseded and Failed count the deliveries that ended; Pending counts
	// those that are still open.
	Complete   int `json:"complete"`
	Superseded int `json:"superseded"`
	Failed     int `json:"failed"`
	Pending    int `json:"pending"`
	// Left counts objects that are left to the sweep, because a newer scan of their
	// system is in the archive.
	Left int `json:"left,omitzero"`
	// Gone counts objects that an event names, and that are not in the archive any more.
	Gone int `json:"gone,omitzero"`
	// Mapped is the number of events; some are accepted, some quarantined, and some
	// skipped, because the settings leave them out.
	Mapped      int64 `json:"mapped"`
	Accepted    int64 `json:"accepted"`
	Quarantined int64 `json:"quarantined"`
	Skipped     int64 `json:"skipped"`
	Requests    int64 `json:"requests"`
	// Bytes is the size of the request bodies that were sent.
	Bytes int64 `json:"bytes"`
	// Reasons say why objects failed or are still open.
	Reasons []string `json:"reasons"`
	// Next says what to do now.
	Next string `json:"next"`
}
