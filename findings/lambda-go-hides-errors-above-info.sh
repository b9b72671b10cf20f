#!/bin/sh
# aws-lambda-go 1.55.1 with the handler for log/slog that it brings for Lambda's JSON
# log format (lambdacontext.NewLogHandler): what a function fails with is logged at
# level INFO. Under ApplicationLogLevel WARN or ERROR it is not logged at all: the
# invocation fails, and the log group does not say why.
#
# The library prints the error by the standard library's log package, and
# slog.SetDefault, which the library's own examples call, takes that package over at
# INFO. Without slog.SetDefault the same error is there at every level, but as JSON
# behind a date: no line of JSON, so that a metric filter on its members does not
# see it.
#
# Source: lambda/invoke_loop.go of the library (log.Printf of the error), and the
# documentation of slog.SetDefault. The runtime API here is a few lines that hand out
# one invocation. Needs: go, the Go module proxy. Exits 1 if the behaviour has changed.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'GO'
module hides

go 1.26
GO
cat >main.go <<'GO'
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

func main() {
	if os.Getenv("AWS_LAMBDA_RUNTIME_API") == "" {
		invoke()
		return
	}
	if os.Getenv("SET_DEFAULT") == "yes" {
		slog.SetDefault(slog.New(lambdacontext.NewLogHandler()))
	}
	lambda.Start(func(context.Context) error { return errors.New("out of order") })
}

// invoke starts this program as a function, and hands it one invocation.
func invoke() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	failed := make(chan string)
	handed := false
	go http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			if handed {
				<-r.Context().Done()
				return
			}
			handed = true
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", "1")
			w.Header().Set("Lambda-Runtime-Deadline-Ms", "4102444800000")
			fmt.Fprint(w, "{}")
			return
		}
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusAccepted)
		failed <- string(body)
	}))
	var log strings.Builder
	function := exec.Command(os.Args[0])
	function.Env = append(os.Environ(), "AWS_LAMBDA_RUNTIME_API="+listener.Addr().String())
	function.Stdout, function.Stderr = &log, &log
	if err := function.Start(); err != nil {
		panic(err)
	}
	fmt.Println("answer:", <-failed)
	_ = function.Process.Kill()
	_ = function.Wait()
	fmt.Println(strings.TrimSpace("log: " + log.String()))
}
GO
{
	go get github.com/aws/aws-lambda-go@v1.55.1
	CGO_ENABLED=0 go build -tags lambda.norpc -o function .
} >go.log 2>&1 || { cat go.log >&2; exit 1; }
got=$(for level in INFO WARN; do
	for default in no yes; do
		echo "level $level, slog.SetDefault $default"
		AWS_LAMBDA_LOG_FORMAT=JSON AWS_LAMBDA_LOG_LEVEL=$level SET_DEFAULT=$default ./function |
			sed 's/[0-9]\{4\}[-/][0-9][0-9][-/][0-9][0-9][ T][0-9:.]*Z\{0,1\}/DATE/'
	done
done)
printf '%s\n' "$got"
[ "$got" = 'level INFO, slog.SetDefault no
answer: {"errorMessage":"out of order","errorType":"errorString"}
log: DATE {"errorMessage":"out of order","errorType":"errorString"}
level INFO, slog.SetDefault yes
answer: {"errorMessage":"out of order","errorType":"errorString"}
log: {"timestamp":"DATE","level":"INFO","message":"{\"errorMessage\":\"out of order\",\"errorType\":\"errorString\"}"}
level WARN, slog.SetDefault no
answer: {"errorMessage":"out of order","errorType":"errorString"}
log: DATE {"errorMessage":"out of order","errorType":"errorString"}
level WARN, slog.SetDefault yes
answer: {"errorMessage":"out of order","errorType":"errorString"}
log:' ] || { echo 'changed' >&2; exit 1; }
