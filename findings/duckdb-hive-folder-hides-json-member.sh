#!/bin/sh
# DuckDB 1.5.6 (npm @duckdb/node-api 1.5.6-r.1), read_json over JSON documents in
# Hive-style folders such as raw/run=r1/a.json: if a folder and a member of the
# documents have the same name, the folder's text replaces the member, and nothing
# is said. This happens by default, since DuckDB detects the folders. To give the
# member's type in `columns` does not help: the binder then says that the column is
# no struct. Only hive_partitioning=false brings the member back, and it removes the
# columns of all other folders.
#
# In addition: an id that is a number in one document and text in another becomes
# a column of type JSON, whose text keeps its quotes when it is shown as text.
# Seen with node 20. Source: DuckDB's documentation of read_json and of Hive
# partitioning, which say nothing of a clash. Needs: node, npm, its registry
# (70 MB). Exits 1 if the behaviour has changed.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund @duckdb/node-api@1.5.6-r.1 >npm.log 2>&1 || { cat npm.log >&2; exit 1; }
mkdir -p raw/run=folder1 raw/run=folder2
echo '{"run":{"id":"r1","trigger":"schedule"},"id":7}' >raw/run=folder1/a.json
echo '{"run":{"id":"r2","trigger":"console"},"id":"x"}' >raw/run=folder2/b.json
cat >query.js <<'JS'
const { DuckDBInstance } = require('@duckdb/node-api');
(async () => {
  const db = await (await DuckDBInstance.create()).connect();
  const ask = async (sql) => {
    try {
      const rows = await db.runAndReadAll(sql);
      console.log(JSON.stringify(rows.getRowsJson()));
    } catch (error) {
      console.log(String(error.message).split('"')[0].trim());
    }
  };
  await ask("select version()");
  await ask("select run, typeof(run) from read_json('raw/*/*.json') order by 1");
  await ask("select run.trigger from read_json('raw/*/*.json', columns = {run: 'STRUCT(\"trigger\" VARCHAR)'})");
  await ask("select run.trigger from read_json('raw/*/*.json', hive_partitioning = false) order by 1");
  await ask("select typeof(id), id::VARCHAR from read_json('raw/*/*.json') order by 2");
})();
JS
got=$(node query.js)
printf '%s\n' "$got"
[ "$got" = '[["v1.5.6"]]
[["folder1","VARCHAR"],["folder2","VARCHAR"]]
Binder Error: Cannot extract field '"'trigger'"' from expression
[["console"],["schedule"]]
[["JSON","\"x\""],["JSON","7"]]' ] || { echo 'changed' >&2; exit 1; }
