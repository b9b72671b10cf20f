#!/bin/sh
# github.com/klauspost/compress/gzip, v1.18.0 to v1.20.3: a gzip.Writer whose
# Header.ModTime was never set writes the date 2042-07-14 01:04:00 UTC into the
# file, where the standard library writes "no date" (RFC 1952, MTIME = 0). The
# zero time.Time lies 62,135,596,800 s before 1970, and its lowest 32 bits are
# taken for an unsigned number of seconds. The bytes are the same each time, so
# comparisons for reproducibility pass; `gunzip -N`, `file` and archivers show a
# file from the future. v1.20.4 writes no date.
#
# Seen with Go 1.26. Source: writeHeader in gzip/gzip.go of the two versions.
# Needs: go, the Go module proxy. Exits 1 if the behaviour has changed.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >main.go <<'GO'
package main

import (
	"bytes"
	"fmt"

	"github.com/klauspost/compress/gzip"
)

func main() {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte("{}")); err != nil {
		panic(err)
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	fmt.Printf("% x\n", b.Bytes()[4:8])
}
GO
seen() {
	printf 'module finding\n\ngo 1.25\n\nrequire github.com/klauspost/compress %s\n' "$1" >go.mod
	rm -f go.sum
	GOFLAGS=-mod=mod GONOSUMDB='' go run . 2>/dev/null
}
status=0
for want in 'v1.18.0 00 09 6e 88' 'v1.20.3 00 09 6e 88' 'v1.20.4 00 00 00 00'; do
	version=${want%% *}
	got=$(seen "$version")
	echo "klauspost/compress $version: MTIME bytes $got (0x886e0900 little endian is 2042-07-14)"
	[ "$got" = "${want#* }" ] || { echo "  changed: expected ${want#* }" >&2; status=1; }
done
exit $status
