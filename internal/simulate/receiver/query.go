package receiver

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
)

// Paths of the query service (@dynatrace-sdk/client-query 1.23.1, class
// QueryExecutionClient).
const (
	QueryRoot   = "/platform/storage/query/v1/query:"
	ExecutePath = QueryRoot + "execute"
	PollPath    = QueryRoot + "poll"
	CancelPath  = QueryRoot + "cancel"
)

// Querying is how the query service behaves.
type Querying struct {
	// Token is the only token that may query, sent as Bearer; empty: Options.Token, if
	// that is a platform token.
	Token string
	// Forbidden means that the token may not read the table (403).
	Forbidden bool
	// Takes is how long a query runs.
	Takes time.Duration
	// OtherBytes is the size of other senders' events, in bytes, that each query scans
	// in addition to the receiver's own.
	OtherBytes int64
}

// query is a query that was executed.
type query struct {
	text  string
	dql   dql
	limit int64 // bytes; 0: none
	ready time.Time
}

const (
	running   = "RUNNING"
	succeeded = "SUCCEEDED"
	// resultTTL is how long a result is kept, in seconds.
	resultTTL = 399
)

// queryAnswer is a QueryStartResponse, or without RequestToken a QueryPollResponse.
type queryAnswer struct {
	State        string       `json:"state"`
	RequestToken string       `json:"requestToken,omitzero"`
	TTL          int          `json:"ttlSeconds"`
	Progress     int          `json:"progress"`
	Result       *queryResult `json:"result,omitzero"`
}

type queryResult struct {
	Records  []map[string]any `json:"records"`
	Types    []rangedTypes    `json:"types"`
	Metadata struct {
		Grail grailMetadata `json:"grail"`
	} `json:"metadata"`
}

type rangedTypes struct {
	IndexRange []int                `json:"indexRange"`
	Mappings   map[string]fieldType `json:"mappings"`
}

type fieldType struct {
	Type string `json:"type"`
}

type grailMetadata struct {
	CanonicalQuery string `json:"canonicalQuery"`
	Query          string `json:"query"`
	QueryID        string `json:"queryId"`
	Timezone       string `json:"timezone"`
	Locale         string `json:"locale"`
	DQLVersion     string `json:"dqlVersion"`
	Timeframe      struct {
		Start time.Time `json:"start"`
		End   time.Time `json:"end"`
	} `json:"analysisTimeframe"`
	ScannedRecords    int64               `json:"scannedRecords"`
	ScannedBytes      int64               `json:"scannedBytes"`
	ScannedDataPoints int64               `json:"scannedDataPoints"`
	Milliseconds      int64               `json:"executionTimeMilliseconds"`
	Sampled           bool                `json:"sampled"`
	Notifications     []queryNotification `json:"notifications"`
}

type queryNotification struct {
	Severity string `json:"severity"`
	Type     string `json:"notificationType"`
	Message  string `json:"message"`
}

// Query answers as the query service does, without asking Intercept: execute, poll
// and cancel.
func (r *Receiver) Query(w http.ResponseWriter, req *http.Request) {
	method := http.MethodPost
	if req.URL.Path == PollPath {
		method = http.MethodGet
	}
	no := r.mayQuery(req)
	if req.Method != method {
		no = refuse(http.StatusMethodNotAllowed, "method %s is not allowed", req.Method)
	}
	if no == nil {
		switch req.URL.Path {
		case ExecutePath:
			no = r.execute(w, req)
		case PollPath:
			no = r.poll(w, req)
		case CancelPath:
			no = r.cancel(w, req)
		default:
			no = refuse(http.StatusNotFound, "no endpoint at %s", req.URL.Path)
		}
	}
	if no != nil {
		r.countRefusal(no.status)
		no.write(w)
	}
}

// mayQuery refuses a request without the token that may query: 401, or 403 if the
// token may not read the table.
func (r *Receiver) mayQuery(req *http.Request) *refusal {
	r.mu.Lock()
	q := r.options.Querying
	r.mu.Unlock()
	if q.Token == "" && strings.HasPrefix(r.token(), platformPrefix) {
		q.Token = r.token()
	}
	switch {
	case q.Token == "" || req.Header.Get("Authorization") != "Bearer "+q.Token:
		return refuse(http.StatusUnauthorized, "the token is missing or invalid")
	case q.Forbidden:
		no := refuse(http.StatusForbidden, "NOT_AUTHORIZED_FOR_TABLE")
		no.details = map[string]any{
			"exceptionType": "NOT_AUTHORIZED_FOR_TABLE", "errorMessage": "The table security.events is not authorized.",
			"missingScopes": []string{"storage:security.events:read"},
		}
		return no
	}
	return nil
}

// execute answers 200 with the result if it is there at once, else 202.
func (r *Receiver) execute(w http.ResponseWriter, req *http.Request) *refusal {
	var asked struct {
		Query     string `json:"query"`
		ScanLimit int64  `json:"defaultScanLimitGbytes"`
	}
	if err := json.UnmarshalRead(req.Body, &asked); err != nil {
		return refuse(http.StatusBadRequest, "the body is not readable: %v", err)
	}
	parsed, err := parseDQL(asked.Query)
	if err != nil {
		no := refuse(http.StatusBadRequest, "PARSE_ERROR")
		no.details = map[string]any{"errorType": "PARSE_ERROR", "errorMessage": err.Error(), "queryString": asked.Query}
		return no
	}
	r.mu.Lock()
	q := query{text: asked.Query, dql: parsed, limit: asked.ScanLimit * 1e9, ready: r.options.Now().Add(r.options.Querying.Takes)}
	token := uuid.NewString()
	r.queries[token] = q
	r.stats.Queries++
	r.mu.Unlock()
	a := r.answer(&q)
	a.RequestToken = token
	status := http.StatusOK
	if a.State == running {
		status = http.StatusAccepted
	}
	writeJSON(w, status, a)
	return nil
}

func (r *Receiver) poll(w http.ResponseWriter, req *http.Request) *refusal {
	q, no := r.known(req)
	if no != nil {
		return no
	}
	writeJSON(w, http.StatusOK, r.answer(&q))
	return nil
}

// cancel answers 200 with the result of a query that has ended, else 202
// without a body.
func (r *Receiver) cancel(w http.ResponseWriter, req *http.Request) *refusal {
	q, no := r.known(req)
	if no != nil {
		return no
	}
	r.mu.Lock()
	delete(r.queries, req.URL.Query().Get("request-token"))
	r.stats.Cancelled++
	r.mu.Unlock()
	if a := r.answer(&q); a.State == succeeded {
		writeJSON(w, http.StatusOK, a)
		return nil
	}
	w.WriteHeader(http.StatusAccepted)
	return nil
}

// known returns the query of the request's token; 410 if there is none.
func (r *Receiver) known(req *http.Request) (query, *refusal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	q, ok := r.queries[req.URL.Query().Get("request-token")]
	if !ok {
		return q, refuse(http.StatusGone, "the query is not known any more")
	}
	return q, nil
}

func (r *Receiver) answer(q *query) queryAnswer {
	if r.options.Now().Before(q.ready) {
		return queryAnswer{State: running, TTL: resultTTL, Progress: 50}
	}
	return queryAnswer{State: succeeded, TTL: resultTTL, Progress: 100, Result: r.result(q)}
}

// result computes what a query finds now.
func (r *Receiver) result(q *query) *queryResult {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.options.Now()
	found := q.dql.run(r.indexed(now), now)
	out := &queryResult{Records: []map[string]any{}, Types: []rangedTypes{}}
	for _, g := range found.groups {
		record := map[string]any{q.dql.count: strconv.FormatInt(g.rows, 10)} // a long comes as text
		for i, by := range q.dql.by {
			record[by.name] = nil
			if !g.values[i].Null() {
				record[by.name] = g.values[i].String()
			}
		}
		out.Records = append(out.Records, record)
	}
	if n := len(out.Records); n > 0 {
		types := map[string]fieldType{q.dql.count: {"long"}}
		for _, by := range q.dql.by {
			types[by.name] = fieldType{"string"}
		}
		out.Types = append(out.Types, rangedTypes{[]int{0, n - 1}, types})
	}
	m := &out.Metadata.Grail
	m.Query, m.CanonicalQuery, m.QueryID, m.Timezone, m.Locale, m.DQLVersion = q.text, q.text, uuid.NewString(), "Z", "und", "V1_0"
	m.Timeframe.Start, m.Timeframe.End = found.from, found.to
	m.ScannedRecords, m.ScannedBytes, m.Milliseconds = found.scanned, found.bytes+r.options.Querying.OtherBytes, 20
	m.Notifications = []queryNotification{}
	if q.limit > 0 && m.ScannedBytes > q.limit {
		m.Notifications = append(m.Notifications, queryNotification{"WARNING", "SCAN_LIMIT_GBYTES",
			fmt.Sprintf("Your execution was stopped after %d gigabytes of data were scanned.", q.limit/1e9)})
	}
	return out
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.MarshalWrite(w, v, json.Deterministic(true)) // the asker may be gone
}
