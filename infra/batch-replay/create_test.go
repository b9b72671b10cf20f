// Package batchreplay holds the test of the script that makes a replay job of
// S3 Batch Operations. It promises that the script asks AWS for that job alone,
// and for none when it is told something else.
package batchreplay

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const outputs = `#!/bin/sh
echo "$@" >>"$ASKED"
case "$*" in
*ArchiveBucketName*) echo stack-123456789012-eu-central-1 ;;
*ForwarderArn*) echo arn:aws:lambda:eu-central-1:123456789012:function:stack-forwarder ;;
*BatchReplayRoleArn*) echo arn:aws:iam::123456789012:role/stack-replay ;;
*create-job*) echo job-1 ;;
esac
`

// create runs a copy of the script with a stand-in for the AWS CLI; it gives
// what the CLI was asked, and the job.
func create(t *testing.T, args ...string) (asked string, job []byte, err error) {
	t.Helper()
	root := t.TempDir()
	home := filepath.Join(root, "infra", "batch-replay")
	if err := os.MkdirAll(home, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"create", "job.json"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(home, name), text, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "aws"), []byte(outputs), 0o755); err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(root, "asked")
	command := exec.CommandContext(t.Context(), "bash", append([]string{filepath.Join(home, "create")}, args...)...)
	command.Env = append(os.Environ(), "PATH="+root+":"+os.Getenv("PATH"), "ASKED="+log)
	err = command.Run()
	text, _ := os.ReadFile(log) // missing: nothing was asked
	job, _ = os.ReadFile(filepath.Join(root, "out", "replay-job.json"))
	return string(text), job, err
}

func TestJobReplaysThePrefixOnly(t *testing.T) {
	t.Parallel()
	asked, text, err := create(t, "stack", "raw/v1/dt=2026-11-", "2026-11-01")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(asked, "create-job") != 1 {
		t.Errorf("asked AWS for %q", asked)
	}
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
				SourceBucket string
				Filter       struct {
					CreatedAfter      string
					KeyNameConstraint struct{ MatchAnyPrefix []string }
				}
			}
		}
		Report struct{ Bucket, Prefix string }
	}
	if err := json.Unmarshal(text, &job); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	invoke, source := job.Operation.LambdaInvoke, job.ManifestGenerator.S3JobManifestGenerator
	for what, pair := range map[string][2]string{
		"account":  {job.AccountID, "123456789012"},
		"role":     {job.RoleArn, "arn:aws:iam::123456789012:role/stack-replay"},
		"function": {invoke.FunctionArn, "arn:aws:lambda:eu-central-1:123456789012:function:stack-forwarder"},
		"schema":   {invoke.InvocationSchemaVersion, "2.0"},
		"action":   {invoke.UserArguments["action"], "replay"},
		"source":   {source.SourceBucket, "arn:aws:s3:::stack-123456789012-eu-central-1"},
		"since":    {source.Filter.CreatedAfter, "2026-11-01T00:00:00Z"},
		"prefix":   {strings.Join(source.Filter.KeyNameConstraint.MatchAnyPrefix, ","), "raw/v1/dt=2026-11-"},
		"report":   {job.Report.Bucket + "/" + job.Report.Prefix, "arn:aws:s3:::stack-123456789012-eu-central-1/reports"},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s is %q, not %q", what, pair[0], pair[1])
		}
	}
	if !job.ConfirmationRequired || strings.Contains(string(text), "@") {
		t.Errorf("starts unasked, or is not filled in: %s", text)
	}
}

func TestNothingIsAskedForNonsense(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"nothing":        {},
		"another prefix": {"stack", "delivery/", "2026-11-01"},
		"a quote":        {"stack", `raw/v1/"`, "2026-11-01"},
		"a bar":          {"stack", "raw/v1/|e", "2026-11-01"},
		"no day":         {"stack", "raw/v1/", "yesterday"},
		"month 13":       {"stack", "raw/v1/", "2026-13-01"},
		"no stack":       {"", "raw/v1/", "2026-11-01"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if asked, job, err := create(t, args...); err == nil || asked != "" || job != nil {
				t.Errorf("asked AWS for %q, made %s, ended with %v", asked, job, err)
			}
		})
	}
}
