package preflight

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"runecast-ingest/internal/fault"
)

// Secret reads the credential anew.
func (r *Route) Secret(ctx context.Context) Row {
	limited, cancel := context.WithTimeout(ctx, ReachTime)
	defer cancel()
	cred, err := r.Credentials.Get(limited)
	if limited.Err() != nil && err != nil {
		return Fail("Secrets Manager did not answer in "+ReachTime.String(),
			fmt.Sprintf("in a VPC, add the interface endpoint com.amazonaws.%s.secretsmanager to the function's subnets, with private DNS, or a NAT gateway", r.Region))
	}
	if err != nil {
		row := Failure(err)
		row.Cure = strings.ReplaceAll(row.Cure, "<region>", r.Region)
		return row
	}
	r.Credential = cred
	detail := "readable: a token"
	if cred.CAPEM != "" {
		detail += ", an authority (ca_pem)"
	}
	if cred.SPKISHA256 != "" {
		detail += ", a pinned key (spki_sha256)"
	}
	return Passed(detail)
}

// S3 makes a row of an error of S3, whose call had this context.
func (r *Route) S3(ctx context.Context, err error) Row {
	gateway := fmt.Sprintf("in a VPC, add the gateway endpoint com.amazonaws.%s.s3 to the route tables of the function's subnets, or a NAT gateway", r.Region)
	if ctx.Err() != nil {
		return Fail("S3 did not answer in "+ReachTime.String(), gateway)
	}
	row := Failure(err)
	if row.Cure == "" && fault.ClassOf(err) == fault.Retry {
		row.Cure = gateway
	}
	return row
}

// Late says why an error of a call with a limit of its own came.
func Late(ctx context.Context, err error, host string) error {
	if ctx.Err() == nil || !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &fault.Error{Class: fault.Retry, Where: host, What: "it took the connection but gave no answer in time",
		Cure: "look at its load, and whether it is restarting or updating itself"}
}
