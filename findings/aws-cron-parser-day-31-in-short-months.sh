#!/bin/sh
# aws-cron-parser 1.1.12 (npm; computes the next times of EventBridge's cron
# expressions): a day that a month does not have rolls over into the next month.
# cron(0 2 31 * ? *) gives 3 March for February and 1 May for April, in years
# without 29 February cron(0 2 29 2 ? *) gives 1 March, and nothing is raised.
# `L`, the last day, is right in every month. The schedule itself skips such days,
# so a forecast that is made with this package has runs that never come.
#
# Seen with node 20. Source: AwsCronParserNext, which hands day and month to
# Date.UTC; AWS's guide to EventBridge cron expressions. Needs: node, npm, its
# registry. Exits 1 if the behaviour has changed.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund --ignore-scripts aws-cron-parser@1.1.12 >npm.log 2>&1 || { cat npm.log >&2; exit 1; }
cat >next.js <<'JS'
const { parse, next } = require('aws-cron-parser');
for (const expression of ['0 2 31 * ? *', '0 2 29 2 ? *', '0 2 L * ? *']) {
  const cron = parse(expression);
  const days = [];
  for (let at = new Date(Date.UTC(2026, 0, 1)); days.length < 4; days.push(at.toISOString().slice(0, 10))) at = next(cron, at);
  console.log(`${expression}: ${days.join(' ')}`);
}
JS
got=$(node next.js)
printf '%s\n' "$got"
[ "$got" = '0 2 31 * ? *: 2026-01-31 2026-03-03 2026-03-31 2026-05-01
0 2 29 2 ? *: 2026-03-01 2027-03-01 2028-02-29 2029-03-01
0 2 L * ? *: 2026-01-31 2026-02-28 2026-03-31 2026-04-30' ] || { echo 'changed' >&2; exit 1; }
