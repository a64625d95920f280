// How soon faults were told, located and stopped, month by month, against 2, 5 and 10 minutes.
import { type Answer, useRead } from "../../api/read";
import { GOALS } from "../../base/causes";
import { count, duration, percent } from "../../base/format";
import { phrases } from "../../base/language";
import { MONTHS_SQL } from "../../base/sameInSql";
import { type Column, DataTable } from "../../components/DataTable";
import { Panel } from "../../components/Panel";
import { Source } from "../../components/Source";

const useWords = phrases("incidentMonths", {
  title: ["2-5-10 by month", "2-5-10 月度达成"],
  about: ["From the fault on: told within 2 minutes, located within 5, stopped within 10. Median, and the share that made it.", "自故障发生起：2 分钟内通知、5 分钟内定位、10 分钟内止损。显示中位数与达成率。"],
  month: ["Month", "月份"],
  incidents: ["Incidents", "故障数"],
  named: ["Cause named", "给出根因"],
  told: ["Told", "通知"],
  located: ["Located", "定位"],
  stopped: ["Stopped", "止损"],
  reopened: ["Reopened", "重开"],
  none: ["not yet", "暂无"],
});

type Month = Answer<"/api/v1/incidents/by-month">["items"][number];
type Clock = Month["told"];

const MONTHS = "/api/v1/incidents/by-month";
/** Half an hour makes no month: it is asked for seldom. */
const EVERY_MS = 60_000;

function Kept({ of, minutes }: { of: Clock; minutes: number }) {
  const w = useWords();
  if (of.count === 0) return <span className="dim">{w("none")}</span>;
  const late = (of.p50_ns ?? 0) > minutes * 60e9;
  return (
    <span className="num">
      <strong style={{ color: late ? "var(--failing)" : "var(--healthy)" }}>{duration(of.p50_ns == null ? null : Math.round(of.p50_ns / 1e9) * 1e9)}</strong>{" "}
      <span className="dim small">{percent(of.within / of.count)}</span>
    </span>
  );
}

export function Months() {
  const w = useWords();
  const months = useRead(MONTHS, { every: EVERY_MS });
  const columns: Column<Month>[] = [
    { key: "month", title: w("month"), value: (row) => row.month },
    { key: "incidents", title: w("incidents"), value: (row) => row.incidents, align: "right", cell: (row) => count(row.incidents), wide: true },
    { key: "named", title: w("named"), value: (row) => row.named, align: "right", cell: (row) => count(row.named), wide: true },
    { key: "told", title: w("told"), value: (row) => row.told.p50_ns, align: "right", cell: (row) => <Kept of={row.told} minutes={GOALS.detect} /> },
    { key: "located", title: w("located"), value: (row) => row.located.p50_ns, align: "right", cell: (row) => <Kept of={row.located} minutes={GOALS.locate} /> },
    { key: "stopped", title: w("stopped"), value: (row) => row.stopped.p50_ns, align: "right", cell: (row) => <Kept of={row.stopped} minutes={GOALS.recover} /> },
    { key: "reopened", title: w("reopened"), value: (row) => row.reopened, align: "right", cell: (row) => count(row.reopened), wide: true },
  ];
  const rows = months.data?.items ?? [];
  if (rows.length === 0) return null;
  return (
    <Panel title={w("title")} about={w("about")} actions={<Source url={MONTHS} sql={MONTHS_SQL} />} flush>
      <DataTable name="months" label={w("title")} columns={columns} rows={rows} rowKey={(row) => row.month} height={240} />
    </Panel>
  );
}
