// Incidents as a list: what is open, what is behind each, how many alerts it stands for, and how quickly it went.
import { SegmentedControl, Select } from "@mantine/core";
import { address } from "../../api/client";
import { INCIDENTS, type IncidentHead, useIncidents } from "../../api/incidents";
import { useAddress, useWindow } from "../../base/address";
import { useCauseWords } from "../../base/causes";
import { count, duration } from "../../base/format";
import { asSeverity, bySeverity } from "../../base/health";
import { phrases, say } from "../../base/language";
import { incidentHref } from "../../base/links";
import { moment } from "../../base/moments";
import { INCIDENTS_SQL } from "../../base/sameInSql";
import { Answered } from "../../components/Answered";
import { type Column, DataTable } from "../../components/DataTable";
import { EntityLink } from "../../components/EntityLink";
import { Go } from "../../components/Go";
import { IncidentLine, IncidentStateTag } from "../../components/IncidentLine";
import { PageHead, Panel } from "../../components/Panel";
import { Severity, useSeverityWords } from "../../components/Severity";
import { Source } from "../../components/Source";
import { When } from "../../components/When";
import { LeftToDo } from "./LeftToDo";
import { Months } from "./Months";

const useWords = phrases("incidents", {
  title: ["Incidents", "故障"],
  about: ["Many alerts, few incidents: each with its cause, or saying that none is sure.", "告警收敛为少量故障，每个都给出根因，或说明尚不能判定。"],
  active: ["Active", "进行中"],
  all: ["All in the window", "时间段内全部"],
  severity: ["Severity", "级别"],
  any: ["any", "全部"],
  what: ["What", "故障"],
  state: ["State", "状态"],
  cause: ["Cause", "根因"],
  noCause: ["not found yet", "待定"],
  undetermined: ["undetermined", "无法判定"],
  alerts: ["Alerts", "告警数"],
  services: ["Services", "涉及服务"],
  opened: ["Opened", "发生"],
  lasted: ["Lasted", "持续"],
  none: ["No incident is open", "没有进行中的故障"],
  noneAll: ["No incident in this window", "此时间段内没有故障"],
  noneAbout: ["In the demo you can break something, on purpose.", "在演示中可以主动制造故障。"],
  break: ["Break something", "制造故障"],
});

export default function Incidents() {
  const w = useWords();
  const kinds = useCauseWords();
  const grave = useSeverityWords();
  const { window } = useWindow();
  const [search, change] = useAddress();
  const all = search.show === "all";
  const query = {
    ...(all ? window : { state: "live" }),
    severity: search.severity,
    service: search.service,
    limit: 200,
  };
  const incidents = useIncidents(query, { every: 5_000 });
  const columns: Column<IncidentHead>[] = [
    { key: "severity", title: w("severity"), width: "84px", value: (row) => bySeverity("low", asSeverity(row.severity)), cell: (row) => <Severity of={row.severity} /> },
    {
      key: "what",
      title: w("what"),
      value: (row) => say(row.title),
      cell: (row) => (
        <div>
          <Go to={incidentHref(row.id)} className="wrap">
            <strong>{say(row.title)}</strong>
          </Go>
          <div className="dim small wrap">
            <span className="mono">{row.id}</span>
            {row.services.length > 0 && ` · ${row.services.slice(0, 4).join(", ")}`}
            {row.services.length > 4 && ` +${row.services.length - 4}`}
          </div>
        </div>
      ),
    },
    { key: "state", title: w("state"), value: (row) => row.state, cell: (row) => <IncidentStateTag state={row.state} /> },
    {
      key: "cause",
      title: w("cause"),
      value: (row) => row.cause?.entity,
      wide: true,
      cell: (row) =>
        row.cause ? (
          <div>
            <EntityLink of={row.cause.entity} />
            <div className="dim small">{kinds(row.cause.kind as "release")}</div>
          </div>
        ) : (
          <span className="dim">{row.undetermined ? w("undetermined") : w("noCause")}</span>
        ),
    },
    { key: "alerts", title: w("alerts"), value: (row) => row.alert_count, align: "right", cell: (row) => count(row.alert_count), wide: true },
    { key: "opened", title: w("opened"), value: (row) => row.opened_at, align: "right", cell: (row) => <When time={row.opened_at} /> },
    {
      key: "lasted",
      title: w("lasted"),
      align: "right",
      wide: true,
      value: (row) => (moment(row.resolved_at) ?? Date.now()) - (moment(row.opened_at) ?? Date.now()),
      cell: (row) => duration(((moment(row.resolved_at) ?? Date.now()) - (moment(row.opened_at) ?? Date.now())) * 1e6),
    },
  ];
  return (
    <>
      <PageHead title={w("title")} about={w("about")} actions={<Source url={address(INCIDENTS, query)} sql={INCIDENTS_SQL} />} />
      <div className="row">
        <SegmentedControl
          size="xs"
          value={all ? "all" : "active"}
          onChange={(value) => change({ show: value === "all" ? "all" : null }, "push")}
          data={[
            { value: "active", label: w("active") },
            { value: "all", label: w("all") },
          ]}
        />
        <Select
          size="xs"
          w={150}
          aria-label={w("severity")}
          value={search.severity ?? ""}
          onChange={(value) => change({ severity: value }, "push")}
          allowDeselect={false}
          data={[{ value: "", label: `${w("severity")}: ${w("any")}` }, ...(["critical", "high", "medium", "low"] as const).map((value) => ({ value, label: grave(value) }))]}
        />
      </div>
      <Panel flush>
        <Answered
          of={incidents}
          isEmpty={(data) => data.items.length === 0}
          missing={{ title: all ? w("noneAll") : w("none"), about: w("noneAbout"), command: "stormglass demo --fault connection_pool", action: <Go to="/demo">{w("break")}</Go> }}
        >
          {(data) => (
            <>
              <div className="on-wide">
                <DataTable name="incidents" label={w("title")} columns={columns} rows={data.items} rowKey={(row) => row.id} to={(row) => incidentHref(row.id)} height={720} />
              </div>
              <div className="on-narrow inset">
                {data.items.map((incident) => (
                  <IncidentLine key={incident.id} of={incident} />
                ))}
              </div>
            </>
          )}
        </Answered>
      </Panel>
      <LeftToDo />
      <Months />
    </>
  );
}
