-- This file makes a table of Amazon Athena from the raw results in the archive, and has five queries to it. Replace BUCKET by
-- the name of the archive's bucket, run the statements one by one (Athena runs one at a time), and narrow every query by dt:
-- Athena bills what a query reads.
--
-- A raw object is one document: the envelope of the collector, on one line, with the appliance's answer in it byte for byte.
-- OpenX reads one document per line, so it can read the object if the appliance sends its answer on one line. If the
-- appliance indents its JSON, a query ends with HIVE_CURSOR_ERROR: Row is not a valid JSON Object. ignore.malformed.json is
-- off on purpose: an error is better than a system that is missing. This shows how the appliance sends it, 0 is one line:
--   aws s3 cp s3://BUCKET/raw/v1/dt=…/run=…/….json.gz - | gunzip | wc -l
-- For answers over several lines, create the table with the SerDe of Amazon Ion, which also reads JSON, over any number of
-- lines. Instead of ROW FORMAT … write
--   ROW FORMAT SERDE 'com.amazon.ionhiveserde.IonHiveSerDe' STORED AS ION
-- Unlike OpenX, it does not turn numbers into texts: affectedObjectsCount must then be bigint in both places.
--
-- Athena's limits are 32 MB for what is read of a row and 200 MB for a line. Of a system with a larger answer, queries 1 to 3
-- cannot be run; queries 4 and 5 do not read the result, so only the second limit is about them. Instead, make events of the
-- raw object (runecast-ingest map FILE > events.ndjson, one event per line) and query these.
--
-- dt is the day on which the run began, in UTC. The folder run=… below it is free text, for which Athena has only injected
-- projection, with which every query would have to name its runs. So only dt is projected, Athena reads the folders below
-- it, and the run's id comes from the document. Hand-made documents (raw/manual/) have no envelope and are not in the table.
--
-- For a copy of the archive on one machine, duckdb.sql has the same queries in DuckDB's dialect.

CREATE EXTERNAL TABLE IF NOT EXISTS runecast_raw (
  run struct<id:string, startedAt:string>,
  appliance struct<url:string, api:string, instanceUuid:string, version:string, definitions:string>,
  system struct<id:string, name:string, type:string>,
  scan struct<status:string, completedAt:string>,
  catalog string,
  result struct<
    issues:array<struct<
      issueDisplayId:string, type:string, severity:string, title:string, status:string, affectedObjectsCount:string,
      affectedObjects:array<struct<moid:string, name:string, type:string, status:string>>>>,
    scannedIssues:array<struct<
      issue:struct<issueDisplayId:string, type:string, severity:string, title:string>, status:string, affectedObjectsCount:string,
      affectedObjects:array<struct<moid:string, name:string, type:string, status:string>>>>>
)
PARTITIONED BY (dt string)
ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
WITH SERDEPROPERTIES ('ignore.malformed.json' = 'false')
LOCATION 's3://BUCKET/raw/v1/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.dt.type' = 'date',
  'projection.dt.format' = 'yyyy-MM-dd',
  'projection.dt.range' = '2025-01-01,NOW',
  'projection.dt.interval' = '1',
  'projection.dt.interval.unit' = 'DAYS',
  'storage.location.template' = 's3://BUCKET/raw/v1/dt=${dt}/'
);

-- One row per rule and system of every run, of both versions of the API: v1 lists issues, v2 scannedIssues. The rule is the
-- appliance's own id; in events it has the standard's prefix, if the id does not have it already.
CREATE OR REPLACE VIEW runecast_rules AS
SELECT dt, run, started, system_id, system_name, profile, rule, severity, title, affected, objects,
  CASE
    WHEN upper(status) IN ('FAIL', 'M_FAIL') THEN 'FAILED'
    WHEN upper(status) = 'MANUAL' THEN 'MANUAL'
    WHEN upper(status) IN ('PASS', 'M_PASS') THEN 'PASSED'
  END AS verdict
FROM (
  SELECT r.dt, r.run.id AS run, from_iso8601_timestamp(r.run.startedAt) AS started, r.system.id AS system_id,
    r.system.name AS system_name, i.type AS profile, i.issueDisplayId AS rule, i.severity, i.title, i.status,
    try_cast(i.affectedObjectsCount AS bigint) AS affected, i.affectedObjects AS objects
  FROM runecast_raw AS r
  CROSS JOIN UNNEST(r.result.issues) AS i (issueDisplayId, type, severity, title, status, affectedObjectsCount, affectedObjects)
  UNION ALL
  SELECT r.dt, r.run.id AS run, from_iso8601_timestamp(r.run.startedAt) AS started, r.system.id AS system_id,
    r.system.name AS system_name, i.issue.type AS profile, i.issue.issueDisplayId AS rule, i.issue.severity, i.issue.title, i.status,
    try_cast(i.affectedObjectsCount AS bigint) AS affected, i.affectedObjects AS objects
  FROM runecast_raw AS r
  CROSS JOIN UNNEST(r.result.scannedIssues) AS i (issue, status, affectedObjectsCount, affectedObjects)
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
FROM runecast_rules
CROSS JOIN UNNEST(objects) AS o (moid, name, type, status)
WHERE dt BETWEEN '2026-03-01' AND '2026-03-31' AND rule = 'CIS-66577' AND verdict = 'FAILED'
  AND coalesce(upper(o.status), 'FAIL') IN ('FAIL', 'M_FAIL')
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
SELECT dt, run.id AS run, count(*) AS systems, sum("$file_size") / 1e6 AS stored_mb, sum("$file_size") / 1e9 * 0.023 AS dollars_a_month
FROM runecast_raw
WHERE dt >= '2026-03-01'
GROUP BY dt, run.id
ORDER BY dt, run;
