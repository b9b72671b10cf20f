package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const queueURL = "https://sqs.eu-central-1.amazonaws.com/123456789012/runecast-ingest-DeadLetterQueue-1A2B3C4D5E6F"

// asked is one call of a CLI; said is what it is answered.
type asked struct {
	Program string
	Args    []string
}

type said struct {
	Stdout, Stderr string
	Exit           int
}

// environment is this process's own, with the stand-ins in front of PATH,
// nothing of a real account, and a first run that does not wait long.
func (r *rig) environment() []string {
	r.Helper()
	hasty := r.TempDir()
	script := "#!/bin/sh\n[ \"$1\" != first-run ] || set -- \"$@\" --every 100ms\nexec " + filepath.Join(bin, self) + " \"$@\"\n"
	if err := os.WriteFile(filepath.Join(hasty, self), []byte(script), 0o700); err != nil {
		r.Fatal(err)
	}
	env := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "AWS_") })
	return append(env, "PATH="+hasty+":"+bin+":"+os.Getenv("PATH"), "STAND_IN="+r.serve(r))
}

// stackOutputs are what `aws cloudformation describe-stacks` is asked for.
func stackOutputs() map[string]string {
	return map[string]string{
		"ArchiveBucketName":  bucketName,
		"ForwarderArn":       "arn:aws:lambda:eu-central-1:123456789012:function:runecast-ingest-forwarder",
		"BatchReplayRoleArn": "arn:aws:iam::123456789012:role/runecast-ingest-BatchReplayRole",
	}
}

// output answers for the output that a call asks for.
func output(args []string) said {
	for name, value := range stackOutputs() {
		if strings.Contains(strings.Join(args, " "), "'"+name+"'") {
			return said{Stdout: value + "\n"}
		}
	}
	return said{}
}

// ServeHTTP answers for the AWS and the SAM CLI.
func (r *rig) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	var a asked
	if err := json.NewDecoder(req.Body).Decode(&a); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	_ = json.NewEncoder(w).Encode(r.answer(req, a))
}

// options are the options that each command of the AWS CLI may be given here:
// the real ones, as versions 1.45 and 2 know them.
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
		"s3control create-job":                   "--cli-input-json --output --query --client-request-token",
	}
}

// answer does what a call asks for.
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
		return output(a.Args)
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

// receiveMessage returns the first message that nobody has received. As the CLI
// does, it says nothing at all when there is none.
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

// sam deploys parameters as the template does: each is a variable of one function.
func (r *rig) sam(args []string) said {
	variables := map[string][2]string{
		"RunecastUrl": {collector, "RUNECAST_URL"}, "RunecastSystems": {collector, "RUNECAST_SYSTEMS"},
		"ExcludeTypes": {forwarder, "EXCLUDE_TYPES"}, "Evidence": {forwarder, "EVIDENCE"},
	}
	for _, arg := range args {
		parameter, value, ok := strings.Cut(arg, "=")
		if !ok {
			continue
		}
		v, known := variables[parameter]
		if !known {
			return said{Stderr: "no parameter " + parameter + "\n", Exit: 1}
		}
		r.set(v[0], v[1], value)
	}
	return said{Stdout: fmt.Sprintf("%s: done\n", filepath.Base(args[0]))}
}

// set deploys a function with another setting.
func (r *rig) set(function, variable, value string) {
	r.env[function] = append(r.env[function], variable+"="+value)
	r.deploy(function)
}
