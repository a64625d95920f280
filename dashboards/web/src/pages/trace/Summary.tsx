// Where the time of a trace went: by service, by operation, and along the critical path.
import { useMemo } from "react";
import type { Analysis, Trace } from "../../api/traces";
import { useAddress } from "../../base/address";
import { count, duration, percent } from "../../base/format";
import { type Column, DataTable } from "../../components/DataTable";
import { Panel } from "../../components/Panel";
import { ServiceName } from "../../components/ServiceName";
import { Tag } from "../../components/Tag";
import style from "./Summary.module.css";
import { useTraceWords } from "./words";

type Share = Analysis["operations"][number];

interface ByService {
  service: string;
  spans: number;
  errors: number;
  self: number;
}

/** Longer paths are read in the waterfall. */
const SEGMENTS_SHOWN = 40;

export function byService(trace: Trace, operations: Share[]): ByService[] {
  const own = new Map<string, number>();
  for (const { service, self_ns: self } of operations) own.set(service, (own.get(service) ?? 0) + self);
  return trace.services.map(({ service, spans, errors }) => ({ service, spans, errors, self: own.get(service) ?? 0 }));
}

function Bar({ part, of, tint }: { part: number; of: number; tint?: string }) {
  return (
    <span className={`${style.share} ${tint ?? ""}`}>
      <span className={style.track}>
        <span className={style.fill} style={{ display: "block", width: `${of > 0 ? Math.min(100, (part / of) * 100) : 0}%` }} />
      </span>
      <span className="num">{percent(of > 0 ? part / of : 0)}</span>
    </span>
  );
}

const Errors = ({ of }: { of: number }) => (of > 0 ? <Tag tone="bad">{count(of)}</Tag> : <span className="dim">0</span>);

function Path({ of, tints }: { of: Analysis["critical_path"]; tints: Map<string, string> }) {
  const w = useTraceWords();
  const [, change] = useAddress();
  const longest = of.segments.reduce((most, { duration_ns: one }) => Math.max(most, one), 1);
  return (
    <Panel title={w("path")} about={w("pathAbout")}>
      <ol className={style.path}>
        {of.segments.slice(0, SEGMENTS_SHOWN).map((segment, number) => (
          <li key={number} className={`${style.segment} ${tints.get(segment.service) ?? ""}`}>
            <a
              href={`?span=${segment.span_id}`}
              className="clip"
              onClick={(event) => {
                event.preventDefault();
                change({ span: segment.span_id, view: null }, "push");
              }}
            >
              {segment.operation} <span className="dim">{segment.service}</span>
            </a>
            <span className={style.track}>
              <span className={style.fill} style={{ display: "block", width: `${(segment.duration_ns / longest) * 100}%` }} />
            </span>
            <span className="num" style={{ textAlign: "right" }}>
              {duration(segment.duration_ns)}
            </span>
          </li>
        ))}
      </ol>
      {of.segment_count > SEGMENTS_SHOWN && <p className="dim small">+{of.segment_count - SEGMENTS_SHOWN}</p>}
      {of.after_root_ns > 0 && <p className="dim small">{w("afterRoot", { duration: duration(of.after_root_ns) })}</p>}
    </Panel>
  );
}

export function Summary({ trace, analysis, tints }: { trace: Trace; analysis: Analysis; tints: Map<string, string> }) {
  const w = useTraceWords();
  const services = useMemo(() => byService(trace, analysis.operations), [trace, analysis]);
  const total = services.reduce((sum, { self }) => sum + self, 0);
  const serviceColumns: Column<ByService>[] = [
    { key: "service", title: w("service"), value: (row) => row.service, cell: (row) => <ServiceName name={row.service} tint={tints.get(row.service)} /> },
    { key: "self", title: w("selfShare"), value: (row) => row.self, cell: (row) => <Bar part={row.self} of={total} tint={tints.get(row.service)} /> },
    { key: "time", title: "", value: (row) => row.self, align: "right", cell: (row) => duration(row.self) },
    { key: "spans", title: w("spans"), value: (row) => row.spans, align: "right", cell: (row) => count(row.spans) },
    { key: "errors", title: w("errors"), value: (row) => row.errors, align: "right", cell: (row) => <Errors of={row.errors} /> },
  ];
  const operationColumns: Column<Share>[] = [
    { key: "operation", title: w("operation"), value: (row) => row.operation, cell: (row) => <span className="lines-2" title={row.operation}>{row.operation}</span> },
    { key: "service", title: w("service"), value: (row) => row.service, cell: (row) => <ServiceName name={row.service} tint={tints.get(row.service)} />, wide: true },
    { key: "self", title: w("selfShare"), value: (row) => row.self_ns, cell: (row) => <Bar part={row.self_ns} of={total} tint={tints.get(row.service)} /> },
    { key: "calls", title: w("calls"), value: (row) => row.calls, align: "right", cell: (row) => count(row.calls) },
    { key: "total", title: w("total"), value: (row) => row.duration_ns, align: "right", cell: (row) => duration(row.duration_ns), wide: true },
    { key: "errors", title: w("errors"), value: (row) => row.errors, align: "right", cell: (row) => <Errors of={row.errors} /> },
  ];
  return (
    <div className="stack">
      <div className="columns">
        <Panel title={w("byService")} flush>
          <DataTable name="services" label={w("byService")} columns={serviceColumns} rows={services} rowKey={(row) => row.service} sort="-self" />
        </Panel>
        <Path of={analysis.critical_path} tints={tints} />
      </div>
      <Panel title={w("byOperation")} flush>
        <DataTable name="operations" label={w("byOperation")} columns={operationColumns} rows={analysis.operations} rowKey={(row) => `${row.service} ${row.operation}`} sort="-self" />
      </Panel>
    </div>
  );
}
