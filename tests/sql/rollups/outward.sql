-- What the table `service_edges` says of databases, caches, queues and third parties, from the spans themselves.
--
-- A client span that no span of another service names, nor shares the id of, has called a third party, unless
-- it says which database or queue it called: that is an edge always.
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
    min(nullif(attributes['db.system.name'], '')) AS db, min(nullif(attributes['db.namespace'], '')) AS db_namespace,
    min(nullif(attributes['messaging.system'], '')) AS messaging,
    min(nullif(attributes['messaging.destination.name'], '')) AS destination,
    min(nullif(attributes['service.peer.name'], '')) AS peer, min(nullif(attributes['server.address'], '')) AS address,
    min(attributes['server.port']) AS port,
    trace_id <> '00000000000000000000000000000000' AND span_id <> '0000000000000000' AS known
  FROM spans
  -- Spans without an id are no copies of one another.
  GROUP BY trace_id, span_id, kind, CASE WHEN trace_id <> '00000000000000000000000000000000' AND span_id <> '0000000000000000' THEN NULL ELSE time END),
named AS (
  SELECT service, trace_id AS t_trace, parent AS t_span FROM firsts WHERE known AND parent <> span_id
  UNION ALL
  SELECT service, link['trace_id'], link['span_id']
  FROM (SELECT trace_id, service, unnest(links) AS link FROM spans WHERE kind = 'consumer' AND trace_id <> '00000000000000000000000000000000' AND span_id <> '0000000000000000') AS each
  WHERE link['trace_id'] <> trace_id
  UNION ALL
  -- A span of another kind with the same id is the other end of the call.
  SELECT service, trace_id, span_id FROM firsts WHERE known),
answered AS (
  SELECT DISTINCT p.trace_id AS p_trace, p.span_id AS p_span, p.service AS p_service
  FROM named n JOIN firsts p ON n.t_trace = p.trace_id AND n.t_span = p.span_id AND p.known WHERE n.service <> p.service),
outward AS (
  SELECT s.*, CASE WHEN kind = 'client' AND db IS NOT NULL THEN CASE WHEN db IN ('redis', 'memcached', 'valkey') THEN 'cache' ELSE 'database' END
      WHEN kind IN ('producer', 'consumer') OR messaging IS NOT NULL THEN 'queue' ELSE 'third_party' END AS node_type,
    CASE WHEN kind = 'client' AND db IS NOT NULL THEN concat_ws('/', db, db_namespace)
      WHEN kind IN ('producer', 'consumer') OR messaging IS NOT NULL
        THEN coalesce(nullif(concat_ws('/', messaging, destination), ''), 'unnamed')
      ELSE coalesce(peer, CASE WHEN address ~ '^[0-9.]+$' OR address LIKE '%:%' THEN concat_ws(':', address, port) ELSE address END,
        'unnamed') END AS node
  FROM firsts s WHERE kind IN ('client', 'producer', 'consumer'))
SELECT minute, environment, namespace, lane, lane AS caller_lane,
  CASE WHEN kind = 'consumer' THEN node ELSE service END AS caller,
  CASE WHEN kind = 'consumer' THEN node_type ELSE 'service' END AS caller_type,
  CASE WHEN kind = 'consumer' THEN service ELSE node END AS callee,
  CASE WHEN kind = 'consumer' THEN 'service' ELSE node_type END AS callee_type,
  node_type AS kind, count(*) AS calls, sum(error) AS errors, sum(limited) AS limited,
  sum(duration_ns) AS duration_sum_ns, 0 AS unresolved
FROM outward LEFT JOIN answered ON known AND trace_id = p_trace AND span_id = p_span AND service = p_service
WHERE node_type <> 'third_party' OR p_span IS NULL
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
