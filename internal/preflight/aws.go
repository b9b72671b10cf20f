package preflight

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/store"
)

// secret reads the credential anew.
func (r *route) secret(ctx context.Context) Row {
	limited, cancel := context.WithTimeout(ctx, reachTime)
	defer cancel()
	cred, err := r.credentials.Get(limited)
	if limited.Err() != nil && err != nil {
		return bad("Secrets Manager did not answer in "+reachTime.String(),
			fmt.Sprintf("in a VPC, add the interface endpoint com.amazonaws.%s.secretsmanager to the function's subnets, with private DNS, or a NAT gateway", r.Region))
	}
	if err != nil {
		row := failed(err)
		row.Cure = strings.ReplaceAll(row.Cure, "<region>", r.Region)
		return row
	}
	r.cred = cred
	detail := "readable: a token"
	if cred.CAPEM != "" {
		detail += ", an authority (ca_pem)"
	}
	if cred.SPKISHA256 != "" {
		detail += ", a pinned key (spki_sha256)"
	}
	return ok(detail)
}

// s3 makes a row of an error of S3, whose call had this context.
func (r *route) s3(ctx context.Context, err error) Row {
	gateway := fmt.Sprintf("in a VPC, add the gateway endpoint com.amazonaws.%s.s3 to the route tables of the function's subnets, or a NAT gateway", r.Region)
	if ctx.Err() != nil {
		return bad("S3 did not answer in "+reachTime.String(), gateway)
	}
	row := failed(err)
	if row.Cure == "" && fault.ClassOf(err) == fault.Retry {
		row.Cure = gateway
	}
	return row
}

// archive writes, deletes and reads in the bucket.
func (c *check) archive(ctx context.Context) Row {
	limited, cancel := context.WithTimeout(ctx, reachTime)
	defer cancel()
	err := c.o.Archive.TryWrite(limited, archive.RunCheckKey)
	var run store.Doc[archive.Run]
	if err == nil {
		run, err = c.o.Archive.ActiveRun(limited)
	}
	if err != nil {
		return c.s3(limited, err)
	}
	c.last = &run.Value
	return ok(fmt.Sprintf("s3://%s/%s was written and deleted", c.o.Bucket, archive.RunCheckKey))
}

// role tells what is known about the right to scan: no harmless call proves it.
func (c *check) role(context.Context) Row {
	unknown := skipped("not proven until the first trigger: no call tells it without starting an analysis")
	unknown.Cure = `to analyse, the token must be an Admin's; {"mode":"latest"} needs a read-only one`
	if c.last == nil || c.last.Mode != "analyze" {
		return unknown
	}
	for _, s := range c.last.Systems {
		switch {
		case strings.Contains(s.Reason, "(403)"):
			return warning(fmt.Sprintf("the run %s was refused to start an analysis (403)", c.last.ID),
				`store an Admin's token in the secret, or use {"mode":"latest"}; if it was replaced since, a run with {} proves it`)
		case s.State == archive.SystemArchived, s.State == archive.SystemScanning:
			unknown = ok(fmt.Sprintf("the run %s started analyses with the token of its time", c.last.ID))
		}
	}
	return unknown
}

// late says why an error of a call with a limit of its own came.
func late(ctx context.Context, err error, host string) error {
	if ctx.Err() == nil || !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &fault.Error{Class: fault.Retry, Where: host, What: "it took the connection but gave no answer in time",
		Cure: "look at its load, and whether it is restarting or updating itself"}
}
