package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestJobReplaysThePrefixOnly(t *testing.T) {
	for _, prefix := range []string{"raw/v1/dt=2026-11-", `raw/manual/O'Brien "$5"/`} {
		s := &script{}
		stdout, stderr, code := s.operate(t, "replay-batch", "--prefix", prefix, "--since", "2026-11-01")
		if code != exitFine || len(s.asked) != 1 || !strings.HasPrefix(s.asked[0], "s3control create-job ") {
			t.Fatalf("exit %d, asked AWS for %q, %s", code, s.asked, stderr)
		}
		text := strings.TrimPrefix(s.asked[0], "s3control create-job ")
		var job struct {
			AccountID            string `json:"AccountId"`
			ConfirmationRequired bool
			RoleArn              string
			Operation            struct {
				LambdaInvoke struct {
					FunctionArn, InvocationSchemaVersion string
					UserArguments                        map[string]string
				}
			}
			ManifestGenerator struct {
				S3JobManifestGenerator struct {
					SourceBucket, ExpectedBucketOwner string
					Filter                            struct {
						CreatedAfter      string
						KeyNameConstraint struct{ MatchAnyPrefix []string }
					}
				}
			}
			Report struct{ Bucket, Prefix, ExpectedBucketOwner string }
		}
		if err := json.Unmarshal([]byte(text), &job); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		invoke, source := job.Operation.LambdaInvoke, job.ManifestGenerator.S3JobManifestGenerator
		for what, pair := range map[string][2]string{
			"account":         {job.AccountID, "123456789012"},
			"role":            {job.RoleArn, "arn:aws:iam::123456789012:role/runecast-ingest-BatchReplayRole"},
			"function":        {invoke.FunctionArn, "arn:aws:lambda:eu-central-1:123456789012:function:runecast-ingest-forwarder"},
			"schema":          {invoke.InvocationSchemaVersion, "2.0"},
			"action":          {invoke.UserArguments["action"], "replay"},
			"source":          {source.SourceBucket, "arn:aws:s3:::" + bucketName},
			"source's owner":  {source.ExpectedBucketOwner, "123456789012"},
			"since":           {source.Filter.CreatedAfter, "2026-11-01T00:00:00Z"},
			"prefix":          {strings.Join(source.Filter.KeyNameConstraint.MatchAnyPrefix, ","), prefix},
			"report":          {job.Report.Bucket + "/" + job.Report.Prefix, "arn:aws:s3:::" + bucketName + "/reports"},
			"report's bucket": {job.Report.ExpectedBucketOwner, "123456789012"},
		} {
			if pair[0] != pair[1] {
				t.Errorf("%s is %q, not %q", what, pair[0], pair[1])
			}
		}
		if !job.ConfirmationRequired || !strings.Contains(stdout, "--account-id 123456789012 --job-id job-1 --requested-job-status Ready") {
			t.Errorf("starts unasked, or does not say how it is confirmed: %s\n%s", text, stdout)
		}
	}
}

func TestNothingIsAskedForNonsense(t *testing.T) {
	for name, args := range map[string][]string{
		"nothing":        {},
		"no day":         {"--prefix", "raw/v1/"},
		"another prefix": {"--prefix", "delivery/", "--since", "2026-11-01"},
		"a word":         {"--prefix", "raw/v1/", "--since", "yesterday"},
		"month 13":       {"--prefix", "raw/v1/", "--since", "2026-13-01"},
		"no stack":       {"--prefix", "raw/v1/", "--since", "2026-11-01", "--stack", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := &script{}
			if _, stderr, code := s.operate(t, append([]string{"replay-batch"}, args...)...); code != exitUsage || len(s.asked) > 0 {
				t.Errorf("asked AWS for %q, exit %d, %s", s.asked, code, stderr)
			}
		})
	}
}

// A CLI that is too old is named, since its own error would not name the cure.
func TestOldCLIIsNamed(t *testing.T) {
	job := []string{"replay-batch", "--prefix", "raw/", "--since", "2026-11-01"}
	for name, c := range map[string]struct {
		version string
		args    []string
		want    string // "": it will do
	}{
		"no filter by prefix":      {"2.9.19", job, "the AWS CLI is 2.9.19, and replay-batch needs 2.13.39 or newer: install a newer one"},
		"just new enough":          {"2.13.39", job, ""},
		"version 1 without filter": {"1.30.5", job, "the AWS CLI is 1.30.5, and replay-batch needs 1.30.6 or newer"},
		"version 1 with it":        {"1.45.0", job, ""},
		"version 1 cannot follow":  {"1.45.0", []string{"logs", "forwarder"}, "the AWS CLI is 1.45.0, and logs needs 2.0.0 or newer"},
		"version 2 can":            {"2.0.0", []string{"logs", "forwarder"}, ""},
		"unreadable":               {"next", job, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := &script{version: c.version}
			_, stderr, code := s.operate(t, c.args...)
			if fine := c.want == ""; fine != (code == exitFine) || fine == (len(s.asked) == 0) || !strings.Contains(stderr, c.want) {
				t.Errorf("exit %d, asked %q, %s", code, s.asked, stderr)
			}
		})
	}
}

func TestLogs(t *testing.T) {
	for args, want := range map[string][]string{
		"logs forwarder": {"/aws/lambda/runecast-ingest-forwarder", "--since", "1h", "--follow"},
		"logs collector --since 2d --follow=false":   {"/aws/lambda/runecast-ingest-collector", "--since", "2d"},
		"logs collector --stage prod --follow=false": {"/aws/lambda/runecast-ingest-prod-collector", "--since", "1h"},
	} {
		s := &script{}
		if _, stderr, code := s.operate(t, strings.Fields(args)...); code != exitFine {
			t.Errorf("%s: exit %d, %s", args, code, stderr)
		}
		if i := slices.IndexFunc(s.calls, func(call []string) bool { return call[0] == "logs" }); i < 0 || !cmp.Equal(s.calls[i][2:], want) {
			t.Errorf("%s: asked %q", args, s.calls)
		}
	}
}
