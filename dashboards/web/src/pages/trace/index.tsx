// One trace: what it did over time, where the time went, what it wrote, what came before and after, and how far it
// can be trusted. The first spans are drawn at once; the rest of a large trace follows.
import { Button, Tabs } from "@mantine/core";
import { useParams } from "@tanstack/react-router";
import { useEffect, useMemo } from "react";
import { firstPage } from "../../api/pages";
import { TRACE_SPANS_MAX, type Trace, type TraceLog, traceUrl, useTracePages } from "../../api/traces";
import { useAddress } from "../../base/address";
import { count, duration, percent } from "../../base/format";
import { between, exact } from "../../base/nanos";
import { href } from "../../base/links";
import { Answered, Empty, Partial } from "../../components/Answered";
import { Copy } from "../../components/Copy";
import { Figure, Figures } from "../../components/Figure";
import { Go } from "../../components/Go";
import { Icon } from "../../components/Icon";
import { PageHead, Panel } from "../../components/Panel";
import { ServiceName, tints as tintsOf } from "../../components/ServiceName";
import { Source } from "../../components/Source";
import { Tag } from "../../components/Tag";
import { When } from "../../components/When";
import { SpanDetail } from "./SpanDetail";
import { Story } from "./Story";
import { Summary } from "./Summary";
import { Trust } from "./Trust";
import { Waterfall } from "./Waterfall";
import { type Placed, placed } from "./tree";
import style from "./trace.module.css";
import { useTraceWords } from "./words";

const LOGS_SHOWN = 500;

function Head({ trace, spans }: { trace: Trace; spans: Placed[] }) {
  const w = useTraceWords();
  const { root, analysis } = trace;
  const deepest = useMemo(() => spans.reduce((most, { span }) => Math.max(most, span.depth), 0) + 1, [spans]);
  const wait = [...(analysis?.critical_path.segments ?? [])].sort((a, b) => b.duration_ns - a.duration_ns)[0];
  return (
    <Figures>
      <Figure name={w("duration")} value={duration(trace.duration_ns)} note={<When time={trace.start} as="both" />} />
      <Figure
        name={w("critical")}
        value={wait ? duration(wait.duration_ns) : "–"}
        note={wait && root && w("criticalNote", { service: wait.service, share: percent(wait.duration_ns / (root.duration_ns || 1)) })}
      />
      <Figure name={w("spans")} value={count(trace.span_count)} />
      <Figure name={w("depth")} value={count(deepest)} />
      <Figure name={w("errors")} value={count(trace.error_count)} tone={trace.error_count > 0 ? "bad" : "plain"} />
      <Figure name={w("services")} value={count(trace.services.length)} />
    </Figures>
  );
}

function Logs({ trace, logs, tints }: { trace: Trace; logs: TraceLog[]; tints: Map<string, string> }) {
  const w = useTraceWords();
  const [, change] = useAddress();
  const start = exact(trace.start);
  if (logs.length === 0) return <Panel><Empty title={w("noLogs")} about={w("noLogsAbout")} /></Panel>;
  return (
    <Panel>
      <ol className={style.logs}>
        {logs.slice(0, LOGS_SHOWN).map((log, number) => (
          <li key={number} className={style.log}>
            <button type="button" className="num nowrap" style={{ all: "unset", cursor: "pointer", color: "var(--accent)" }} onClick={() => log.span_id && change({ span: log.span_id, view: null }, "push")}>
              +{duration(between(start, exact(log.time)))}
            </button>
            <Tag tone={(log.severity ?? 0) >= 17 ? "bad" : (log.severity ?? 0) >= 13 ? "warn" : "plain"}>{log.severity_text?.slice(0, 12) ?? "–"}</Tag>
            <ServiceName name={log.service} tint={tints.get(log.service)} clip />
            <code>
              {log.body}
              {log.same_as_event && <span className="dim"> ({w("same")})</span>}
            </code>
          </li>
        ))}
      </ol>
    </Panel>
  );
}

function Opened({ pages, id, again }: { pages: Trace[]; id: string; again: () => void }) {
  const w = useTraceWords();
  const [search, change] = useAddress();
  const trace = pages[0] as Trace;
  const spans = useMemo(() => placed(pages.flatMap((page) => page.spans), trace.start), [pages, trace.start]);
  const resources = useMemo(() => Object.assign({}, ...pages.map((page) => page.resources)) as Trace["resources"], [pages]);
  const start = useMemo(() => exact(trace.start), [trace.start]);
  const tints = useMemo(() => tintsOf(trace.services.map(({ service }) => service)), [trace.services]);
  const logs = trace.logs?.items ?? [];
  const related = trace.related ?? [];
  const chosen = spans.find(({ span }) => span.span_id === search.span);
  const view = search.view ?? "waterfall";
  return (
    <>
      <PageHead
        title={<span className="lines-2">{trace.root?.operation ?? w("noRoot")}</span>}
        about={
          <span className="row">
            {trace.root && <ServiceName name={trace.root.service} tint={tints.get(trace.root.service)} />}
            <span className="mono wrap">{trace.trace_id}</span>
            <Copy text={trace.trace_id} />
          </span>
        }
        actions={
          <>
            <Go to={href("/traces/compare", { a: id })} title={w("compareAbout")}>
              {w("compareWith")}
            </Go>
            <Button size="compact-sm" variant="default" leftSection={<Icon name="refresh" size={13} />} onClick={again}>
              {w("again")}
            </Button>
            <Source url={traceUrl(id)} sql={`SELECT * FROM spans WHERE trace_id = '${id}' ORDER BY time`} />
          </>
        }
      />
      <Head trace={trace} spans={spans} />
      {trace.analysis && <Trust trace={trace} analysis={trace.analysis} />}
      {trace.span_count > TRACE_SPANS_MAX && <Partial reason={w("tooMany", { shown: count(TRACE_SPANS_MAX), count: count(trace.span_count) })} />}
      <Tabs value={view} onChange={(value) => change({ view: value === "waterfall" ? null : value }, "push")}>
        <Tabs.List>
          <Tabs.Tab value="waterfall">{w("waterfall")}</Tabs.Tab>
          <Tabs.Tab value="summary">{w("summary")}</Tabs.Tab>
          <Tabs.Tab value="logs">
            {w("logs")} <span className="dim num">{count(logs.length)}</span>
          </Tabs.Tab>
          <Tabs.Tab value="story">
            {w("story")} <span className="dim num">{count(new Set(related.map((one) => one.trace_id)).size)}</span>
          </Tabs.Tab>
        </Tabs.List>
      </Tabs>
      {view === "waterfall" && (
        <div className={style.split}>
          <Panel flush>
            {spans.length < Math.min(trace.span_count, TRACE_SPANS_MAX) && (
              <p className="dim small" style={{ padding: "0 14px 8px" }} role="status">
                {w("loading", { shown: count(spans.length), count: count(trace.span_count) })}
              </p>
            )}
            <Waterfall spans={spans} start={start} duration={trace.duration_ns} count={trace.span_count} analysis={trace.analysis} logs={logs} tints={tints} />
          </Panel>
          {chosen && (
            <div className={style.side}>
              <SpanDetail
                one={chosen}
                trace={trace}
                resource={resources[chosen.span.resource_id]}
                logs={logs}
                tint={tints.get(chosen.span.service)}
                onClose={() => change({ span: null })}
              />
            </div>
          )}
        </div>
      )}
      {view === "summary" && trace.analysis && <Summary trace={trace} analysis={trace.analysis} tints={tints} />}
      {view === "logs" && <Logs trace={trace} logs={logs} tints={tints} />}
      {view === "story" && <Story trace={trace} related={related} />}
    </>
  );
}

export default function TracePage() {
  const { id = "" } = useParams({ strict: false }) as { id?: string };
  const answer = useTracePages(id);
  const { hasNextPage, isFetchingNextPage, fetchNextPage, isFetchNextPageError } = answer;
  useEffect(() => {
    if (hasNextPage && !isFetchingNextPage && !isFetchNextPageError) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, isFetchNextPageError, fetchNextPage]);
  return (
    <Answered of={firstPage(answer)} lines={12}>
      {() => answer.data && <Opened pages={answer.data.pages} id={id} again={() => void answer.refetch()} />}
    </Answered>
  );
}
