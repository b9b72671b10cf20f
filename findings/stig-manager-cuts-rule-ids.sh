#!/bin/sh
# @nuwcdivnpt/stig-manager-client-modules 1.6.7 (npm; reads XCCDF results for
# STIG Manager) keeps 45 characters of a rule's id. DISA's own ids are short, since
# their prefix is taken off first; those of other benchmarks are not: of
# "xccdf_org.ssgproject.content_rule_…" (SCAP Security Guide) only eleven
# characters of the rule's own name are left, and different rules come out under
# one id, with both verdicts. Nothing is said about the cut.
#
# In addition: "fixed" (XCCDF 1.2: the rule had failed and was then made to pass)
# comes out as "notchecked", where MITRE's hdf-converters make it Passed.
# Seen with node 20. Source: generateReview in ReviewParser.js; NISTIR 7275 rev. 4,
# table of results. Needs: node, npm, its registry. Exits 1 if the behaviour has
# changed.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund --ignore-scripts @nuwcdivnpt/stig-manager-client-modules@1.6.7 >npm.log 2>&1 || { cat npm.log >&2; exit 1; }
cat >read.js <<'JS'
const { reviewsFromXccdf } = require('@nuwcdivnpt/stig-manager-client-modules');
const result = (id, word) => `<rule-result idref="xccdf_${id}" time="2026-01-01T00:00:00"><result>${word}</result></rule-result>`;
const show = (...results) => {
  const data = `<?xml version="1.0" encoding="UTF-8"?>
<Benchmark xmlns="http://checklists.nist.gov/xccdf/1.2" id="xccdf_org.example_benchmark_b"><status>accepted</status><version>1</version>
<TestResult id="xccdf_org.example_testresult_t" end-time="2026-01-01T00:00:00" test-system="cpe:/a:example:scanner:1.0"><target>host1</target>${results.join('')}<score>1</score></TestResult></Benchmark>`;
  const field = { enabled: 'always', required: 'optional' };
  const parsed = reviewsFromXccdf({
    data, fieldSettings: { detail: field, comment: field }, allowAccept: false, scapBenchmarkMap: new Map(), sourceRef: 'r',
    importOptions: { autoStatus: { pass: 'saved', fail: 'saved', notapplicable: 'saved' }, unreviewed: 'always', unreviewedCommented: 'informational', emptyDetail: 'ignore', emptyComment: 'ignore', allowCustom: true },
  });
  for (const review of parsed.checklists[0].reviews) console.log(review.ruleId, review.result);
};
show(
  result('org.ssgproject.content_rule_audit_rules_login_events', 'pass'),
  result('org.ssgproject.content_rule_audit_rules_media_export', 'fail'),
  result('mil.disa.stig_rule_SV-257777r925318_rule', 'pass'),
  result('mil.disa.stig_rule_SV-257778r925321_rule', 'fixed'),
);
JS
got=$(node read.js)
printf '%s\n' "$got"
[ "$got" = 'xccdf_org.ssgproject.content_rule_audit_rules pass
xccdf_org.ssgproject.content_rule_audit_rules fail
SV-257777r925318_rule pass
SV-257778r925321_rule notchecked' ] || { echo 'changed' >&2; exit 1; }
