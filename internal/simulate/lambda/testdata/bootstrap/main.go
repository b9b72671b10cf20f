// Command bootstrap is a Lambda function that does what its payload says.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type order struct {
	Do   string // what to do
	Text string // with what
	Size int    // bytes
}

type answer struct {
	PID        int
	Text       string
	Env        []string
	RequestID  string
	ARN        string
	TraceID    string
	DeadlineMS int64
	Name       string
	MemoryMB   int
}

func main() {
	switch os.Getenv("INIT") {
	case "exit":
		fmt.Fprint(os.Stderr, "cannot start")
		os.Exit(3)
	case "error":
		url := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/init/error"
		resp, err := http.Post(url, "application/json", bytes.NewBufferString(`{"errorType":"Config","errorMessage":"no bucket"}`))
		if err != nil || resp.StatusCode != http.StatusAccepted {
			panic(fmt.Sprint(resp, err))
		}
		os.Exit(1)
	}
	lambda.Start(handle)
}

func handle(ctx context.Context, o order) (any, error) {
	lc, _ := lambdacontext.FromContext(ctx)
	deadline, _ := ctx.Deadline()
	a := answer{
		PID: os.Getpid(), Text: o.Text, RequestID: lc.AwsRequestID, ARN: lc.InvokedFunctionArn,
		TraceID: os.Getenv("_X_AMZN_TRACE_ID"), DeadlineMS: deadline.UnixMilli(),
		Name: lambdacontext.FunctionName, MemoryMB: lambdacontext.MemoryLimitInMB,
	}
	switch o.Do {
	case "env":
		a.Env = os.Environ()
	case "log":
		for range o.Size {
			fmt.Println(strings.Repeat(o.Text, 200))
		}
	case "fail":
		return nil, errors.New(o.Text)
	case "panic":
		panic(o.Text)
	case "exit":
		os.Exit(7)
	case "hang":
		select {}
	case "grow":
		b := make([]byte, o.Size)
		for i := 0; i < len(b); i += 1024 {
			b[i] = 1
		}
		a.Text = fmt.Sprint(len(b), b[0])
	case "count":
		a.Text = fmt.Sprint(len(o.Text))
	case "big":
		a.Text = strings.Repeat("x", o.Size)
	case "get": // blocks as long as the test wants
		resp, err := http.Get(o.Text)
		if err != nil {
			return nil, err
		}
		a.Text = resp.Status
	}
	return a, nil
}
