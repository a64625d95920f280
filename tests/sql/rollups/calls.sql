-- What the table `service_edges` says of services that call each other, from the spans themselves.
--
-- A span names its parent, and a consumer the targets of its links into other traces. Whoever is named by a
-- span of another service has called it; a span that names nobody who is there is unresolved. Of several
-- spans with one id, one of the child's own service comes first, then the one that serves before the one
-- that calls.
WITH firsts AS (
  -- Of equal copies any one will do.
  SELECT trace_id, span_id, kind, min(nullif(parent_span_id, '0000000000000000')) AS parent, min(service) AS service,
    min(duration_ns) AS duration_ns, min(CAST(time AS BIGINT) / 60000000000 * 60000000000) AS minute,
    min(coalesce(resource['deployment.environment.name'], '')) AS environment,
    min(coalesce(resource['service.namespace'], '')) AS namespace,
    min(coalesce(nullif(attributes['lane'], ''), nullif(attributes['env.tag'], ''), nullif(attributes['gray'], ''),
      nullif(attributes['load_test'], ''), nullif(resource['lane'], ''), nullif(resource['env.tag'], ''),
      nullif(resource['gray'], ''), nullif(resource['load_test'], ''), '')) AS lane,
    max(CASE WHEN status = 'error' THEN 1 ELSE 0 END) AS error,
    max(CASE WHEN attributes['resilience.outcome'] IN ('limited', 'broken_circuit', 'mocked', 'fallback') THEN 1 ELSE 0 END) AS limited,
    CASE kind WHEN 'server' THEN 0 WHEN 'consumer' THEN 1 WHEN 'internal' THEN 2 WHEN 'client' THEN 3 ELSE 4 END AS rank
  FROM spans WHERE trace_id <> '00000000000000000000000000000000' AND span_id <> '0000000000000000'
  GROUP BY trace_id, span_id, kind),
linked AS (
  SELECT DISTINCT trace_id, span_id, kind, link['trace_id'] AS t_trace, link['span_id'] AS t_span
  FROM (SELECT trace_id, span_id, kind, unnest(links) AS link FROM spans WHERE kind = 'consumer' AND trace_id <> '00000000000000000000000000000000' AND span_id <> '0000000000000000') AS each
  WHERE link['trace_id'] <> trace_id AND link['trace_id'] <> '00000000000000000000000000000000'
    AND link['span_id'] <> '0000000000000000'),
named AS (
  SELECT trace_id, span_id, kind, trace_id AS t_trace, parent AS t_span FROM firsts WHERE parent <> span_id
  UNION ALL SELECT * FROM linked),
pairs AS (
  SELECT c.minute, c.environment, c.namespace, c.lane, c.service, c.kind, c.error, c.limited, c.duration_ns,
    -- Least is best: own service, then by what it does.
    min(concat_ws(chr(31), CASE WHEN p.service = c.service THEN '0' ELSE '1' END, p.rank, p.service, p.lane, p.kind)) AS parent,
    max(p.rank) AS found
  FROM named n
  JOIN firsts c ON n.trace_id = c.trace_id AND n.span_id = c.span_id AND n.kind = c.kind
  LEFT JOIN firsts p ON n.t_trace = p.trace_id AND n.t_span = p.span_id
  GROUP BY n.trace_id, n.span_id, n.kind, n.t_trace, n.t_span, 1, 2, 3, 4, 5, 6, 7, 8, 9),
told AS (
  SELECT *, CASE WHEN found IS NULL THEN NULL ELSE split_part(parent, chr(31), 3) END AS p_service,
    split_part(parent, chr(31), 4) AS p_lane, split_part(parent, chr(31), 5) AS p_kind
  FROM pairs)
SELECT minute, environment, namespace, lane, CASE WHEN p_service IS NULL THEN lane ELSE p_lane END AS caller_lane, coalesce(p_service, '') AS caller,
  CASE WHEN p_service IS NULL THEN '' ELSE 'service' END AS caller_type, service AS callee, 'service' AS callee_type,
  CASE WHEN p_service IS NULL THEN 'unresolved' WHEN kind = 'consumer' OR p_kind = 'producer' THEN 'message' ELSE 'call' END AS kind,
  count(p_service) AS calls, sum(CASE WHEN p_service IS NULL THEN 0 ELSE error END) AS errors,
  sum(CASE WHEN p_service IS NULL THEN 0 ELSE limited END) AS limited,
  sum(CASE WHEN p_service IS NULL THEN 0 ELSE duration_ns END) AS duration_sum_ns,
  sum(CASE WHEN p_service IS NULL THEN 1 ELSE 0 END) AS unresolved
FROM told WHERE p_service IS NULL OR p_service <> service
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
