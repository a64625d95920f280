// The metrics explorer: every name that came in, drawn by any of its labels, with the traces behind high values.
import { Select, TextInput } from "@mantine/core";
import { useMemo } from "react";
import { useRead, useSql } from "../../api/read";
import { useAddress, useWindow } from "../../base/address";
import { measure } from "../../base/format";
import { metricsHref, traceHref } from "../../base/links";
import { iso, resolve, step } from "../../base/time";
import { Answered, Empty, Partial } from "../../components/Answered";
import { Chart } from "../../components/Chart";
import { type Column, DataTable } from "../../components/DataTable";
import { useGo } from "../../components/Go";
import { Icon } from "../../components/Icon";
import { PageHead, Panel } from "../../components/Panel";
import { ServiceName } from "../../components/ServiceName";
import { Source } from "../../components/Source";
import { When } from "../../components/When";
import style from "./metrics.module.css";
import { type Look, type Metric, type View, exemplarsSql, labelsSql, linesOf, lookSql, measureOf, metricsOf, namesSql, viewsOf } from "./question";
import { useMetricsWords } from "./words";

function Names({ metrics, chosen }: { metrics: Metric[]; chosen: string | undefined }) {
  const w = useMetricsWords();
  const [search, change] = useAddress();
  const wanted = (search.find ?? "").toLowerCase();
  const shown = metrics.filter(({ name, description }) => name.toLowerCase().includes(wanted) || description.toLowerCase().includes(wanted));
  return (
    <>
      <TextInput
        size="xs"
        mx={14}
        leftSection={<Icon name="search" size={13} />}
        placeholder={w("find")}
        aria-label={w("find")}
        value={search.find ?? ""}
        onChange={(event) => change({ find: event.currentTarget.value })}
      />
      {shown.length === 0 && <Empty title={w("noFit")} />}
      <ul className={style.names}>
        {shown.map((metric) => (
          <li key={metric.name}>
            <button
              type="button"
              className={style.name}
              aria-current={metric.name === chosen}
              title={metric.description}
              onClick={() => change({ name: metric.name, as: null, by: null }, "push")}
            >
              <span>{metric.name}</span>
              <span className="dim small">
                {w(metric.type as "gauge")} {metric.unit && `· ${metric.unit.replace(/[{}]/g, "")}`} · {w("services", { count: metric.services })}
              </span>
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}

interface Example {
  at: number;
  time: string;
  value: number | null;
  trace: string;
  span: string;
  service: string;
}

function Exemplars({ look, scale, unit }: { look: Look; scale: number; unit: ReturnType<typeof measureOf>["unit"] }) {
  const w = useMetricsWords();
  const { window } = useWindow();
  const sql = exemplarsSql(look, window);
  const answer = useSql(sql);
  const rows = useMemo(
    () => (answer.data?.rows ?? []).map(([time, value, trace, span, service], at): Example => ({ at, time: String(time), value: typeof value === "number" ? value * scale : null, trace: String(trace), span: String(span), service: String(service) })),
    [answer.data, scale],
  );
  const columns: Column<Example>[] = [
    { key: "value", title: w("value"), value: (row) => row.value, cell: (row) => <strong>{measure(row.value, unit)}</strong>, align: "right", width: "110px" },
    { key: "time", title: w("time"), value: (row) => row.time, cell: (row) => <When time={row.time} as="clock" /> },
    { key: "service", title: w("service"), value: (row) => row.service, cell: (row) => <ServiceName name={row.service} /> },
    { key: "trace", title: w("trace"), value: (row) => row.trace, cell: (row) => <span className="mono">{row.trace}</span>, wide: true },
  ];
  return (
    <Panel title={w("exemplars")} about={w("exemplarsAbout")} actions={<Source sql={sql} />} flush>
      <Answered of={answer} isEmpty={() => rows.length === 0} missing={{ title: w("noExemplars") }} lines={3}>
        {() => <DataTable name="exemplars" label={w("exemplars")} columns={columns} rows={rows} rowKey={(row) => String(row.at)} to={(row) => traceHref(row.trace, { span: row.span })} height={330} />}
      </Answered>
    </Panel>
  );
}

function Picture({ metric }: { metric: Metric }) {
  const w = useMetricsWords();
  const [search, change] = useAddress();
  const { window, set } = useWindow();
  const services = useRead("/api/v1/services", { query: { ...window } });
  const labels = useSql(labelsSql(metric.name));
  const views = viewsOf(metric);
  const view = views.find((one) => one === search.as) ?? (views[0] as View);
  // Where one name is several series by their state, their mean says nothing.
  const split = (labels.data?.rows ?? []).map(([label]) => String(label)).find((label) => /[._](state|type)$/.test(label) || label === "attr.state");
  const by = search.by === "-" ? "" : (search.by ?? split ?? "service");
  // Points come every some seconds; narrower bins than a minute would mostly be empty.
  const width = Math.max(60, step(resolve(window, Date.now()), 90));
  const look: Look = { metric, view, by, service: search.service, width };
  const sql = lookSql(look, window);
  const answer = useSql(sql, { every: "live", limit: 100_000 });
  const { unit, scale } = measureOf(metric, view);
  const lines = useMemo(
    () => (answer.data ? linesOf(answer.data, { view, width }, resolve(window, answer.dataUpdatedAt || Date.now()), scale, metric.name) : null),
    [answer.data, window, view, width, scale, metric.name],
  );
  const known = [...new Set([...(labels.data?.rows ?? []).map(([label]) => String(label)), ...(by && by !== "service" ? [by] : [])])].sort();
  return (
    <div className="stack">
      <Panel title={<span className="mono">{metric.name}</span>} about={metric.description} actions={<Source sql={sql} />} flush>
        <div className={style.tools}>
          <Select size="xs" w={150} label={w("as")} value={view} allowDeselect={false} onChange={(value) => change({ as: value }, "push")} data={views.map((value) => ({ value, label: w(value) }))} />
          <Select
            size="xs"
            w={230}
            label={w("by")}
            value={by === "" ? "-" : by}
            allowDeselect={false}
            searchable
            onChange={(value) => change({ by: value }, "push")}
            data={[{ value: "-", label: w("whole") }, { value: "service", label: w("service") }, ...known.map((value) => ({ value, label: value.replace(/^attr\./, "") }))]}
          />
          <Select
            size="xs"
            w={200}
            label={w("service")}
            value={search.service ?? null}
            clearable
            searchable
            onChange={(value) => change({ service: value }, "push")}
            data={[...new Set([...((services.data?.items ?? []) as { name: string }[]).map(({ name }) => name), ...(search.service ? [search.service] : [])])]}
          />
        </div>
        {lines && lines.count > lines.series.length && <Partial reason={w("cut", { shown: lines.series.length, count: lines.count })} />}
        <Answered of={answer} isEmpty={(data) => data.rows.length === 0} missing={{ title: w("noPoints"), about: w("noPointsAbout") }} lines={8}>
          {() => lines && <Chart times={lines.times} series={lines.series} unit={unit} height={330} onWindow={(from, to) => set({ from: iso(from), to: iso(to) })} />}
        </Answered>
      </Panel>
      {metric.type === "histogram" && <Exemplars look={look} scale={measureOf(metric, "mean").scale} unit={measureOf(metric, "mean").unit} />}
    </div>
  );
}

/** What is drawn before anything is chosen: what nearly every service sends. */
const FIRST = ["http.server.request.duration", "http.server.duration", "rpc.server.duration", "db.client.operation.duration", "jvm.memory.used", "process.cpu.utilization"];

export default function Metrics() {
  const w = useMetricsWords();
  const [search] = useAddress();
  const { window } = useWindow();
  const go = useGo();
  const names = useSql(namesSql(window), { every: "live", limit: 10_000 });
  const metrics = useMemo(() => (names.data ? metricsOf(names.data) : []), [names.data]);
  const chosen = metrics.find(({ name }) => name === search.name) ?? (search.name ? undefined : FIRST.map((name) => metrics.find((metric) => metric.name === name)).find(Boolean));
  return (
    <>
      <PageHead title={w("title")} />
      <div className={style.layout}>
        <Panel title={w("names")} flush>
          <Answered of={names} isEmpty={() => metrics.length === 0} missing={{ title: w("none"), about: w("noneAbout"), command: "stormglass demo" }} lines={10}>
            {() => <Names metrics={metrics} chosen={chosen?.name} />}
          </Answered>
        </Panel>
        {chosen ? (
          <Picture metric={chosen} />
        ) : (
          <Panel>
            <Empty
              title={w("choose")}
              about={w("chooseAbout")}
              action={
                <span className="row">
                  {metrics.slice(0, 3).map(({ name }) => (
                    <button key={name} type="button" style={{ all: "unset", cursor: "pointer", color: "var(--accent)" }} onClick={() => go(metricsHref({ name, service: search.service }))}>
                      {name}
                    </button>
                  ))}
                </span>
              }
            />
          </Panel>
        )}
      </div>
    </>
  );
}
