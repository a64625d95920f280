-- What the table `red` says, from the spans themselves: the first copy of each (trace, span, kind) counts;
-- spans without an id are no copies of one another.
WITH copies AS (
  SELECT CAST(time AS BIGINT) / 10000000000 * 10000000000 AS bucket,
    coalesce(resource['deployment.environment.name'], '') AS environment,
    coalesce(resource['service.namespace'], '') AS namespace,
    coalesce(nullif(attributes['lane'], ''), nullif(attributes['env.tag'], ''), nullif(attributes['gray'], ''),
      nullif(attributes['load_test'], ''), nullif(resource['lane'], ''), nullif(resource['env.tag'], ''),
      nullif(resource['gray'], ''), nullif(resource['load_test'], ''), '') AS lane,
    service, operation, kind, duration_ns,
    CASE WHEN status = 'error' THEN 1 ELSE 0 END AS error,
    CASE WHEN attributes['resilience.outcome'] IN ('limited', 'broken_circuit', 'mocked', 'fallback') THEN 1 ELSE 0 END AS limited,
    trace_id <> '00000000000000000000000000000000' AND span_id <> '0000000000000000' AS known,
    row_number() OVER (PARTITION BY trace_id, span_id, kind ORDER BY time, service, duration_ns) AS copy
  FROM spans
)
SELECT bucket, environment, namespace, lane, service, operation, kind, count(*) AS calls, sum(error) AS errors,
  sum(limited) AS limited, sum(duration_ns) AS duration_sum_ns
FROM copies WHERE copy = 1 OR NOT known
GROUP BY 1, 2, 3, 4, 5, 6, 7
