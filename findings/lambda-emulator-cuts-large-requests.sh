#!/bin/sh
# AWS Lambda Runtime Interface Emulator, commit bef5c4ba774d of 30 October 2026, with
# aws-lambda-go 1.55.1: a request of more than 6,291,556 bytes is not refused. The
# function is handed its first 6,291,556 bytes, and the caller gets status 200. A
# function that decodes JSON then reports an end of input that its caller never sent.
#
# Lambda itself answers such a request with status 413, RequestEntityTooLargeException,
# and does not start the function. The other direction is right in the emulator: a
# response over the limit is an error that names it. So a test with a large payload
# says something else here than the deployed function does.
#
# Source: internal/lambda/rapi/rendering/rendering.go, which reads the payload by a
# limited reader and ignores what is left; AWS's guide, "Lambda quotas" and the API's
# errors of Invoke. Needs: go, the Go module proxy, curl. Exits 1 if the behaviour has
# changed.
set -eu
dir=$(mktemp -d)
emulator=
trap 'kill $emulator 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'GO'
module cut

go 1.26
GO
cat >main.go <<'GO'
package main

import (
	"context"
	"fmt"

	"github.com/aws/aws-lambda-go/lambda"
)

type count struct{}

func (count) Invoke(_ context.Context, payload []byte) ([]byte, error) {
	return fmt.Appendf(nil, `{"bytes":%d,"last":"%c"}`, len(payload), payload[len(payload)-1]), nil
}

func main() { lambda.Start(lambda.Handler(count{})) }
GO
{
	go get github.com/aws/aws-lambda-go@v1.55.1
	CGO_ENABLED=0 go build -tags lambda.norpc -o function .
	go get -tool github.com/aws/aws-lambda-runtime-interface-emulator/cmd/aws-lambda-rie@v0.0.0-20261030222936-bef5c4ba774d
	CGO_ENABLED=0 go build -o emulator github.com/aws/aws-lambda-runtime-interface-emulator/cmd/aws-lambda-rie
} >go.log 2>&1 || { cat go.log >&2; exit 1; }
AWS_LAMBDA_FUNCTION_NAME=count ./emulator --runtime-interface-emulator-address 127.0.0.1:18080 \
	--runtime-api-address 127.0.0.1:18001 ./function >emulator.log 2>&1 &
emulator=$!
# invoke sends a JSON text of as many bytes as it is told.
invoke() {
	{ printf '"'; head -c $(($1 - 2)) /dev/zero | tr '\0' y; printf '"'; } >payload
	curl -sS --retry 20 --retry-delay 1 --retry-connrefused -w ' status %{http_code}\n' --data-binary @payload \
		http://127.0.0.1:18080/2015-03-31/functions/function/invocations
}
got=$(for size in 1000 6291556 6291557 7000000; do printf '%s: ' $size; invoke $size; done)
printf '%s\n' "$got"
[ "$got" = '1000: {"bytes":1000,"last":"""} status 200
6291556: {"bytes":6291556,"last":"""} status 200
6291557: {"bytes":6291556,"last":"y"} status 200
7000000: {"bytes":6291556,"last":"y"} status 200' ] || { echo 'changed' >&2; exit 1; }
