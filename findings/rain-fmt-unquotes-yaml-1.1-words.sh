#!/bin/sh
# rain v1.24.4 (AWS's formatter for CloudFormation templates, `rain fmt`; its
# library cft/format) removes quotes that a text needs in order to be a text:
# "off", "on", "no" and "12:30:45" come out bare, while "true" and a number
# with a leading zero keep theirs. CloudFormation reads YAML 1.1, where the bare
# words are false, true and the number 45045: a parameter whose allowed values
# were "on" and "off" allows true and false after formatting.
#
# The second half reads the formatted file with the npm package yaml 2.8.1 by
# the rules of 1.1, since CloudFormation itself cannot be had offline.
# Seen with Go 1.26 and node 20. Source: cft/format in rain; the types bool and
# int of YAML 1.1 (yaml.org/type). Needs: go, node, npm, their registries.
# Exits 1 if the behaviour has changed.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >template.yaml <<'YAML'
Parameters:
  Tracing:
    Type: String
    AllowedValues: ["on", "off"]
  Country:
    Type: String
    Default: "no"
  At:
    Type: String
    Default: "12:30:45"
  Flag:
    Type: String
    Default: "true"
  Account:
    Type: String
    Default: "012345678901"
Resources:
  Bucket:
    Type: AWS::S3::Bucket
YAML
cat >main.go <<'GO'
package main

import (
	"fmt"

	"github.com/aws-cloudformation/rain/cft/format"
	"github.com/aws-cloudformation/rain/cft/parse"
)

func main() {
	t, err := parse.File("template.yaml")
	if err != nil {
		panic(err)
	}
	fmt.Print(format.String(t, format.Options{}))
}
GO
printf 'module finding\n\ngo 1.26\n\nrequire github.com/aws-cloudformation/rain v1.24.4\n' >go.mod
GOFLAGS=-mod=mod go run . >formatted.yaml 2>go.log || { cat go.log >&2; exit 1; }
cat formatted.yaml
npm install --silent --no-audit --no-fund yaml@2.8.1 >npm.log 2>&1 || { cat npm.log >&2; exit 1; }
cat >read.js <<'JS'
const { readFileSync } = require('node:fs');
const { parse } = require('yaml');
for (const file of ['template.yaml', 'formatted.yaml']) {
  const p = parse(readFileSync(file, 'utf8'), { version: '1.1' }).Parameters;
  console.log(JSON.stringify([file, p.Tracing.AllowedValues, p.Country.Default, p.At.Default, p.Flag.Default, p.Account.Default]));
}
JS
got=$(node read.js)
printf 'read by the rules of YAML 1.1:\n%s\n' "$got"
[ "$got" = '["template.yaml",["on","off"],"no","12:30:45","true","012345678901"]
["formatted.yaml",[true,false],false,45045,"true","012345678901"]' ] || { echo 'changed' >&2; exit 1; }
