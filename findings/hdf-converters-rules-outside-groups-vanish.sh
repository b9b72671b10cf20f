#!/bin/sh
# MITRE's @mitre/hdf-converters 2.12.6 (npm; what Heimdall and the SAF CLI read
# XCCDF results with) looks for rules in groups only. XCCDF 1.2 allows a rule
# directly below the benchmark; such a rule vanishes with its result. A benchmark
# without groups becomes a report without controls, and one with both kinds shows
# all green although the rule beside the group has failed. Nothing is said.
#
# Seen with node 20. Source: getRulesInBenchmark in xccdf-results-mapper.ts;
# xccdf_1.2.xsd, element Benchmark (a choice of Group and Rule). Needs: node, npm,
# its registry (130 MB). Exits 1 if the behaviour has changed.
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
const high = ' severity="high"';
show(rule('A', high) + rule('B', high), result('A', 'fail') + result('B', 'pass'));
show(group('g', rule('A', high)) + rule('B', high), result('A', 'pass') + result('B', 'fail'));
JS
got=$(node show.js)
printf '%s\n' "$got"
[ "$got" = '[]
[["A","passed","Passed"]]' ] || { echo 'changed' >&2; exit 1; }
