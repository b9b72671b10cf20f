#!/bin/sh
# MITRE's @mitre/hdf-converters 2.12.6 and inspecjs (npm; Heimdall, SAF CLI): a
# failed check whose severity is low enough to be no severity is shown as Not
# Applicable, outside the compliance figure. The converters turn severities into
# an impact, unknown words into 0, and inspecjs takes impact 0 for "not
# applicable" before it looks at the results, which still say "failed".
#
# This affects two ordinary inputs: XCCDF rules without a severity (the schema's
# default is "unknown") or with "info", and AWS Security Hub findings (ASFF) whose
# label is INFORMATIONAL. The same rule at "low" is Failed.
#
# Seen with node 20. Source: impactMapping in base-converter.ts, compute_status in
# compat_inspec_1_0.ts; xccdf_1.2.xsd, attribute severity. Needs: node, npm, its
# registry (130 MB). Exits 1 if the behaviour has changed.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund --ignore-scripts @mitre/hdf-converters@2.12.6 >npm.log 2>&1 || { cat npm.log >&2; exit 1; }
cat >show.js <<'JS'
const { ASFFResults, XCCDFResultsMapper } = require('@mitre/hdf-converters');
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
for (const severity of ['', ' severity="unknown"', ' severity="info"', ' severity="low"']) {
  show(group('g', rule('A', severity)), result('A', 'fail'));
}
for (const label of ['INFORMATIONAL', 'LOW']) {
  const finding = {
    SchemaVersion: '2018-10-08', Id: 'finding-1', GeneratorId: 'check_B', AwsAccountId: '111122223333',
    ProductArn: 'arn:aws:securityhub:eu-central-1:111122223333:product/111122223333/default',
    Types: ['Software and Configuration Checks'], CreatedAt: '2026-01-01T00:00:00Z', UpdatedAt: '2026-01-01T00:00:00Z',
    Severity: { Label: label }, Title: 'Check B', Description: 'A check', Compliance: { Status: 'FAILED' },
    Resources: [{ Type: 'AwsS3Bucket', Id: 'arn:aws:s3:::example' }], RecordState: 'ACTIVE', Workflow: { Status: 'NEW' },
  };
  for (const hdf of Object.values(new ASFFResults(JSON.stringify({ Findings: [finding] })).toHdf())) {
    console.log(label, JSON.stringify(statuses(hdf)));
  }
}
JS
got=$(node show.js)
printf '%s\n' "$got"
[ "$got" = '[["A","failed","Not Applicable"]]
[["A","failed","Not Applicable"]]
[["A","failed","Not Applicable"]]
[["A","failed","Failed"]]
INFORMATIONAL [["B","failed","Not Applicable"]]
LOW [["B","failed","Failed"]]' ] || { echo 'changed' >&2; exit 1; }
