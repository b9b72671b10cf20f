-- The raw results in the archive as a table of Amazon Athena, and five questions to it. Put the archive's name for BUCKET,
-- run the statements one by one (Athena runs one at a time), and narrow every query by dt: it is billed by what it reads.
--
-- A raw object is one document: the envelope of the collector, on one line, and in it the appliance's answer byte for byte.
-- OpenX takes one document per line, so the object is a row exactly if the appliance sends its answer on one line. One that
-- indents its JSON ends in HIVE_CURSOR_ERROR: Row is not a valid JSON Object, because ignore.malformed.json is off: rather
-- an error than a system that is missing. To see which it is:
--   aws s3 cp s3://BUCKET/raw/v1/dt=…/run=…/….json.gz - | gunzip | wc -l          0: one line
-- For answers over several lines, create the table with the SerDe of Amazon Ion, of which JSON is a part and which does not
-- care for lines. Instead of ROW FORMAT … write
--   ROW FORMAT SERDE 'com.amazon.ionhiveserde.IonHiveSerDe' STORED AS ION
-- It does not turn numbers into texts as OpenX does: affectedObjectsCount must then be bigint in both places.
--
-- Athena's own limits are 32 MB for what is read of a row and 200 MB for a line. A system whose answer is larger cannot be
-- read like this: queries 4 and 5 leave the result alone and meet the second limit only; for the others, make events of the
-- object (runecast-ingest map FILE > events.ndjson, one event per line) and look into those.
--
-- dt is the day on which the run began, in UTC. The folder run=… below it is free text, which projection could only inject,
-- and then every query would have to name its runs. So dt alone is projected, Athena reads the folders below it, and the
-- run's id comes from the document. What was uploaded by hand (raw/manual/) has no envelope and is not in the table.
--
-- For a copy of the archive on one machine, duckdb.sql beside this asks the same in DuckDB's words.

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

-- One row per rule and system of every run, of both generations of the API: v1 lists issues, v2 scannedIssues. The rule is
-- the appliance's own id; the events have the standard's prefix before it where it lacks one.
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

-- 4. Since when which version of the appliance and of its definitions was at work.
SELECT appliance.url AS url, appliance.version AS version, appliance.definitions AS definitions,
  min(dt) AS first_day, max(dt) AS last_day, count(DISTINCT run.id) AS runs
FROM runecast_raw
WHERE dt >= '2026-01-01'
GROUP BY appliance.url, appliance.version, appliance.definitions
ORDER BY first_day, url;

-- 5. Size and cost of each run: what is stored, and US dollars a month at 0.023 a GB; set your region's price.
SELECT dt, run.id AS run, count(*) AS systems, sum("$file_size") / 1e6 AS stored_mb, sum("$file_size") / 1e9 * 0.023 AS dollars_a_month
FROM runecast_raw
WHERE dt >= '2026-03-01'
GROUP BY dt, run.id
ORDER BY dt, run;
