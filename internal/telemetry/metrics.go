package telemetry

import (
	"io"
	"math"
	"strconv"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// namespace is that of the CloudWatch metrics.
const namespace = "RunecastIngest"

// Metric is one value of a CloudWatch metric.
type Metric struct {
	Name string
	// Unit is Count, Bytes or Seconds.
	Unit  string
	Value float64
}

// Count returns a number as a metric.
func Count[N int | int64](name string, n N) Metric { return Metric{name, "Count", float64(n)} }

// Bytes returns a size as a metric.
func Bytes(name string, n int64) Metric { return Metric{name, "Bytes", float64(n)} }

// Seconds returns a duration as a metric.
func Seconds(name string, d time.Duration) Metric { return Metric{name, "Seconds", d.Seconds()} }

// Metrics writes metrics as log lines that CloudWatch reads (embedded metric format,
// specification of 2023), with the function's name as the dimension. It is safe for
// concurrent use. A nil *Metrics writes nothing.
type Metrics struct {
	w        io.Writer
	function string
	now      func() time.Time
	mu       sync.Mutex
}

// NewMetrics makes the metrics of one function, by its name; now is the wall clock.
func NewMetrics(w io.Writer, function string, now func() time.Time) *Metrics {
	return &Metrics{w: w, function: function, now: now}
}

// Put writes values as one line. Of two values with the same name it writes the first,
// and it leaves out values that are no number. The line's level is INFO, so Lambda drops
// it if its log filter is set to a higher level.
func (m *Metrics) Put(values ...Metric) {
	if m == nil || len(values) == 0 {
		return
	}
	var line struct {
		AWS struct {
			Timestamp         int64       `json:"Timestamp"`
			CloudWatchMetrics []directive `json:"CloudWatchMetrics"`
		} `json:"_aws"`
		Level    string `json:"level"`
		Function string `json:"function"`
	}
	d := directive{Namespace: namespace, Dimensions: [][]string{{"function"}}}
	var members []byte
	names := taken{"_aws": true, "level": true, "function": true}
	for _, v := range values {
		if math.IsNaN(v.Value) || math.IsInf(v.Value, 0) || names[v.Name] {
			continue
		}
		names[v.Name] = true
		d.Metrics = append(d.Metrics, definition{v.Name, v.Unit})
		members, _ = jsontext.AppendQuote(append(members, ','), v.Name)
		members = strconv.AppendFloat(append(members, ':'), v.Value, 'f', -1, 64)
	}
	line.AWS.Timestamp, line.AWS.CloudWatchMetrics = m.now().UnixMilli(), []directive{d}
	line.Level, line.Function = "INFO", m.function
	text, err := json.Marshal(line)
	if err != nil || len(members) == 0 {
		return
	}
	text = append(append(text[:len(text)-1], members...), "}\n"...)
	m.mu.Lock()
	defer m.mu.Unlock()
	_, _ = m.w.Write(text) // nobody could be told of an error
}

type directive struct {
	Namespace  string       `json:"Namespace"`
	Dimensions [][]string   `json:"Dimensions"`
	Metrics    []definition `json:"Metrics"`
}

type definition struct {
	Name string `json:"Name"`
	Unit string `json:"Unit"`
}
