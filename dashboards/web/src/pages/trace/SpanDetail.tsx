// Everything one span says: its times, attributes, events, exceptions, links and log records, with ways on to the
// logs, metrics, map and traces around it. All of it is text.
import type { Placed } from "./tree";
import type { Span, Trace, TraceLog } from "../../api/traces";
import { windowOf } from "../../api/traces";
import { duration } from "../../base/format";
import { during, href, logsHref, mapHref, metricsHref, storyHref, traceHref, tracesHref } from "../../base/links";
import { full } from "../../base/time";
import { Attributes } from "../../components/Attributes";
import { Copy } from "../../components/Copy";
import { Go } from "../../components/Go";
import { ServiceName } from "../../components/ServiceName";
import { Tag } from "../../components/Tag";
import { When } from "../../components/When";
import style from "./SpanDetail.module.css";
import { CloseButton } from "./Waterfall";
import { useTraceWords } from "./words";

type Event = Span["events"][number];
type Link = Span["links"][number];

function EventView({ of }: { of: Event }) {
  const w = useTraceWords();
  const exception = of.name === "exception";
  const { "exception.stacktrace": stack, "exception.type": type, "exception.message": message, ...rest } = of.attributes;
  return (
    <div className={style.event} data-grave={exception}>
      <div className="row between">
        <strong className="lines-2">{exception ? (type ?? w("exception")) : of.name}</strong>
        <span className="dim small">
          <When time={of.time} as="clock" />
        </span>
      </div>
      {message && <div className={`${style.message} wrap`}>{message}</div>}
      {Object.keys(rest).length > 0 && <Attributes of={rest} />}
      {stack && (
        <details>
          <summary>{w("stack")}</summary>
          <pre className={style.stack}>{stack}</pre>
        </details>
      )}
    </div>
  );
}

function LinkView({ of }: { of: Link }) {
  return (
    <div className={style.event}>
      <Go to={traceHref(of.trace_id, { span: of.span_id })} className="mono wrap">
        {of.trace_id}
      </Go>
      {Object.keys(of.attributes).length > 0 && <Attributes of={of.attributes} />}
    </div>
  );
}

function Facts({ one }: { one: Placed }) {
  const w = useTraceWords();
  const { span, offset } = one;
  const rows: [string, React.ReactNode][] = [
    [w("duration"), duration(span.duration_ns)],
    [w("selfLong"), duration(span.self_ns)],
    [w("criticalLong"), duration(span.critical_ns)],
    [w("offset"), `${duration(offset)} · ${full(span.time)}`],
    [w("kind"), span.kind],
  ];
  if (span.status_message) rows.push([w("statusMessage"), span.status_message]);
  if (span.request_id) rows.push([w("requestId"), <Go key="r" to={storyHref({ request_id: span.request_id })}>{span.request_id}</Go>]);
  if (span.scope) rows.push([w("scope"), `${span.scope} ${span.scope_version ?? ""}`]);
  if (span.flags) rows.push([w("flags"), <Tag key="f" tone="warn">{span.flags}</Tag>]);
  return (
    <dl className={style.facts}>
      {rows.map(([name, value]) => [
        <dt key={`${name}n`}>{name}</dt>,
        <dd key={`${name}v`}>{value}</dd>,
      ])}
    </dl>
  );
}

function Ways({ span, trace }: { span: Span; trace: Trace }) {
  const w = useTraceWords();
  const near = during(windowOf(span.time, span.duration_ns));
  return (
    <div className="row" style={{ gap: "2px 14px" }}>
      <Go to={logsHref({ ...near, trace_id: trace.trace_id, span_id: span.span_id })}>{w("toLogs")}</Go>
      <Go to={metricsHref({ ...near, service: span.service })}>{w("toMetrics")}</Go>
      <Go to={tracesHref({ service: span.service, operation: span.operation })}>{w("toSame")}</Go>
      <Go to={mapHref({ node: `service:${span.service}` })}>{w("toMap")}</Go>
      <Go to={storyHref({ trace_id: trace.trace_id })}>{w("toStory")}</Go>
    </div>
  );
}

interface SpanDetailProps {
  one: Placed;
  trace: Trace;
  resource: Record<string, string> | undefined;
  logs: TraceLog[];
  tint: string | undefined;
  onClose: () => void;
}

export function SpanDetail({ one, trace, resource, logs, tint, onClose }: SpanDetailProps) {
  const w = useTraceWords();
  const { span } = one;
  const own = logs.filter((log) => log.span_id === span.span_id);
  const similar = (prefix: string) => (key: string, value: string) => tracesHref({ [`${prefix}${key}`]: value });
  return (
    <aside className={style.detail} aria-label={span.operation}>
      <div className="row between" style={{ flexWrap: "nowrap", alignItems: "flex-start" }}>
        <div className="grow">
          <h2 className="lines-4" title={span.operation}>{span.operation}</h2>
          <div className="row">
            <ServiceName name={span.service} tint={tint} />
            {span.status === "error" && <Tag tone="bad">{w("legendError")}</Tag>}
            <span className="mono dim small">{span.span_id}</span>
            <Copy text={span.span_id} />
          </div>
        </div>
        <CloseButton onClick={onClose} />
      </div>
      <Ways span={span} trace={trace} />
      <Facts one={one} />
      {span.events.length > 0 && (
        <section>
          <h3>{w("events")}</h3>
          {span.events.map((event, number) => (
            <EventView key={number} of={event} />
          ))}
        </section>
      )}
      <section>
        <h3>{w("attributes")}</h3>
        <Attributes of={span.attributes} similar={similar("attr.")} />
      </section>
      {own.length > 0 && (
        <section>
          <h3>{w("spanLogs")}</h3>
          {own.map((log, number) => (
            <Go key={number} to={href("/logs", { ...during(windowOf(span.time, span.duration_ns)), trace_id: trace.trace_id })} className={style.log}>
              <Tag tone={(log.severity ?? 0) >= 17 ? "bad" : (log.severity ?? 0) >= 13 ? "warn" : "plain"}>{log.severity_text?.slice(0, 12) ?? "–"}</Tag>
              <span className="lines-4">{log.body}</span>
            </Go>
          ))}
        </section>
      )}
      {span.links.length > 0 && (
        <section>
          <h3>{w("links")}</h3>
          {span.links.map((link, number) => (
            <LinkView key={number} of={link} />
          ))}
        </section>
      )}
      {resource && (
        <section>
          <h3>{w("resource")}</h3>
          <Attributes of={resource} similar={similar("resource.")} />
        </section>
      )}
    </aside>
  );
}
