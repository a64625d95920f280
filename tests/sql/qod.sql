-- Queries of death: each must end with a result or an error within its deadline, and leave the next
-- query an answer. {{TEXT*N:SEPARATOR}} stands for N times TEXT.

-- Chains that overflow planners' stacks.
SELECT {{1*500:+}};
SELECT {{1*1000:+}};
SELECT {{1*5000:+}};
SELECT {{1*20000:+}};
SELECT count(*) FROM spans WHERE {{duration_ns = 0*499: OR }};
SELECT count(*) FROM spans WHERE {{duration_ns = 0*4000: OR }};
SELECT count(*) FROM spans WHERE {{duration_ns = 0*499: AND }};
SELECT {{'x'*490: || }};
SELECT {{'x'*9000: || }};
SELECT {{NOT *3000}}true;
SELECT {{- *3000}}1;
SELECT {{+*30000}}1;
SELECT {{~*3000}}1;
SELECT {{(*3000}}1{{)*3000}};
SELECT {{(*60}}1{{)*60}};
SELECT {{abs(*400}}1{{)*400}};
SELECT {{CASE WHEN true THEN *300}}1{{ END*300}};
SELECT {{CAST(*200}}1{{ AS BIGINT)*200}};
SELECT {{[*2000}}1{{]*2000}};
SELECT {{SELECT * FROM (*200}}SELECT 1{{)*200}};
SELECT * FROM {{(*40}}spans{{)*40}};
SELECT * FROM {{(SELECT * FROM *60}}spans{{)*60}};
SELECT {{1 IN (*300}}1{{)*300}};
SELECT 1 WHERE EXISTS {{(SELECT 1 WHERE EXISTS *50}}(SELECT 1){{)*50}};
SELECT attributes{{['a']*5000}} FROM spans;
SELECT {{x.*20000}}x FROM spans;

-- Statements of unusual width.
SELECT {{1*900:,}};
SELECT {{1*5000:,}};
SELECT {{service*900:,}} FROM spans;
SELECT {{*,*200}} 1 FROM spans;
SELECT 1 FROM spans WHERE duration_ns IN ({{1*9999:,}});
SELECT 1 FROM spans WHERE duration_ns IN ({{1*15000:,}});
SELECT 1 FROM spans WHERE service IN ({{'x'*9999:,}});
VALUES {{(1)*9000:,}};
{{SELECT 1*64: UNION ALL }};
{{SELECT 1*1000: UNION ALL }};
{{SELECT service FROM spans*60: UNION }};
{{SELECT duration_ns FROM spans*60: INTERSECT }};
SELECT count(*) FROM spans GROUP BY {{service*500:,}};
SELECT count(*) FROM spans GROUP BY CUBE ({{service*12:,}});
SELECT count(*) FROM spans GROUP BY CUBE (service, operation, kind, status, trace_id, span_id, parent_span_id, time, duration_ns, request_id, scope, flags, trace_state, status_message, resource_id, trace_flags);
SELECT count(*) FROM spans GROUP BY ROLLUP ({{service*200:,}});
SELECT * FROM spans ORDER BY {{duration_ns*900:,}};
SELECT {{row_number() OVER (ORDER BY duration_ns)*200:,}} FROM spans;
SELECT {{sum(duration_ns) OVER (PARTITION BY service ORDER BY time)*60:,}} FROM spans;
SELECT coalesce({{service*5000:,}}) FROM spans;
SELECT concat({{service*5000:,}}) FROM spans;

-- Joins without end.
SELECT count(*) FROM spans a, spans b, spans c;
SELECT count(*) FROM spans a, spans b, spans c, spans d, spans e, spans f;
SELECT * FROM spans a CROSS JOIN spans b CROSS JOIN spans c ORDER BY a.time;
SELECT count(*) FROM spans a JOIN spans b ON a.duration_ns > b.duration_ns JOIN spans c ON b.duration_ns > c.duration_ns;
SELECT count(*) FROM spans a JOIN spans b ON a.kind = b.kind JOIN spans c ON b.kind = c.kind;
SELECT count(*) FROM spans a FULL OUTER JOIN spans b ON a.duration_ns <> b.duration_ns;
SELECT count(DISTINCT a.span_id || b.trace_id || c.trace_id) FROM spans a, spans b, spans c;
SELECT count(*) FROM {{spans*17:,}};
SELECT count(*) FROM {{spans*200:,}};
SELECT count(*) FROM spans {{NATURAL JOIN spans*15: }};
SELECT count(*) FROM spans a WHERE EXISTS (SELECT 1 FROM spans b, spans c WHERE b.duration_ns > a.duration_ns AND c.duration_ns < b.duration_ns);
SELECT (SELECT count(*) FROM spans b, spans c WHERE b.duration_ns > a.duration_ns) FROM spans a;
SELECT array_agg(a.trace_id) FROM spans a, spans b, spans c GROUP BY a.service;
SELECT string_agg(a.trace_id, ',') FROM spans a, spans b, spans c;
SELECT a.trace_id, b.trace_id, c.trace_id, count(*) FROM spans a, spans b, spans c GROUP BY 1, 2, 3;
SELECT DISTINCT a.trace_id, b.trace_id, c.trace_id FROM spans a, spans b, spans c;
SELECT p99(a.duration_ns) FROM spans a, spans b, spans c;
SELECT median(a.duration_ns) FROM spans a, spans b, spans c;
SELECT approx_distinct(a.trace_id) FROM spans a, spans b, spans c;
SELECT * FROM spans a, spans b ORDER BY a.duration_ns + b.duration_ns, a.trace_id;
SELECT row_number() OVER (ORDER BY a.duration_ns) FROM spans a, spans b;
SELECT sum(a.duration_ns) OVER (ORDER BY a.time ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) FROM spans a, spans b;
SELECT max(a.duration_ns) OVER (ORDER BY a.time RANGE BETWEEN INTERVAL '1 day' PRECEDING AND CURRENT ROW) FROM spans a, spans b;
SELECT nth_value(a.trace_id, 1000000) OVER (PARTITION BY a.service ORDER BY a.time) FROM spans a, spans b;

-- Recursion.
WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r;
WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n FROM r) SELECT sum(n) FROM r;
WITH RECURSIVE r AS (SELECT 'x' AS t UNION ALL SELECT t || t FROM r) SELECT max(length(t)) FROM r;
WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT a.n + b.n FROM r a, r b) SELECT count(*) FROM r;
WITH RECURSIVE r AS (SELECT trace_id FROM spans UNION ALL SELECT r.trace_id FROM r, spans) SELECT count(*) FROM r;
WITH a AS (SELECT 1 x), b AS (SELECT * FROM a UNION ALL SELECT * FROM a), c AS (SELECT * FROM b UNION ALL SELECT * FROM b), d AS (SELECT * FROM c UNION ALL SELECT * FROM c), e AS (SELECT * FROM d UNION ALL SELECT * FROM d), f AS (SELECT * FROM e UNION ALL SELECT * FROM e), g AS (SELECT * FROM f UNION ALL SELECT * FROM f) SELECT count(*) FROM g;
WITH a AS (SELECT * FROM spans), b AS (SELECT x.* FROM a x, a y), c AS (SELECT x.* FROM b x, b y), d AS (SELECT x.* FROM c x, c y) SELECT count(*) FROM d x, d y;

-- Much out of nothing.
SELECT generate_series(1, 500000000);
SELECT * FROM generate_series(1, 500000000);
SELECT * FROM range(1, 9000000000);
SELECT unnest(range(1, 500000000));
SELECT count(*) FROM (SELECT unnest(generate_series(1, 100000000)) FROM spans);
SELECT length(repeat('x', 1500000000));
SELECT max(length(repeat(trace_id, 200000))) FROM spans;
SELECT length(lpad('x', 1500000000, 'y'));
SELECT length(rpad('x', 1500000000, 'y'));
SELECT array_repeat(1, 500000000);
SELECT array_resize([1], 500000000);
SELECT cardinality(array_repeat(array_repeat(1, 100000), 100000));
SELECT length(replace(replace(replace(replace('{{x*2000}}', 'x', '{{x*2000}}'), 'x', '{{x*2000}}'), 'x', '{{x*2000}}'), 'x', '{{x*2000}}'));
SELECT length(regexp_replace(regexp_replace(regexp_replace('{{x*2000}}', 'x', '{{x*2000}}', 'g'), 'x', '{{x*2000}}', 'g'), 'x', '{{x*2000}}', 'g'));
SELECT max(length(replace(trace_id, '1', '{{y*60000}}'))) FROM spans;
SELECT length(array_to_string([{{'x'*5000:,}}], '{{y*10000}}'));
SELECT power(10, 1000000), 9223372036854775807 + 1;
SELECT factorial(20), factorial(100);
SELECT 1 / 0;
SELECT CAST('1e400' AS DOUBLE), CAST('x' AS BIGINT);
SELECT count(*) FROM unnest([{{1*9000:,}}]) a CROSS JOIN unnest([{{1*9000:,}}]) b;
SELECT count(*) FROM unnest([{{1*3000:,}}]) a CROSS JOIN unnest([{{1*3000:,}}]) b CROSS JOIN unnest([{{1*3000:,}}]) c;
SELECT digest('{{x*60000}}', 'sha512');
SELECT count(*) FROM spans WHERE sha256(trace_id) = sha256(span_id);
SELECT make_array({{make_array(1)*2000:,}});
SELECT map(make_array({{1*3000:,}}), make_array({{1*3000:,}}));

-- Patterns.
SELECT count(*) FROM spans WHERE trace_id LIKE '{{%a*5000}}%';
SELECT count(*) FROM spans WHERE trace_id ILIKE '{{%a_*5000}}%';
SELECT count(*) FROM spans WHERE trace_id SIMILAR TO '({{a|*2000}}b)*';
SELECT count(*) FROM spans WHERE regexp_like(trace_id, '(a+)+$');
SELECT count(*) FROM spans WHERE regexp_like(trace_id, '((((a{100}){100}){100}){100})');
SELECT count(*) FROM spans WHERE regexp_like(trace_id, '{{(a?)*2000}}{{a*2000}}');
SELECT count(*) FROM spans WHERE regexp_like(trace_id, '{{(*500}}a{{)*500}}');
SELECT regexp_match(trace_id, '(.*)(.*)(.*)(.*)(.*)(.*)(.*)(.*)(.*)[^x]$') FROM spans;
SELECT count(*) FROM spans WHERE strpos(trace_id, '{{a*60000}}') > 0;
SELECT levenshtein('{{a*30000}}', '{{b*30000}}');

-- Where nothing should be reachable.
SELECT * FROM '/etc/passwd';
SELECT * FROM 'file:///etc/passwd';
SELECT * FROM 's3://bucket/key.parquet';
SELECT * FROM read_parquet('/etc/passwd');
SELECT * FROM parquet_metadata('x.parquet');
SELECT * FROM information_schema.df_settings;
SELECT * FROM information_schema.routines;
SHOW ALL;
SET datafusion.execution.target_partitions = 100000;
CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd';
COPY spans TO '/tmp/qod.parquet';
INSERT INTO spans SELECT * FROM spans;
CREATE TABLE t AS SELECT * FROM spans a, spans b;
PREPARE p AS SELECT 1;
EXPLAIN ANALYZE SELECT count(*) FROM spans a, spans b, spans c;
EXPLAIN VERBOSE SELECT {{service*300:,}} FROM spans;
EXPLAIN ANALYZE COPY spans TO '/tmp/qod.csv';
DESCRIBE (SELECT 1);

-- Text that is no statement.
{{(*60000}};
{{'*60001}};
{{/**20000}};
{{SELECT *9000}};
{{"*30001}};
SELECT '{{x*60000}}';
SELECT '{{x*70000}}';
{{;*100}}SELECT 1;
