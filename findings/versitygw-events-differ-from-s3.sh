#!/bin/sh
# versitygw 1.8.0, an S3 server: its event notifications have the form of Amazon S3's,
# but not the contents. The object's key is sent as it is, while S3 sends it encoded as
# in a form. Whoever decodes it, as S3's guide says to do, turns a plus sign of the key
# into a blank, and looks for an object that does not exist. The event's name has a
# prefix, s3:ObjectCreated:Put for ObjectCreated:Put, so that a filter on ObjectCreated:
# matches nothing. The ETag has quotes, and the bucket's ARN holds the object's key. A
# consumer that is tested here needs code that is wrong behind Amazon S3.
#
# Source: s3event/event.go of versitygw; Amazon S3's guide, "Event message structure".
# Needs: go, the Go module proxy, curl 7.75 or later. Exits 1 if the behaviour has
# changed.
set -eu
dir=$(mktemp -d)
processes=
trap 'kill $processes 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'GO'
module events

go 1.26
GO
cat >hook.go <<'GO'
// hook prints what matters of each event that it is sent.
package main

import (
	"encoding/json"
	"fmt"
	"net/http"
)

func main() {
	_ = http.ListenAndServe("127.0.0.1:18090", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var e struct {
			Records []struct {
				EventName string
				S3        struct {
					Bucket struct{ Name, ARN string }
					Object struct{ Key, ETag string }
				}
			}
		}
		_ = json.NewDecoder(r.Body).Decode(&e)
		for _, r := range e.Records {
			fmt.Printf("%s\n%s\n%s\n%s\n", r.EventName, r.S3.Object.Key, r.S3.Object.ETag, r.S3.Bucket.ARN)
		}
	}))
}
GO
{
	CGO_ENABLED=0 go build -o hook hook.go
	go get -tool github.com/versity/versitygw/cmd/versitygw@v1.8.0
	CGO_ENABLED=0 go build -o versitygw github.com/versity/versitygw/cmd/versitygw
} >go.log 2>&1 || { cat go.log >&2; exit 1; }
mkdir data
./hook >events.log &
processes=$!
# request waits for the server.
request() {
	curl -sS --retry 20 --retry-delay 1 --retry-connrefused --aws-sigv4 aws:amz:us-east-1:s3 -u user:password-of-user \
		-H x-amz-content-sha256:UNSIGNED-PAYLOAD -X PUT "$@" >>requests.log 2>&1
}
curl -sS --retry 20 --retry-delay 1 --retry-connrefused http://127.0.0.1:18090/ 2>/dev/null
./versitygw --access user --secret password-of-user --port 127.0.0.1:17070 --event-webhook-url http://127.0.0.1:18090/ \
	posix data >server.log 2>&1 &
processes="$processes $!"
request http://127.0.0.1:17070/archive
request --data-binary '{}' http://127.0.0.1:17070/archive/raw/vc%201%2B2.json
waited=0
until [ -s events.log ] || [ $((waited += 1)) -gt 20 ]; do sleep 1; done
got=$(cat events.log)
printf '%s\n' "$got"
[ "$got" = 's3:ObjectCreated:Put
raw/vc 1+2.json
"99914b932bd37a50b983c5e7c90ae93b"
arn:aws:s3:::/archive/raw/vc 1+2.json' ] || { cat requests.log >&2; echo 'changed' >&2; exit 1; }
