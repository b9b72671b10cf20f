package main

import (
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.yaml.in/yaml/v3"
)

// realCLIs has the paths of further AWS CLIs, in addition to that of this machine.
var realCLIs = flag.String("aws", "", "paths of further AWS CLIs, separated by commas, in which what is printed for people is typed")

// few returns the commands that are typed without -aws: one of each form, since a
// CLI takes seconds to start.
func few(commands map[string]string) map[string]string {
	if *realCLIs == "" {
		maps.DeleteFunc(commands, func(name, _ string) bool {
			return !slices.Contains([]string{"CheckForwarder", "CollectorLog", "DeadLetters"}, name)
		})
	}
	return commands
}

// clis returns the paths of the real AWS CLIs under test.
func clis(t *testing.T) []string {
	t.Helper()
	var all []string
	for path := range strings.SplitSeq(*realCLIs, ",") {
		if path != "" {
			all = append(all, path)
		}
	}
	if path, err := exec.LookPath("aws"); err == nil && !strings.HasPrefix(path, bin) {
		all = append(all, path)
	}
	if len(all) == 0 {
		t.Skip("there is no AWS CLI here (Debian: apt-get install awscli, which takes minutes, as this test does)")
	}
	return all
}

// recorder is a simulated AWS that records requests, and answers each with a
// minimal answer in the protocol of its service.
type recorder struct {
	mu   sync.Mutex
	seen []string // what was asked, and for Lambda the payload
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	target := req.Header.Get("X-Amz-Target")
	answer := "{}"
	switch {
	case strings.Contains(req.URL.Path, "/invocations"):
		target, answer = "Invoke "+string(body), `{"ok":true}`
	case strings.HasSuffix(target, "FilterLogEvents"):
		answer = `{"events":[{"message":"a line of the log"}]}`
	case strings.HasSuffix(target, "SecretsManager.DescribeSecret"), strings.HasSuffix(target, "secretsmanager.DescribeSecret"):
		answer = `{"ARN":"` + secretARN + `"}`
	case target == "" && strings.Contains(string(body), "Action="):
		action := regexp.MustCompile(`Action=(\w+)`).FindStringSubmatch(string(body))[1]
		result := map[string]string{
			"DescribeStacks": `<Stacks><member><StackId>arn:aws:cloudformation:eu-central-1:123456789012:stack/s/1</StackId><StackStatus>UPDATE_COMPLETE</StackStatus><Outputs>` +
				`<member><OutputKey>ArchiveBucketName</OutputKey><OutputValue>b</OutputValue></member><member><OutputKey>ForwarderArn</OutputKey><OutputValue>arn:f</OutputValue></member>` +
				`<member><OutputKey>BatchReplayRoleArn</OutputKey><OutputValue>arn:aws:iam::123456789012:role/r</OutputValue></member></Outputs></member></Stacks>`,
			"DescribeStackResource": `<StackResourceDetail><PhysicalResourceId>` + queueURL + `</PhysicalResourceId></StackResourceDetail>`,
		}[action]
		target, answer = action, "<"+action+"Response><"+action+"Result>"+result+"</"+action+"Result></"+action+"Response>"
	case target == "":
		target, answer = req.Method+" "+req.URL.Path, `<?xml version="1.0"?><ListBucketResult><Contents><Key>raw/a</Key>`+
			`<LastModified>2026-11-22T02:00:00.000Z</LastModified><Size>1</Size></Contents></ListBucketResult>`
	}
	r.mu.Lock()
	r.seen = append(r.seen, target)
	r.mu.Unlock()
	_, _ = io.WriteString(w, answer)
}

// typedInto types a command into a shell in which `aws` is this real CLI, and
// AWS the recorder; it returns what was asked.
func typedInto(t *testing.T, shell, cli, command string) (output string, code int, seen []string) {
	t.Helper()
	r := new(recorder)
	server := http.Server{Handler: r}
	listener := listen(t)
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	dir := t.TempDir()
	wrapper := fmt.Sprintf("#!/bin/sh\ncase $1 in --version) exec %[1]s --version;; esac\nexec %[1]s --endpoint-url http://%[2]s \"$@\"\n", quoted(cli), listener.Addr())
	if err := os.WriteFile(filepath.Join(dir, "aws"), []byte(wrapper), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), shell, "-c", command)
	cmd.Dir = root
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "AWS_") }),
		"PATH="+dir+":"+bin+":"+os.Getenv("PATH"), "AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=b", "AWS_REGION=eu-central-1", "AWS_DEFAULT_REGION=eu-central-1",
		"AWS_CONFIG_FILE="+os.DevNull, "AWS_PAGER=", "HOME="+dir, "XDG_CACHE_HOME="+dir)
	cmd.Stdin = strings.NewReader("a-token\n")
	out, _ := cmd.CombinedOutput()
	r.mu.Lock()
	defer r.mu.Unlock()
	return string(out), cmd.ProcessState.ExitCode(), r.seen
}

// outputs returns the stack's outputs that are commands, as CloudFormation shows them.
func outputs(t *testing.T) map[string]string {
	t.Helper()
	var doc struct {
		Outputs map[string]struct {
			Value yaml.Node `yaml:"Value"`
		} `yaml:"Outputs"`
	}
	if err := yaml.Unmarshal([]byte(read(t, "template.yaml")), &doc); err != nil {
		t.Fatal(err)
	}
	commands := map[string]string{}
	for name, o := range doc.Outputs {
		value := strings.ReplaceAll(o.Value.Value, "${AWS::Region}", "eu-central-1")
		value = regexp.MustCompile(`\$\{(\w+)\}`).ReplaceAllString(value, "my-$1")
		if strings.Contains(value, "aws ") {
			commands[name] = strings.ReplaceAll(value, "my-DeadLetterQueue", queueURL)
		}
	}
	if len(commands) < 9 {
		t.Fatalf("only %v", commands)
	}
	return commands
}

// The stack's outputs are typed as they are, into every shell and every CLI.
func TestOutputsRunInEveryCLI(t *testing.T) {
	t.Parallel()
	commands := few(outputs(t))
	want := map[string]string{
		"CheckCollector": `Invoke {"action":"check"}`, "CheckForwarder": `Invoke {"action":"check"}`, "Analyse": "Invoke {}",
		"Status": `Invoke {"action":"status"}`, "DeliveryStatus": `Invoke {"action":"status"}`, "CollectorLog": "FilterLogEvents", "ForwarderLog": "FilterLogEvents",
		"Archive": "GET /my-ArchiveBucket", "DeadLetters": "ReceiveMessage",
	}
	for _, cli := range clis(t) {
		for i, name := range slices.Sorted(maps.Keys(commands)) {
			shell := shells(t)[i%len(shells(t))] // a CLI takes a second to start: each command in one of the shells
			out, code, seen := typedInto(t, shell, cli, commands[name])
			if code != 0 || len(seen) != 1 || !strings.Contains(strings.TrimSpace(seen[0]), want[name]) || want[name] == "" {
				t.Errorf("%s, %s: %s\nexit %d, asked %q\n%s", cli, shell, commands[name], code, seen, out)
			}
		}
	}
}

// The AWS CLI's commands of the documents, and those of the program itself, run in
// every CLI. An older CLI may lack a command: then the program says which version it
// needs.
func TestCommandsRunInEveryCLI(t *testing.T) {
	if t.Parallel(); *realCLIs == "" {
		t.Skip("takes minutes: go test ./infra/operate -run EveryCLI -aws /usr/bin/aws")
	}
	commands := map[string]string{
		"runecast-ingest check":                     "Invoke",
		"runecast-ingest replay --prefix raw/":      "Invoke",
		"runecast-ingest redrive":                   "ReceiveMessage",
		"runecast-ingest settings diff --stage dev": "", // there is no file: nothing is asked
		"aws s3control describe-job --account-id 123456789012 --job-id 1 --query 'Job.[Status,ProgressSummary.TotalNumberOfTasks]'": "",
	}
	for _, document := range []string{"README.md", runbook} {
		for _, s := range steps(t, document) {
			if strings.Contains(s.command, "aws ") && !strings.Contains(s.command, "runecast-ingest settings") {
				commands[s.command] = "."
			}
		}
	}
	commands["aws secretsmanager describe-secret --secret-id x --query ARN --output text"] = "DescribeSecret"
	for _, cli := range clis(t) {
		for _, command := range slices.Sorted(maps.Keys(commands)) {
			out, _, seen := typedInto(t, "bash", cli, command)
			if refused := regexp.MustCompile(`(?i)unknown option|invalid choice|usage: aws|unrecognized arguments`).FindString(out); refused != "" ||
				commands[command] != "" && !slices.ContainsFunc(seen, func(s string) bool { return regexp.MustCompile(commands[command]).MatchString(s) }) {
				t.Errorf("%s: %s\nasked %q\n%s", cli, command, seen, out)
			}
		}
		for command, needs := range map[string]string{"runecast-ingest logs collector --follow=false": "logs needs 2.0.0 or newer", "runecast-ingest replay-batch --prefix raw/ --since 2026-03-01": "replay-batch needs "} {
			out, _, _ := typedInto(t, "bash", cli, command)
			if regexp.MustCompile(`(?i)unknown option|invalid choice|usage: aws`).MatchString(out) {
				t.Errorf("%s does not say that it needs a newer CLI (%s): %s", command, needs, out)
			}
		}
	}
}
