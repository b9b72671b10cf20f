package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

// bin is the folder with the binaries of all tests: the functions, the program, and
// the stand-in under the names aws and sam.
var bin string

// binaryVariable is an environment variable with the path of a program that tests
// start in place of the one that is built here, such as that of another commit.
const binaryVariable = "BINARY"

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if bin, err = os.MkdirTemp("", "operate"); err != nil {
			panic(err)
		}
		defer func() { _ = os.RemoveAll(bin) }()
		build()
		return m.Run()
	}())
}

func build() {
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-tags", "lambda.norpc,grpcnotrace", "-ldflags", "-s -w -buildid=",
		"-o", bin+string(filepath.Separator), "./functions/collector", "./functions/forwarder", "./infra/operate", "./infra/operate/testdata/standin")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH)
	if out, err := cmd.CombinedOutput(); err != nil {
		panic(string(out))
	}
	if err := os.Rename(filepath.Join(bin, "operate"), filepath.Join(bin, self)); err != nil {
		panic(err)
	}
	if other := os.Getenv(binaryVariable); other != "" {
		if err := errors.Join(os.Remove(filepath.Join(bin, self)), os.Symlink(other, filepath.Join(bin, self))); err != nil {
			panic(err)
		}
	}
	for _, name := range []string{"aws", "sam"} {
		if err := os.Symlink(filepath.Join(bin, "standin"), filepath.Join(bin, name)); err != nil {
			panic(err)
		}
	}
}

// script is a simulated AWS account whose answers a test chooses.
type script struct {
	mu sync.Mutex
	// asked has the calls: the function and the payload of an invocation, else
	// the command's first two words and its last argument.
	asked []string
	// calls has the arguments of all calls.
	calls [][]string
	// answers has the answers of the next invocations; an answer that begins with
	// "!" is the function's error.
	answers []string
	// messages are those of the dead-letter queue.
	messages []string
	// input is the program's standard input.
	input string
	// version is that of the AWS CLI; "": a new one.
	version string
	// failure is the AWS CLI's error when no answer is left.
	failure string
	// home is the folder in which the program keeps its records.
	home string
	// stacks is CloudFormation's description of a stack, as JSON; "": there is none.
	stacks string
}

// operate runs a command against the script.
func (s *script) operate(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	t.Setenv("STAND_IN", server.URL)
	t.Setenv("XDG_CACHE_HOME", s.cache(t))
	if len(args) > 0 && args[0] == "first-run" {
		args = append(args, "--every", "1ms")
	}
	var out, err bytes.Buffer
	code = run(t.Context(), args, strings.NewReader(s.input), &out, &err)
	return out.String(), err.String(), code
}

// cache returns the operator's cache folder, the same for all commands of a script.
func (s *script) cache(t *testing.T) string {
	if s.home == "" {
		s.home = t.TempDir()
	}
	return s.home
}

func (s *script) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var a asked
	if err := json.NewDecoder(req.Body).Decode(&a); err != nil {
		panic(err)
	}
	_ = json.NewEncoder(w).Encode(s.answer(a.Args))
}

func (s *script) answer(args []string) said {
	s.calls = append(s.calls, args)
	switch command := strings.Join(args[:min(2, len(args))], " "); command {
	case "--version":
		return said{Stdout: "aws-cli/" + cmp.Or(s.version, "2.36.1") + " Python/3.13.5 Linux/6.12 exe/x86_64\n"}
	case "cloudformation describe-stacks":
		switch {
		case slices.Contains(args, "--query"):
			return output(args)
		case s.stacks == "":
			return said{Stderr: "An error occurred (ValidationError) when calling the DescribeStacks operation: Stack with id " + args[3] + " does not exist", Exit: 254}
		}
		return said{Stdout: s.stacks}
	case "s3control create-job":
		s.asked = append(s.asked, command+" "+args[3])
		return said{Stdout: "job-1\n"}
	case "lambda invoke":
		return s.invoke(args)
	case "cloudformation describe-stack-resource":
		return said{Stdout: queueURL + "\n"}
	case "sqs receive-message":
		if len(s.messages) == 0 {
			return said{}
		}
		first := s.messages[0]
		s.messages = s.messages[1:]
		return said{Stdout: `{"Messages":[` + first + `]}`}
	default:
		s.asked = append(s.asked, command+" "+args[len(args)-1])
		return said{}
	}
}

func (s *script) invoke(args []string) said {
	option := func(name string) string {
		for i, arg := range args {
			if arg == name {
				return args[i+1]
			}
		}
		return ""
	}
	payload, err := os.ReadFile(strings.TrimPrefix(option("--payload"), "fileb://"))
	if err != nil {
		panic(err)
	}
	s.asked = append(s.asked, option("--function-name")+" "+string(payload))
	if len(s.answers) == 0 {
		return said{Stderr: cmp.Or(s.failure, "An error occurred (TooManyRequestsException)") + "\n", Exit: 254}
	}
	text, failed := strings.CutPrefix(s.answers[0], "!")
	s.answers = s.answers[1:]
	if err := os.WriteFile(args[len(args)-1], []byte(text), 0o600); err != nil {
		panic(err)
	}
	if failed {
		return said{Stdout: `{"StatusCode":200,"FunctionError":"Unhandled"}`}
	}
	return said{Stdout: `{"StatusCode":200}`}
}
