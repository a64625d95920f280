// Two traces side by side: which spans took longer or failed, which are in one only, which attributes differ.
// Without a second trace it offers others of the same operation.
import { TextInput, Button } from "@mantine/core";
import { useState } from "react";
import { useAnswer } from "../../api/read";
import { address } from "../../api/client";
import { type Compared, type SpanName, type Trace, type TracePage, traceUrl, windowOf } from "../../api/traces";
import { useAddress } from "../../base/address";
import { count, duration } from "../../base/format";
import { traceHref } from "../../base/links";
import { comparedSql } from "../../base/sameInSql";
import { Answered, Empty, TroubleNote } from "../../components/Answered";
import { type Column, DataTable } from "../../components/DataTable";
import { Figure, Figures } from "../../components/Figure";
import { Go } from "../../components/Go";
import { PageHead, Panel } from "../../components/Panel";
import { ServiceName } from "../../components/ServiceName";
import { Source } from "../../components/Source";
import { Tag } from "../../components/Tag";
import { When } from "../../components/When";
import style from "./compare.module.css";
import { useCompareWords } from "./words";

type Change = Compared["changed"][number];

const CANDIDATES = 40;
/** Of one span; the others are read in its detail. */
const ATTRIBUTES_SHOWN = 4;
/** What differs between any two calls tells least: ids, and where they ran. */
const EXPECTED = /(^|[._])(id|ids|key|keys|pid|uid|uuid)$|^resource\.(host|k8s|process|service\.instance|container)|address$|thread/;

function signed(ns: number): string {
  return ns > 0 ? `+${duration(ns)}` : duration(ns);
}

function Changed({ of }: { of: Change }) {
  const shown = of.attributes.filter(({ key }) => !EXPECTED.test(key)).slice(0, ATTRIBUTES_SHOWN);
  const rest = of.attributes.length - shown.length;
  return (
    <span className={style.attributes}>
      {shown.map(({ key, a, b }) => (
        <span key={key} className="wrap">
          <span className="dim">{key}</span> <code>{a ?? "∅"}</code> → <code>{b ?? "∅"}</code>
        </span>
      ))}
      {rest > 0 && <span className="dim" title={of.attributes.map(({ key, a, b }) => `${key}: ${a ?? "∅"} → ${b ?? "∅"}`).join("\n")}>+{rest}</span>}
    </span>
  );
}

function Difference({ ns, most }: { ns: number; most: number }) {
  const share = (Math.abs(ns) / Math.max(most, 1)) * 50;
  return (
    <span className={style.difference}>
      <span className={style.axis} aria-hidden="true">
        <i data-slower={ns > 0} style={ns > 0 ? { left: "50%", width: `${share}%` } : { right: "50%", width: `${share}%` }} />
      </span>
      <span className="num">{signed(ns)}</span>
    </span>
  );
}

function Only({ title, about, spans, total, trace }: { title: string; about: string; spans: SpanName[]; total: number; trace: string }) {
  const w = useCompareWords();
  const columns: Column<SpanName>[] = [
    { key: "operation", title: w("span"), value: (row) => row.operation, cell: (row) => <Go to={traceHref(trace, { span: row.span_id })}>{row.operation}</Go> },
    { key: "service", title: w("service"), value: (row) => row.service, cell: (row) => <ServiceName name={row.service} /> },
    { key: "duration", title: w("duration"), value: (row) => row.duration_ns, align: "right", cell: (row) => duration(row.duration_ns) },
  ];
  return (
    <Panel title={`${title} · ${count(total)}`} about={about} flush>
      {spans.length === 0 ? <Empty title={w("nothingOnly")} /> : <DataTable name={`only-${title}`} label={title} columns={columns} rows={spans} rowKey={(row) => row.span_id} height={320} />}
    </Panel>
  );
}

function Both({ of }: { of: Compared }) {
  const w = useCompareWords();
  const most = of.changed.reduce((high, { duration_difference_ns: ns }) => Math.max(high, Math.abs(ns)), 1);
  const columns: Column<Change>[] = [
    { key: "operation", title: w("span"), value: (row) => row.b.operation, cell: (row) => <Go to={traceHref(of.b.trace_id, { span: row.b.span_id })}>{row.b.operation}</Go> },
    { key: "service", title: w("service"), value: (row) => row.b.service, cell: (row) => <ServiceName name={row.b.service} />, wide: true },
    { key: "a", title: "A", value: (row) => row.a.duration_ns, align: "right", cell: (row) => duration(row.a.duration_ns) },
    { key: "b", title: "B", value: (row) => row.b.duration_ns, align: "right", cell: (row) => duration(row.b.duration_ns) },
    { key: "difference", title: w("difference"), value: (row) => row.duration_difference_ns, align: "right", cell: (row) => <Difference ns={row.duration_difference_ns} most={most} />, width: "230px" },
    { key: "self", title: w("self"), value: (row) => row.self_difference_ns, align: "right", cell: (row) => signed(row.self_difference_ns), wide: true },
    {
      key: "what",
      title: w("what"),
      value: (row) => row.attributes.length,
      cell: (row) => (
        <>
          {row.status_changed && <Tag tone={row.b.status === "error" ? "bad" : "good"}>{`${row.a.status} → ${row.b.status}`}</Tag>} <Changed of={row} />
        </>
      ),
      wide: true,
    },
  ];
  return (
    <>
      <Figures>
        <Figure name={<Go to={traceHref(of.a.trace_id)}>A · {of.a.trace_id.slice(0, 12)}</Go>} value={duration(of.a.duration_ns)} note={w("spans", { count: of.a.span_count })} />
        <Figure name={<Go to={traceHref(of.b.trace_id)}>B · {of.b.trace_id.slice(0, 12)}</Go>} value={duration(of.b.duration_ns)} note={w("spans", { count: of.b.span_count })} />
        <Figure name={w("slower")} value={signed(of.b.duration_ns - of.a.duration_ns)} tone={of.b.duration_ns > of.a.duration_ns * 1.2 ? "bad" : "plain"} />
        <Figure name={w("matched")} value={count(of.matched_count)} note={w("changed", { count: of.changed_count })} />
      </Figures>
      <Panel title={w("differ")} about={w("differAbout")} flush>
        {of.changed.length === 0 ? (
          <Empty title={of.matched_count === 0 ? w("nothingMatched") : w("nothingDiffers")} about={of.matched_count === 0 ? w("nothingMatchedAbout") : undefined} />
        ) : (
        <DataTable name="changed" label={w("differ")} columns={columns} rows={of.changed} rowKey={(row) => `${row.a.span_id}${row.b.span_id}`} height={560} />
        )}
      </Panel>
      {(of.only_a_count > 0 || of.only_b_count > 0) && (
        <div className="columns">
          <Only title={w("onlyA")} about={w("onlyAbout")} spans={of.only_a} total={of.only_a_count} trace={of.a.trace_id} />
          <Only title={w("onlyB")} about={w("onlyAbout")} spans={of.only_b} total={of.only_b_count} trace={of.b.trace_id} />
        </div>
      )}
    </>
  );
}

function Candidates({ of }: { of: string }) {
  const w = useCompareWords();
  const [, change] = useAddress();
  const trace = useAnswer<Trace>(traceUrl(of));
  const root = trace.data?.root;
  const near = trace.data ? windowOf(trace.data.start, trace.data.duration_ns, 30 * 60e3) : undefined;
  const url = address("/api/v1/traces", { ...near, service: root?.service, operation: root?.operation, limit: CANDIDATES });
  const others = useAnswer<TracePage>(url, { when: !!root });
  type Row = TracePage["items"][number];
  const columns: Column<Row>[] = [
    { key: "time", title: w("time"), value: (row) => row.start, cell: (row) => <When time={row.start} as="clock" /> },
    { key: "operation", title: w("span"), value: (row) => row.root_operation, cell: (row) => row.root_operation ?? "–" },
    { key: "spans", title: w("spansName"), value: (row) => row.span_count, align: "right", cell: (row) => count(row.span_count) },
    { key: "errors", title: w("errors"), value: (row) => row.error_count, align: "right", cell: (row) => (row.error_count > 0 ? <Tag tone="bad">{row.error_count}</Tag> : "0") },
    { key: "duration", title: w("duration"), value: (row) => row.duration_ns, align: "right", cell: (row) => duration(row.duration_ns) },
  ];
  return (
    <Panel title={w("pick")} about={w("pickAbout")} flush>
      {trace.error && <TroubleNote error={trace.error} again={() => void trace.refetch()} />}
      <Answered of={others} lines={6}>
        {() => (
          <DataTable
            name="candidates"
            label={w("pick")}
            columns={columns}
            rows={(others.data?.items ?? []).filter((row) => row.trace_id !== of)}
            rowKey={(row) => row.trace_id}
            onOpen={(row) => change({ b: row.trace_id }, "push")}
            sort="duration"
          />
        )}
      </Answered>
    </Panel>
  );
}

function Ids({ a, b }: { a: string; b: string }) {
  const w = useCompareWords();
  const [, change] = useAddress();
  const [first, setFirst] = useState(a);
  const [second, setSecond] = useState(b);
  return (
    <form
      className="row"
      onSubmit={(event) => {
        event.preventDefault();
        change({ a: first.trim(), b: second.trim() }, "push");
      }}
    >
      <TextInput size="xs" w={290} leftSection="A" aria-label="A" placeholder={w("id")} value={first} onChange={(event) => setFirst(event.currentTarget.value)} />
      <Button size="compact-sm" variant="default" onClick={() => change({ a: b, b: a }, "push")} aria-label={w("swap")} disabled={!b}>
        ⇄
      </Button>
      <TextInput size="xs" w={290} leftSection="B" aria-label="B" placeholder={w("id")} value={second} onChange={(event) => setSecond(event.currentTarget.value)} />
      <Button size="xs" type="submit">
        {w("compare")}
      </Button>
    </form>
  );
}

export default function Compare() {
  const w = useCompareWords();
  const [search] = useAddress();
  const { a = "", b = "" } = search;
  const url = address("/api/v1/traces/compare", { a, b });
  const answer = useAnswer<Compared>(url, { when: a !== "" && b !== "" });
  return (
    <>
      <PageHead title={w("title")} about={w("about")} actions={a && b ? <Source url={url} sql={comparedSql(a, b)} /> : undefined} />
      <Ids key={`${a} ${b}`} a={a} b={b} />
      {a && b ? <Answered of={answer} lines={10}>{(data) => <Both of={data} />}</Answered> : a && <Candidates of={a} />}
    </>
  );
}
