// Package dynatrace holds the files that a person imports into Dynatrace: queries,
// a dashboard that is made of them, and a workflow. Its tests promise that every
// field which these files read is a field that the forwarder sends.
package dynatrace

import _ "embed" // of the query

//go:embed queries/first-rows.dql
var firstRows string

// FirstRows returns the query, in DQL, that shows which rows have arrived.
func FirstRows() string { return firstRows }
