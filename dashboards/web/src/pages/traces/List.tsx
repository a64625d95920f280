// Traces as a table; one can be marked, and another compared with it.
import type { TraceSummary } from "../../api/traces";
import { useAddress } from "../../base/address";
import { count, duration } from "../../base/format";
import { href, traceHref } from "../../base/links";
import { instant } from "../../base/time";
import { type Column, DataTable } from "../../components/DataTable";
import { Go } from "../../components/Go";
import { ServiceName } from "../../components/ServiceName";
import { Tag } from "../../components/Tag";
import { When } from "../../components/When";
import style from "./List.module.css";
import { useTracesWords } from "./words";

const SERVICES_SHOWN = 3;
/** Senders gather spans for some seconds; a trace this young may have its other spans on the way. */
const ARRIVING_MS = 20_000;

const isArriving = (trace: TraceSummary): boolean => Date.now() - (instant(trace.start, 0) ?? 0) - trace.duration_ns / 1e6 < ARRIVING_MS;

function Services({ of }: { of: TraceSummary["services"] }) {
  const byWork = [...of].sort((a, b) => b.errors - a.errors || b.spans - a.spans);
  return (
    <span className={style.services} title={of.map(({ service, spans }) => `${service} ${spans}`).join("\n")}>
      {byWork.slice(0, SERVICES_SHOWN).map(({ service }) => (
        <ServiceName key={service} name={service} clip />
      ))}
      {of.length > SERVICES_SHOWN && <span className="dim">+{of.length - SERVICES_SHOWN}</span>}
    </span>
  );
}

export function TraceList({ traces }: { traces: TraceSummary[] }) {
  const w = useTracesWords();
  const [search, change] = useAddress();
  const marked = search.mark;
  const longest = traces.reduce((most, trace) => Math.max(most, trace.duration_ns), 1);
  const compare = (trace: TraceSummary) => {
    if (marked && marked !== trace.trace_id) return <Go to={href("/traces/compare", { a: marked, b: trace.trace_id })}>{w("marked", { id: marked.slice(0, 6) })}</Go>;
    return (
      <button type="button" className={style.mark} onClick={() => change({ mark: marked ? null : trace.trace_id })}>
        {marked ? w("unmark") : w("mark")}
      </button>
    );
  };
  const columns: Column<TraceSummary>[] = [
    { key: "time", title: w("time"), value: (row) => row.start, cell: (row) => <When time={row.start} as="clock" />, width: "120px" },
    {
      key: "root",
      title: w("root"),
      value: (row) => row.root_operation ?? "",
      cell: (row) => (
        <span className={style.root}>
          <Go to={traceHref(row.trace_id)} className="clip">
            {row.root_operation ?? <span className="dim">{w("noRoot")}</span>}
          </Go>
          {row.root_service && <ServiceName name={row.root_service} clip />}
          {row.whole === false &&
            (isArriving(row) ? (
              <Tag title={w("arrivingAbout")}>{w("arriving")}</Tag>
            ) : (
              <Tag tone="warn" title={w("notWholeAbout")}>
                {w("notWhole")}
              </Tag>
            ))}
        </span>
      ),
    },
    {
      key: "duration",
      title: w("duration"),
      value: (row) => row.duration_ns,
      align: "right",
      cell: (row) => (
        <span className={style.duration}>
          <span className={style.bar} aria-hidden="true">
            <span className={style.fill} style={{ width: `${(row.duration_ns / longest) * 100}%` }} />
          </span>
          <span className={style.figure}>{duration(row.duration_ns)}</span>
        </span>
      ),
    },
    { key: "spans", title: w("spanCount"), value: (row) => row.span_count, align: "right", cell: (row) => count(row.span_count), wide: true },
    {
      key: "errors",
      title: w("errors"),
      value: (row) => row.error_count,
      align: "right",
      cell: (row) => (row.error_count > 0 ? <Tag tone="bad">{count(row.error_count)}</Tag> : <span className="dim">0</span>),
    },
    { key: "services", title: w("services"), value: (row) => row.services.length, cell: (row) => <Services of={row.services} />, wide: true },
    { key: "compare", title: "", value: () => 0, cell: compare, wide: true, align: "right" },
  ];
  return (
    <DataTable
      name="traces"
      label={w("list")}
      columns={columns}
      rows={traces}
      rowKey={(row) => row.trace_id}
      to={(row) => traceHref(row.trace_id)}
      marked={(row) => row.error_count > 0}
      height={720}
    />
  );
}
