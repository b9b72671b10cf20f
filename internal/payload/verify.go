package payload

import (
	"strings"

	"github.com/go-json-experiment/json"

	"runecast-ingest/internal/archive"
)

// VerifyRequest is the payload {"action":"verify"}: a request to ask Grail for the rows
// of the lately committed scans that are due.
type VerifyRequest struct {
	Action string `json:"action"`
	// Key is the one raw object whose scans are asked for, even if they are not due;
	// empty: all scans that are due.
	Key string `json:"key,omitzero"`
}

// ParseVerify reads a request to verify. A member that is not known, or a key
// that is no raw object's, is a fault of class reject.
func ParseVerify(text []byte) (req VerifyRequest, err error) {
	const cure = `send {"action":"verify"}, or {"action":"verify","key":"raw/…"}`
	if err := json.Unmarshal(text, &req, json.RejectUnknownMembers(true)); err != nil {
		return req, reject("cannot be understood: "+Explain(err), cure)
	}
	if err := checkValues(text); err != nil {
		return req, err
	}
	if req.Key != "" && !strings.HasPrefix(req.Key, archive.RawPrefix) {
		return req, reject("cannot be understood: key does not begin with "+archive.RawPrefix, cure)
	}
	return req, nil
}

// VerifyAnswer is the answer to a verification.
type VerifyAnswer struct {
	// Asked is the number of scans that Grail was asked about; Proven, Short, Over and
	// Unknown are how many of them are in that state now.
	Asked   int `json:"asked"`
	Proven  int `json:"proven"`
	Short   int `json:"short"`
	Over    int `json:"over"`
	Unknown int `json:"unknown"`
	// Later counts lately committed scans that are not due yet.
	Later int `json:"later"`
	// Expected, Indexed, Missing and Doubled are numbers of rows of the scans about which
	// Grail answered; see archive.Arrival.
	Expected int64 `json:"expected"`
	Indexed  int64 `json:"indexed"`
	Missing  int64 `json:"missing"`
	Doubled  int64 `json:"doubled"`
	// Queries is the number of queries that were sent.
	Queries int `json:"queries"`
	// ScannedBytes is what Grail read, by which Dynatrace bills a query.
	ScannedBytes int64 `json:"scannedBytes"`
	// Resent counts scans that were sent again because rows are missing.
	Resent int `json:"resent,omitzero"`
	// Attention lists at most 50 of the scans that are short or over.
	Attention []ArrivalAttention `json:"attention"`
	// Reasons say why Grail did not answer.
	Reasons []string `json:"reasons"`
	// Next says what to do now.
	Next string `json:"next"`
}

// ArrivalAttention is a scan whose arrival is short or over, with its numbers of rows.
type ArrivalAttention struct {
	Key        string `json:"key"`
	System     string `json:"system"`
	ScanID     string `json:"scanId"`
	State      string `json:"state"`
	Expected   int64  `json:"expected"`
	Indexed    int64  `json:"indexed"`
	Missing    int64  `json:"missing"`
	Doubled    int64  `json:"doubled"`
	ScanEvents int64  `json:"scanEvents"`
	Reason     string `json:"reason"`
}
