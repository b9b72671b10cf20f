package appliancecheck

import (
	"context"
	"fmt"
	"strings"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/preflight"
	"runecast-ingest/internal/store"
)

// archive writes, deletes and reads in the bucket.
func (c *check) archive(ctx context.Context) preflight.Row {
	limited, cancel := context.WithTimeout(ctx, preflight.ReachTime)
	defer cancel()
	err := c.o.Archive.TryWrite(limited, archive.RunCheckKey)
	var run store.Doc[archive.Run]
	if err == nil {
		run, err = c.o.Archive.ActiveRun(limited)
	}
	if err != nil {
		return c.S3(limited, err)
	}
	c.last = &run.Value
	return preflight.Passed(fmt.Sprintf("s3://%s/%s was written and deleted", c.o.Bucket, archive.RunCheckKey))
}

// role says what is known about the right to start an analysis: no harmless call
// proves it.
func (c *check) role(context.Context) preflight.Row {
	unknown := preflight.Skip("not proven until the first trigger: no call proves it without starting an analysis")
	unknown.Cure = `to analyse, the token must be an Admin's; {"mode":"latest"} needs a read-only one`
	if c.last == nil || c.last.Mode != "analyze" {
		return unknown
	}
	for _, s := range c.last.Systems {
		switch {
		case strings.Contains(s.Reason, "(403)"):
			return preflight.Warn(fmt.Sprintf("the run %s was refused to start an analysis (403)", c.last.ID),
				`store an Admin's token in the secret, or use {"mode":"latest"}; if it was replaced since, a run with {} proves it`)
		case s.State == archive.SystemArchived, s.State == archive.SystemScanning:
			unknown = preflight.Passed(fmt.Sprintf("the run %s started analyses with the token of its time", c.last.ID))
		}
	}
	return unknown
}
