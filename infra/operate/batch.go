package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"runecast-ingest/internal/fault"
)

// batch is a job of S3 Batch Operations that replays all raw objects under a
// prefix that were stored since a day.
type batch struct {
	*session
	prefix, since string
}

func (s *session) replayBatchCommand() *cobra.Command {
	b := batch{session: s}
	c := s.onStack("replay-batch", "Make a job of S3 Batch Operations that replays very many objects", func(ctx context.Context, _ []string) error { return b.create(ctx) })
	c.Long = "Makes a job of S3 Batch Operations that replays the raw results under a prefix, created since a day. The job waits until\n" +
		"it is confirmed. Needs the right to make the job, and to pass its role to S3."
	c.Example = "  runecast-ingest replay-batch --prefix raw/v1/dt=2026-11- --since 2026-11-01"
	c.Flags().StringVar(&b.prefix, "prefix", "", "raw results whose keys begin with this `text`")
	c.Flags().StringVar(&b.since, "since", "", "those created since this `day`")
	prepare := c.PreRunE
	c.PreRunE = func(c *cobra.Command, args []string) error {
		if err := prepare(c, args); err != nil {
			return err
		}
		return b.wrong()
	}
	return c
}

// wrong returns an error if a flag has an impossible value.
func (b *batch) wrong() error {
	switch _, err := time.Parse(time.DateOnly, b.since); {
	case !strings.HasPrefix(b.prefix, "raw/"):
		return &fault.Error{Class: fault.Config, What: fmt.Sprintf("--prefix %q is not one of raw results", b.prefix), Cure: "let it begin with raw/, as in --prefix raw/v1/dt=2026-11-"}
	case err != nil:
		return &fault.Error{Class: fault.Config, What: fmt.Sprintf("--since %q is not a day", b.since), Cure: "name one, as in --since 2026-11-01"}
	}
	return nil
}

// create makes the job, and says how it is confirmed. A crash after the call that
// makes the job leaves it waiting, and nothing is replayed: the operator sees it
// in the S3 console and cancels it.
func (b *batch) create(ctx context.Context) error {
	// Older versions know neither arguments for the forwarder nor the filter by prefix.
	if err := b.aws.atLeast(ctx, "replay-batch", [3]int{1, 30, 6}, [3]int{2, 13, 39}); err != nil {
		return err
	}
	outputs := map[string]string{}
	for _, name := range []string{"ArchiveBucketName", "ForwarderArn", "BatchReplayRoleArn"} {
		var err error
		if outputs[name], err = b.output(ctx, name); err != nil {
			return err
		}
	}
	bucket, role := outputs["ArchiveBucketName"], outputs["BatchReplayRoleArn"]
	arn := strings.Split(role, ":") // arn:aws:iam::account:role/name
	if len(arn) < 6 {
		return &fault.Error{Class: fault.Config, Where: b.stack, What: fmt.Sprintf("the stack's output BatchReplayRoleArn is %q, which is no ARN", role), Cure: "deploy the stack anew"}
	}
	partition, account := arn[1], arn[4]
	job, err := json.Marshal(b.job(account, "arn:"+partition+":s3:::"+bucket, outputs["ForwarderArn"], role), json.Deterministic(true))
	if err != nil {
		return fmt.Errorf("write the job: %w", err)
	}
	// The token makes S3 take a call that is repeated within a minute for the same job.
	token := uuid.NewSHA1(uuid.Nil, append(job, b.now().UTC().Format("200601021504")...)).String()
	out, err := b.aws.run(ctx, "s3control", "create-job", "--cli-input-json", string(job), "--output", "text", "--query", "JobId", "--client-request-token", token)
	if err != nil {
		return err
	}
	id := strings.TrimSpace(string(out))
	b.say("The job %s lists its objects, then waits. Its state, and how many objects it found:", id)
	b.say("  aws s3control describe-job --account-id %s --job-id %s --query 'Job.[Status,ProgressSummary.TotalNumberOfTasks]'", account, id)
	b.say("When it says Suspended, confirm it, or cancel it with Cancelled:")
	b.say("  aws s3control update-job-status --account-id %s --job-id %s --requested-job-status Ready", account, id)
	b.say("Its report will lie in s3://%s/reports/.", bucket)
	return nil
}

// output returns the value of one of the stack's outputs; a missing one is an error.
func (b *batch) output(ctx context.Context, name string) (string, error) {
	out, err := b.aws.run(ctx, "cloudformation", "describe-stacks", "--stack-name", b.stack, "--output", "text",
		"--query", "Stacks[0].Outputs[?OutputKey=='"+name+"'].OutputValue")
	value := strings.TrimSpace(string(out))
	if err == nil && value == "" {
		err = &fault.Error{Class: fault.Config, Where: b.stack, What: "the stack has no output " + name, Cure: "deploy it anew"}
	}
	return value, err
}

// job returns the request CreateJob of S3 Control; archive, forwarder and role are
// ARNs.
func (b *batch) job(account, archive, forwarder, role string) map[string]any {
	return map[string]any{
		"AccountId":            account,
		"ConfirmationRequired": true,
		"Description":          "Replay of raw results since " + b.since,
		"Priority":             10,
		"RoleArn":              role,
		"Operation": map[string]any{"LambdaInvoke": map[string]any{
			"FunctionArn": forwarder, "InvocationSchemaVersion": "2.0", "UserArguments": map[string]any{"action": "replay"},
		}},
		"ManifestGenerator": map[string]any{"S3JobManifestGenerator": map[string]any{
			"ExpectedBucketOwner": account, "SourceBucket": archive, "EnableManifestOutput": false,
			"Filter": map[string]any{"CreatedAfter": b.since + "T00:00:00Z", "KeyNameConstraint": map[string]any{"MatchAnyPrefix": []string{b.prefix}}},
		}},
		"Report": map[string]any{
			"Enabled": true, "Bucket": archive, "ExpectedBucketOwner": account, "Prefix": "reports", "Format": "Report_CSV_20180820", "ReportScope": "AllTasks",
		},
	}
}
