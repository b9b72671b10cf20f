-- This file has the table, the view and the five queries of archive.sql in DuckDB's dialect, over a copy of the archive on
-- this machine:
--   aws s3 sync s3://BUCKET/raw/v1/ archive/raw/v1/
--   duckdb <infra/athena/duckdb.sql
-- Two things differ from Athena. DuckDB would put the folder run=… in place of the document's member run, so folders make no
-- columns (hive_partitioning = false), and dt is taken from the path. And all types are given: those that DuckDB detects differ
-- from file to file, and an id that is a number in one file and a text in another becomes JSON.

CREATE OR REPLACE VIEW runecast_raw AS
SELECT *, regexp_extract(filename, 'dt=([0-9-]+)', 1) AS dt
FROM read_json('archive/raw/v1/*/*/*.json.gz', hive_partitioning = false, filename = true, format = 'unstructured',
  maximum_object_size = 1073741824, columns = {
    run: 'STRUCT(id VARCHAR, startedAt VARCHAR)',
    appliance: 'STRUCT(url VARCHAR, api VARCHAR, instanceUuid VARCHAR, version VARCHAR, definitions VARCHAR)',
    system: 'STRUCT(id VARCHAR, name VARCHAR, type VARCHAR)',
    scan: 'STRUCT(status VARCHAR, completedAt VARCHAR)',
    catalog: 'VARCHAR',
    result: 'STRUCT(
      issues STRUCT(issueDisplayId VARCHAR, type VARCHAR, severity VARCHAR, title VARCHAR, status VARCHAR, affectedObjectsCount VARCHAR,
        affectedObjects STRUCT(moid VARCHAR, name VARCHAR, type VARCHAR, status VARCHAR)[])[],
      scannedIssues STRUCT(issue STRUCT(issueDisplayId VARCHAR, type VARCHAR, severity VARCHAR, title VARCHAR), status VARCHAR,
        affectedObjectsCount VARCHAR, affectedObjects STRUCT(moid VARCHAR, name VARCHAR, type VARCHAR, status VARCHAR)[])[])'
  });

CREATE OR REPLACE VIEW runecast_rules AS
SELECT dt, run, started, system_id, system_name, profile, rule, severity, title, affected, objects,
  CASE
    WHEN upper(status) IN ('FAIL', 'M_FAIL') THEN 'FAILED'
    WHEN upper(status) = 'MANUAL' THEN 'MANUAL'
    WHEN upper(status) IN ('PASS', 'M_PASS') THEN 'PASSED'
  END AS verdict
FROM (
  SELECT dt, run.id AS run, run.startedAt::TIMESTAMPTZ AS started, system.id AS system_id, system.name AS system_name,
    i.type AS profile, i.issueDisplayId AS rule, i.severity AS severity, i.title AS title, i.status AS status,
    try_cast(i.affectedObjectsCount AS BIGINT) AS affected, i.affectedObjects AS objects
  FROM (SELECT dt, run, system, unnest(result.issues) AS i FROM runecast_raw)
  UNION ALL
  SELECT dt, run.id, run.startedAt::TIMESTAMPTZ, system.id, system.name, i.issue.type, i.issue.issueDisplayId, i.issue.severity,
    i.issue.title, i.status, try_cast(i.affectedObjectsCount AS BIGINT), i.affectedObjects
  FROM (SELECT dt, run, system, unnest(result.scannedIssues) AS i FROM runecast_raw)
);

-- 1. Posture by system and day, as the dashboard counts it with the default settings.
WITH rules AS (
  SELECT dt, run, system_id, system_name, profile, rule,
    bool_or(verdict = 'FAILED') AS has_failed, bool_or(verdict = 'MANUAL') AS is_manual
  FROM runecast_rules
  WHERE dt BETWEEN '2026-03-01' AND '2026-03-31' AND verdict IS NOT NULL AND profile NOT IN ('KB', 'BP', 'VUL')
  GROUP BY dt, run, system_id, system_name, profile, rule
)
SELECT dt, run, system_name,
  count(*) AS rules,
  count_if(has_failed) AS failed,
  count_if(is_manual AND NOT has_failed) AS manual,
  floor(100e0 * count_if(NOT has_failed AND NOT is_manual) / count(*)) AS posture
FROM rules
GROUP BY dt, run, system_id, system_name
ORDER BY system_name, run;

-- 2. Rules that newly failed: they fail now and did not in the system's run before.
WITH rules AS (
  SELECT dt, run, started, system_id, system_name, profile, rule, title, severity, bool_or(verdict = 'FAILED') AS has_failed
  FROM runecast_rules
  WHERE dt BETWEEN '2026-03-01' AND '2026-03-31' AND verdict IS NOT NULL
  GROUP BY dt, run, started, system_id, system_name, profile, rule, title, severity
),
compared AS (
  SELECT dt, run, system_name, profile, rule, title, severity, has_failed,
    lag(has_failed) OVER (PARTITION BY system_id, profile, rule ORDER BY started, run) AS had_failed
  FROM rules
)
SELECT dt, system_name, severity, profile, rule, title
FROM compared
WHERE has_failed AND NOT had_failed
ORDER BY dt, system_name, rule;

-- 3. The objects that failed one rule in March, and for how long.
SELECT system_name, o.type, o.name, o.moid, min(dt) AS first_day, max(dt) AS last_day, count(DISTINCT dt) AS days
FROM (SELECT dt, system_name, unnest(objects) AS o FROM runecast_rules
  WHERE dt BETWEEN '2026-03-01' AND '2026-03-31' AND rule = 'CIS-66577' AND verdict = 'FAILED')
WHERE coalesce(upper(o.status), 'FAIL') IN ('FAIL', 'M_FAIL')
GROUP BY system_name, o.type, o.name, o.moid
ORDER BY days DESC, system_name, o.name;

-- 4. The versions of the appliance and of its definitions, and since when each was in use.
SELECT appliance.url AS url, appliance.version AS version, appliance.definitions AS definitions,
  min(dt) AS first_day, max(dt) AS last_day, count(DISTINCT run.id) AS runs
FROM runecast_raw
WHERE dt >= '2026-01-01'
GROUP BY appliance.url, appliance.version, appliance.definitions
ORDER BY first_day, url;

-- 5. Stored size of each run, and its cost in US dollars a month at 0.023 per GB; set your region's price.
SELECT dt, run.id AS run, count(*) AS systems, sum(size) / 1e6 AS stored_mb, sum(size) / 1e9 * 0.023 AS dollars_a_month
FROM runecast_raw JOIN (SELECT filename, size FROM read_blob('archive/raw/v1/*/*/*.json.gz')) USING (filename)
WHERE dt >= '2026-03-01'
GROUP BY dt, run.id
ORDER BY dt, run;
