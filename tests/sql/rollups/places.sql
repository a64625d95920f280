-- What the table `service_edges` says of where services run, from the spans themselves: each span on its pod,
-- else its host, else its node; pod and host on the node below them; and at its store. Counted, not timed.
WITH firsts AS (
  -- Of equal copies any one will do.
  SELECT min(service) AS service, min(CAST(time AS BIGINT) / 60000000000 * 60000000000) AS minute,
    min(coalesce(resource['deployment.environment.name'], '')) AS environment,
    min(coalesce(resource['service.namespace'], '')) AS namespace,
    min(coalesce(nullif(attributes['lane'], ''), nullif(attributes['env.tag'], ''), nullif(attributes['gray'], ''),
      nullif(attributes['load_test'], ''), nullif(resource['lane'], ''), nullif(resource['env.tag'], ''),
      nullif(resource['gray'], ''), nullif(resource['load_test'], ''), '')) AS lane,
    max(CASE WHEN status = 'error' THEN 1 ELSE 0 END) AS error,
    max(CASE WHEN attributes['resilience.outcome'] IN ('limited', 'broken_circuit', 'mocked', 'fallback') THEN 1 ELSE 0 END) AS limited,
    min(nullif(resource['k8s.pod.name'], '')) AS pod, min(nullif(resource['host.name'], '')) AS host,
    min(nullif(resource['k8s.node.name'], '')) AS node,
    min(nullif(coalesce(attributes['store.id'], resource['store.id']), '')) AS site
  FROM spans
  -- Spans without an id are no copies of one another.
  GROUP BY trace_id, span_id, kind, CASE WHEN trace_id <> '00000000000000000000000000000000' AND span_id <> '0000000000000000'
    THEN NULL ELSE concat_ws(' ', CAST(time AS BIGINT), service, operation, duration_ns) END),
stands AS (
  SELECT *, coalesce(pod, host) AS above, CASE WHEN pod IS NOT NULL THEN 'pod' ELSE 'host' END AS above_type FROM firsts),
places AS (
  SELECT minute, environment, namespace, lane, error, limited, service AS caller, 'service' AS caller_type, coalesce(above, node) AS callee,
    CASE WHEN above IS NULL THEN 'node' ELSE above_type END AS callee_type
  FROM stands WHERE coalesce(above, node) IS NOT NULL
  UNION ALL
  SELECT minute, environment, namespace, lane, error, limited, above AS caller, above_type AS caller_type, node AS callee, 'node' AS callee_type
  FROM stands WHERE above IS NOT NULL AND node IS NOT NULL AND (pod IS NOT NULL OR host <> node)
  UNION ALL
  SELECT minute, environment, namespace, lane, error, limited, service AS caller, 'service' AS caller_type, site AS callee, 'site' AS callee_type
  FROM stands WHERE site IS NOT NULL)
SELECT minute, environment, namespace, lane, lane AS caller_lane, caller, caller_type, callee, callee_type,
  'runs_on' AS kind, count(*) AS calls, sum(error) AS errors, sum(limited) AS limited, 0 AS duration_sum_ns, 0 AS unresolved
FROM places GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
