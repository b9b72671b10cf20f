#!/bin/sh
# MITRE's @mitre/saf 1.5.3 (npm; the SAF CLI, whose `saf validate threshold` stands
# in pipelines to stop what is not compliant) counts the first profile of a file
# only. InSpec writes one file with all profiles of a run (`inspec exec os
# database`), and the schema of HDF has a list of them. With "failed.total.max: 0",
# a file whose second profile has failed a hundred times out of a hundred ends with
# "All validation tests passed" and exit status 0; with the profiles in the other
# order it ends with 1. `saf view summary` of the same file shows the first profile
# alone, too. Nothing is said about the other.
#
# In addition: the compliance that is compared is rounded to a whole number, so that
# 199 passed controls of 200 meet "compliance.min: 100"; 99 of 100 do not.
# Seen with node 20, although the package asks for 22. Source: the command's
# threshold.js, which takes contains[0], and calculateCompliance, which calls
# Math.round; InSpec's documentation of exec. Needs: node, npm, its registry
# (450 MB). Exits 1 if the behaviour has changed.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund --ignore-scripts @mitre/saf@1.5.3 >npm.log 2>&1 || { cat npm.log >&2; exit 1; }
cat >write.js <<'JS'
const { writeFileSync } = require('fs');
const control = (id, status) => ({
  id, title: `Control ${id}`, desc: '', descriptions: [], impact: 0.7, refs: [], tags: {}, code: '', source_location: {},
  results: [{ status, code_desc: id, start_time: '2026-01-01T00:00:00Z', run_time: 0 }],
});
const several = (profile, status, n) => Array.from({ length: n }, (_, i) => control(`${profile}-${status}-${i}`, status));
const profile = (name, passed, failed) => ({
  name, title: name, version: '1.0.0', sha256: name, supports: [], attributes: [], groups: [], status: 'loaded',
  controls: [...several(name, 'passed', passed), ...several(name, 'failed', failed)],
});
const write = (file, ...profiles) =>
  writeFileSync(file, JSON.stringify({ platform: { name: 'debian', release: '13' }, version: '5.22.3', statistics: { duration: 1 }, profiles }));
write('database-second.json', profile('os', 100, 0), profile('database', 0, 100));
write('database-first.json', profile('database', 0, 100), profile('os', 100, 0));
write('199-of-200.json', profile('os', 199, 1));
write('99-of-100.json', profile('os', 99, 1));
JS
node write.js
saf() { HOME=$dir node_modules/.bin/saf "$@"; }
gate() {
	code=0
	saf validate threshold -i "$1.json" -I "{$2}" >gate.log 2>&1 || code=$?
	echo "$1, $2: exit $code, $(tail -n 1 gate.log | cut -d : -f 1)"
}
got=$(
	gate database-second 'failed.total.max: 0'
	gate database-first 'failed.total.max: 0'
	saf view summary -i database-second.json 2>/dev/null | grep -E '^- profileName|^  compliance'
	gate 199-of-200 'compliance.min: 100'
	gate 99-of-100 'compliance.min: 100'
)
printf '%s\n' "$got"
[ "$got" = 'database-second, failed.total.max: 0: exit 0, All validation tests passed
database-first, failed.total.max: 0: exit 1, Error
- profileName: os
  compliance: 100
199-of-200, compliance.min: 100: exit 0, All validation tests passed
99-of-100, compliance.min: 100: exit 1, Error' ] || { echo 'changed' >&2; exit 1; }
