// Package dynatrace is what is imported into Dynatrace: the queries, the
// dashboard that is made of them, and the workflow. Its tests promise that
// every field that is read is one that is sent.
package dynatrace

import _ "embed" // of the query

//go:embed queries/first-rows.dql
var firstRows string

// FirstRows is the query, in DQL, that shows which rows have arrived.
func FirstRows() string { return firstRows }
