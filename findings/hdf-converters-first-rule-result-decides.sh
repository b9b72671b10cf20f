#!/bin/sh
# MITRE's @mitre/hdf-converters 2.12.6 (npm; what Heimdall and the SAF CLI read
# XCCDF results with): where a rule has several rule-results, one for each
# instance that was checked, as XCCDF 1.2 provides, only the first is read. A rule
# that passed on one instance and failed on the next becomes Passed; in the other
# order it becomes Failed. The second result is nowhere in the output, and nothing
# is said about it.
#
# Seen with node 20. Source: getRuleResult in xccdf-results-mapper.ts; NISTIR 7275
# rev. 4, sections on rule-result and instance. Needs: node, npm, its registry
# (130 MB). Exits 1 if the behaviour has changed.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund --ignore-scripts @mitre/hdf-converters@2.12.6 >npm.log 2>&1 || { cat npm.log >&2; exit 1; }
cat >show.js <<'JS'
const { XCCDFResultsMapper } = require('@mitre/hdf-converters');
const { convertFile, contextualizeEvaluation } = require('inspecjs');
const rule = (id, more = '') => `<Rule id="xccdf_org.example_rule_${id}" selected="true"${more}><title>Rule ${id}</title></Rule>`;
const group = (id, rules) => `<Group id="xccdf_org.example_group_${id}"><title>Group ${id}</title>${rules}</Group>`;
const result = (id, word, instance) =>
  `<rule-result idref="xccdf_org.example_rule_${id}"><result>${word}</result>${instance ? `<instance>${instance}</instance>` : ''}</rule-result>`;
const benchmark = (rules, results) => `<?xml version="1.0" encoding="UTF-8"?>
<Benchmark xmlns="http://checklists.nist.gov/xccdf/1.2" id="xccdf_org.example_benchmark_b"><status>accepted</status><version>1</version>${rules}
<TestResult id="xccdf_org.example_testresult_t" end-time="2026-01-01T00:00:00"><target>host1</target>${results}<score>1</score></TestResult></Benchmark>`;
const statuses = (hdf) =>
  contextualizeEvaluation(convertFile(JSON.stringify(hdf), true)['1_0_ExecJson'])
    .contains.flatMap((profile) => profile.contains)
    .map((control) => [control.data.id.split('_').pop(), control.data.results.map((r) => r.status).join(), control.hdf.status]);
const show = (rules, results) => console.log(JSON.stringify(statuses(new XCCDFResultsMapper(benchmark(rules, results)).toHdf())));
const rules = group('g', rule('A', ' severity="high"') + rule('B', ' severity="high"'));
show(rules, result('A', 'pass', 'port 443') + result('A', 'fail', 'port 8443') + result('B', 'fail', 'port 443') + result('B', 'pass', 'port 8443'));
JS
got=$(node show.js)
printf '%s\n' "$got"
[ "$got" = '[["A","passed","Passed"],["B","failed","Failed"]]' ] || { echo 'changed' >&2; exit 1; }
