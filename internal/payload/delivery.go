package payload

// DeliveryAnswer is what the forwarder answers to a sweep and to a bare S3 event.
type DeliveryAnswer struct {
	// Objects is the number of raw objects that were looked at.
	Objects int `json:"objects"`
	// Complete, Superseded and Failed ended; Pending are left to a later trigger.
	Complete   int `json:"complete"`
	Superseded int `json:"superseded"`
	Failed     int `json:"failed"`
	Pending    int `json:"pending"`
	// Left are left to the sweep: a newer scan of their system is in the archive.
	Left int `json:"left,omitzero"`
	// Gone are named by an event, but not in the archive any more.
	Gone int `json:"gone,omitzero"`
	// Mapped events are those accepted, quarantined and skipped by configuration.
	Mapped      int64 `json:"mapped"`
	Accepted    int64 `json:"accepted"`
	Quarantined int64 `json:"quarantined"`
	Skipped     int64 `json:"skipped"`
	Requests    int64 `json:"requests"`
	// Bytes of the bodies sent.
	Bytes int64 `json:"bytes"`
	// Reasons say why objects failed or were left.
	Reasons []string `json:"reasons"`
	// Next says what to do now.
	Next string `json:"next"`
}
