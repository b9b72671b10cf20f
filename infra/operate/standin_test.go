package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const queueURL = "https://sqs.eu-central-1.amazonaws.com/123456789012/runecast-ingest-DeadLetterQueue-1A2B3C4D5E6F"

// asked is one call of a CLI; said is the output that the CLI prints.
type asked struct {
	Program string
	Args    []string
}

type said struct {
	Stdout, Stderr string
	Exit           int
}

// environment returns this process's environment, with the stand-ins first in PATH,
// and without variables of a real account. In it first-run looks every 100 ms.
func (r *rig) environment() []string {
	r.Helper()
	hasty := r.TempDir()
	script := "#!/bin/sh\n[ \"$1\" != first-run ] || set -- \"$@\" --every 100ms\nexec " + filepath.Join(bin, self) + " \"$@\"\n"
	if err := os.WriteFile(filepath.Join(hasty, self), []byte(script), 0o700); err != nil {
		r.Fatal(err)
	}
	env := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "AWS_") })
	return append(env, "PATH="+hasty+":"+bin+":"+os.Getenv("PATH"), "STAND_IN="+r.serve(r), settingsVariable+"="+filepath.Join(r.TempDir(), ".settings"), "XDG_CACHE_HOME="+r.TempDir())
}

// stackOutputs returns the stack's outputs that the program asks for.
func stackOutputs() map[string]string {
	return map[string]string{
		"ArchiveBucketName":  bucketName,
		"ForwarderArn":       "arn:aws:lambda:eu-central-1:123456789012:function:runecast-ingest-forwarder",
		"BatchReplayRoleArn": "arn:aws:iam::123456789012:role/runecast-ingest-BatchReplayRole",
	}
}

// output returns the value of the stack's output that a call asks for.
func output(args []string) said {
	for name, value := range stackOutputs() {
		if strings.Contains(strings.Join(args, " "), "'"+name+"'") {
			return said{Stdout: value + "\n"}
		}
	}
	return said{}
}

// ServeHTTP answers the calls of the stand-ins for the AWS CLI and the SAM CLI.
func (r *rig) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	var a asked
	if err := json.NewDecoder(req.Body).Decode(&a); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	_ = json.NewEncoder(w).Encode(r.answer(req, a))
}

// options returns the options that each command of the AWS CLI accepts here. They
// are options that versions 1.45 and 2 know.
func options() map[string]string {
	return map[string]string{
		"--version":                              "",
		"lambda invoke":                          "--output --function-name --cli-read-timeout --payload",
		"cloudformation describe-stack-resource": "--stack-name --logical-resource-id --query --output",
		"cloudformation describe-stacks":         "--stack-name --output --query",
		"sqs receive-message":                    "--queue-url --max-number-of-messages --visibility-timeout --wait-time-seconds --message-attribute-names --output",
		"sqs delete-message":                     "--queue-url --receipt-handle",
		"logs tail":                              "--since",
		"secretsmanager create-secret":           "--name --secret-string",
		"secretsmanager put-secret-value":        "--secret-id --secret-string",
		"secretsmanager describe-secret":         "--secret-id --query --output",
		"cloudwatch set-alarm-state":             "--alarm-name --state-value --state-reason",
		"cloudwatch describe-alarm-history":      "--alarm-name --history-item-type --max-items",
		"s3control create-job":                   "--cli-input-json --output --query --client-request-token",
	}
}

// answer does what a call of the AWS CLI asks for, and returns the output.
func (r *rig) answer(req *http.Request, a asked) said {
	if a.Program == "sam" {
		return r.sam(a.Args)
	}
	command := strings.Join(a.Args[:min(2, len(a.Args))], " ")
	known, ok := options()[command]
	if !ok {
		return said{Stderr: "aws: error: argument command: Invalid choice: " + command + "\n", Exit: 252}
	}
	given, rest := map[string]string{}, []string{}
	for i := 2; i < len(a.Args); i++ {
		switch arg := a.Args[i]; {
		case arg == "--follow":
		case !strings.HasPrefix(arg, "--"):
			rest = append(rest, arg)
		case !slices.Contains(strings.Fields(known), arg) || i+1 == len(a.Args):
			return said{Stderr: "Unknown options: " + arg + "\n", Exit: 252}
		default:
			i++
			given[arg] = a.Args[i]
		}
	}
	switch command {
	case "lambda invoke":
		return r.lambdaInvoke(req, given, rest)
	case "cloudformation describe-stack-resource":
		return said{Stdout: queueURL + "\n"}
	case "cloudformation describe-stacks":
		if given["--query"] == "" {
			return r.stack(given["--stack-name"])
		}
		return output(a.Args)
	case "cloudwatch set-alarm-state", "cloudwatch describe-alarm-history":
		return said{}
	case "secretsmanager describe-secret":
		return said{Stdout: "arn:aws:secretsmanager:eu-central-1:123456789012:secret:" + given["--secret-id"] + "-AbCdEf\n"}
	case "--version":
		return said{Stdout: "aws-cli/2.36.1 Python/3.13.5 Linux/6.12 exe/x86_64\n"}
	case "sqs receive-message":
		return r.receiveMessage(given["--queue-url"])
	case "sqs delete-message":
		return r.deleteMessage(given["--receipt-handle"])
	case "logs tail":
		name := strings.TrimPrefix(rest[0], "/aws/lambda/runecast-ingest-")
		return said{Stdout: r.logs[name].String()}
	case "secretsmanager create-secret", "secretsmanager put-secret-value":
		r.keep(strings.TrimPrefix(given["--name"]+given["--secret-id"], "runecast-ingest/"), given["--secret-string"])
		return said{Stdout: "{}\n"}
	}
	return said{Stdout: "f3cc4f60-61f6-4a2b-8a21-d07600c373ce\n"} // s3control create-job
}

func (r *rig) lambdaInvoke(req *http.Request, given map[string]string, rest []string) said {
	payload, err := os.ReadFile(strings.TrimPrefix(given["--payload"], "fileb://"))
	if err != nil {
		return said{Stderr: err.Error(), Exit: 255}
	}
	name, ok := strings.CutPrefix(given["--function-name"], "runecast-ingest-")
	if !ok || r.logs[name] == nil {
		return said{Stderr: "\nAn error occurred (ResourceNotFoundException) when calling the Invoke operation: Function not found: " + given["--function-name"] + "\n", Exit: 254}
	}
	res, err := r.invoke(req.Context(), name, payload)
	if r.cuts.Load() {
		return said{Stderr: "\nConnection was closed before we received a valid response from endpoint URL\n", Exit: 255}
	}
	if err == nil {
		err = os.WriteFile(rest[0], res.Payload, 0o600)
	}
	if err != nil {
		return said{Stderr: err.Error(), Exit: 255}
	}
	meta := map[string]any{"StatusCode": 200, "ExecutedVersion": "$LATEST"}
	if res.FunctionError != "" {
		meta["FunctionError"] = res.FunctionError
	}
	text, _ := json.MarshalIndent(meta, "", "    ")
	return said{Stdout: string(text) + "\n"}
}

// receiveMessage prints the first message that nobody has received. If there is none
// it prints nothing, as the CLI does.
func (r *rig) receiveMessage(queue string) said {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.dead {
		if r.hidden[m.ID] || queue != queueURL {
			continue
		}
		r.hidden[m.ID] = true
		attributes := map[string]any{}
		for name, a := range m.Attributes {
			attributes[name] = map[string]string{"StringValue": a.Value, "DataType": "String"}
		}
		text, _ := json.Marshal(map[string]any{"Messages": []any{map[string]any{
			"MessageId": m.ID, "ReceiptHandle": m.Receipt, "MD5OfBody": "-", "Body": m.Body, "MessageAttributes": attributes,
		}}})
		return said{Stdout: string(text)}
	}
	return said{}
}

func (r *rig) deleteMessage(receipt string) said {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dead = slices.DeleteFunc(r.dead, func(m message) bool { return m.Receipt == receipt })
	return said{}
}

// variables returns the function and the variable of each parameter that a document
// changes.
func variables() map[string][2]string {
	return map[string][2]string{
		"RunecastUrl": {collector, "RUNECAST_URL"}, "RunecastSystems": {collector, "RUNECAST_SYSTEMS"},
		"ExcludeTypes": {forwarder, "EXCLUDE_TYPES"}, "Evidence": {forwarder, "EVIDENCE"}, "MinSeverity": {forwarder, "MIN_SEVERITY"},
	}
}

// sam does what a call of the SAM CLI asks for: it deploys the values of a file. The
// first deployment makes the stack known, whose functions run already.
func (r *rig) sam(args []string) said {
	if args[0] != "deploy" {
		return said{Stdout: args[0] + ": done\n"}
	}
	i := slices.Index(args, "--parameter-overrides")
	if i < 0 || !strings.HasPrefix(args[i+1], "file://") {
		return said{Stderr: "no values\n", Exit: 1}
	}
	text, err := os.ReadFile(filepath.Join(root, strings.TrimPrefix(args[i+1], "file://")))
	if err != nil {
		return said{Stderr: err.Error(), Exit: 1}
	}
	before := r.deployed
	r.deployed = map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^(\w+) = (".*")$`).FindAllStringSubmatch(string(text), -1) {
		value, err := strconv.Unquote(m[2])
		if err != nil {
			return said{Stderr: err.Error(), Exit: 1}
		}
		r.deployed[m[1]] = value
		if v, ok := variables()[m[1]]; ok && before != nil && before[m[1]] != value {
			r.env[v[0]] = append(r.env[v[0]], v[1]+"="+value)
			r.deploy(v[0])
		}
	}
	return said{Stdout: "deploy: done\n"}
}

// stack prints CloudFormation's description of a stack with its parameters.
func (r *rig) stack(name string) said {
	if name != self || r.deployed == nil {
		return said{Stderr: "\nAn error occurred (ValidationError) when calling the DescribeStacks operation: Stack with id " + name + " does not exist\n", Exit: 254}
	}
	var parameters []map[string]string
	for name, value := range r.deployed {
		parameters = append(parameters, map[string]string{"ParameterKey": name, "ParameterValue": value})
	}
	text, _ := json.Marshal(map[string]any{"Stacks": []any{map[string]any{
		"StackId": "arn:aws:cloudformation:eu-central-1:123456789012:stack/" + name + "/1", "StackStatus": "UPDATE_COMPLETE", "Parameters": parameters,
	}}})
	return said{Stdout: string(text)}
}

// set deploys a function with another setting, without the settings file.
func (r *rig) set(function, variable, value string) {
	for name, v := range variables() {
		if v == [2]string{function, variable} && r.deployed != nil {
			r.deployed[name] = value
		}
	}
	r.env[function] = append(r.env[function], variable+"="+value)
	r.deploy(function)
}
