// What the page shows before anything is asked: what is stuck, and what was done lately.
import { SegmentedControl, Select } from "@mantine/core";
import { useRead, useSql } from "../../api/read";
import { address } from "../../api/client";
import type { BusinessEvent } from "../../api/stories";
import { useAddress, useWindow } from "../../base/address";
import { count, duration } from "../../base/format";
import { historyHref, href, storyHref, tracesHref } from "../../base/links";
import { eventsSql, openSql } from "../../base/sameInSql";
import { sqlWindow } from "../../base/time";
import { Answered } from "../../components/Answered";
import { type Column, DataTable } from "../../components/DataTable";
import { Go } from "../../components/Go";
import { Panel } from "../../components/Panel";
import { ServiceName } from "../../components/ServiceName";
import { Source } from "../../components/Source";
import { Tag } from "../../components/Tag";
import { When } from "../../components/When";
import { EntityChange } from "./Steps";
import { useStoryWords } from "./words";

const SHOWN = 50;

/** The story of the event: of its order when it has one, else of its request, trace or entity. */
export function storyOf(event: BusinessEvent): string {
  const order = event.attributes["order.id"];
  if (order) return storyHref({ key: "order.id", value: order });
  if (event.request_id) return storyHref({ request_id: event.request_id });
  if (event.trace_id) return storyHref({ trace_id: event.trace_id });
  const [entity] = event.entities;
  return entity ? historyHref(entity.type, entity.id) : href("/operations");
}

function useColumns(): Record<"operation" | "entities" | "outcome" | "actor" | "time" | "over" | "service", Column<BusinessEvent>> {
  const w = useStoryWords();
  return {
    operation: { key: "operation", title: w("operation"), value: (row) => row.operation, cell: (row) => <Go to={storyOf(row)} className="lines-2">{row.operation}</Go> },
    entities: {
      key: "entities",
      title: w("what"),
      value: (row) => row.entities[0]?.id,
      cell: (row) => row.entities.slice(0, 2).map((entity) => <EntityChange key={`${entity.type}${entity.id}`} of={entity} />),
    },
    outcome: {
      key: "outcome",
      title: w("outcome"),
      value: (row) => row.outcome,
      cell: (row) =>
        row.outcome === "failure" ? <Tag tone="bad">{w("failure")}</Tag> : row.outcome === "success" ? <Tag tone="good">{w("success")}</Tag> : <Tag>{row.phase === "create" ? w("begun") : w("unknownOutcome")}</Tag>,
    },
    actor: {
      key: "actor",
      title: w("who"),
      value: (row) => row.actor,
      cell: (row) => (row.actor ? <Go to={historyHref("actor", row.actor)}>{row.actor}</Go> : "–"),
      wide: true,
    },
    service: { key: "service", title: w("where"), value: (row) => row.service, cell: (row) => <ServiceName name={row.service} clip />, wide: true },
    time: { key: "time", title: w("when"), value: (row) => row.time, cell: (row) => <When time={row.time} as="clock" />, align: "right" },
    over: { key: "over", title: w("over"), value: (row) => row.overdue_ns, cell: (row) => <strong>{duration(row.overdue_ns)}</strong>, align: "right" },
  };
}

function Overdue() {
  const w = useStoryWords();
  const columns = useColumns();
  const { window } = useWindow();
  const query = { open: "true", limit: SHOWN };
  const stuck = useRead("/api/v1/business-events", { query, every: "live" });
  return (
    <Panel title={w("overdue")} about={w("overdueAbout")} actions={<Source url={address("/api/v1/business-events", query)} sql={openSql(window)} />} flush>
      <Answered of={stuck} isEmpty={({ items }) => items.length === 0} missing={{ title: w("noOverdue"), about: w("noOverdueAbout") }} lines={3}>
        {({ items }) => (
          <DataTable
            name="overdue"
            label={w("overdue")}
            columns={[columns.operation, columns.entities, columns.actor, columns.time, columns.over]}
            rows={items as BusinessEvent[]}
            rowKey={(row) => `${row.time}${row.operation_id}${row.operation}`}
            to={storyOf}
            height={300}
          />
        )}
      </Answered>
    </Panel>
  );
}

function Recent() {
  const w = useStoryWords();
  const [search, change] = useAddress();
  const { window } = useWindow();
  const columns = useColumns();
  const query = { ...window, operation: search.operation, outcome: search.outcome, limit: SHOWN };
  const events = useRead("/api/v1/business-events", { query, every: "live" });
  const names = useSql(`SELECT operation, count(*) AS n FROM business_events WHERE ${sqlWindow(window)} GROUP BY 1 ORDER BY 2 DESC LIMIT 100`);
  const known = (names.data?.rows ?? []).map(([name]) => String(name));
  if (search.operation && !known.includes(search.operation)) known.push(search.operation);
  return (
    <Panel
      title={w("recent")}
      about={w("recentAbout")}
      flush
      actions={
        <>
          <Select
            size="xs"
            w={180}
            aria-label={w("operation")}
            value={search.operation ?? ""}
            allowDeselect={false}
            onChange={(value) => change({ operation: value }, "push")}
            data={[{ value: "", label: w("anyOperation") }, ...known.map((value) => ({ value, label: value }))]}
          />
          <SegmentedControl
            size="xs"
            aria-label={w("outcome")}
            value={search.outcome ?? ""}
            onChange={(value) => change({ outcome: value }, "push")}
            data={[
              { value: "", label: w("anyOutcome") },
              { value: "failure", label: w("failure") },
            ]}
          />
          <Source url={address("/api/v1/business-events", query)} sql={eventsSql(window, search.operation, search.outcome)} />
        </>
      }
    >
      <Answered of={events} isEmpty={({ items }) => items.length === 0} missing={{ title: w("noRecent"), about: w("noRecentAbout"), command: "stormglass demo" }} lines={8}>
        {({ items }) => (
          <DataTable
            name="recent"
            label={w("recent")}
            columns={[columns.operation, columns.outcome, columns.entities, columns.actor, columns.service, columns.time]}
            rows={items as BusinessEvent[]}
            rowKey={(row) => `${row.time}${row.operation_id}${row.operation}${row.phase}${row.span_id}`}
            to={storyOf}
            marked={(row) => row.outcome === "failure"}
          />
        )}
      </Answered>
    </Panel>
  );
}

/** Writes that leave no trace in business words: shown only when there are some. */
function Uncovered() {
  const w = useStoryWords();
  const { window } = useWindow();
  const query = { ...window, limit: SHOWN };
  const found = useRead("/api/v1/business-events/uncovered", { query });
  const items = found.data?.items ?? [];
  if (items.length === 0) return null;
  const columns: Column<(typeof items)[number]>[] = [
    { key: "route", title: w("endpoint"), value: (row) => row.route, cell: (row) => <span className="mono wrap">{`${row.method} ${row.route}`}</span> },
    { key: "service", title: w("where"), value: (row) => row.service, cell: (row) => <ServiceName name={row.service} /> },
    { key: "calls", title: w("calls"), value: (row) => row.calls, align: "right", cell: (row) => count(row.calls) },
  ];
  return (
    <Panel title={w("uncovered")} about={w("uncoveredAbout")} actions={<Source url={address("/api/v1/business-events/uncovered", query)} />} flush>
      <DataTable
        name="uncovered"
        label={w("uncovered")}
        columns={columns}
        rows={items}
        rowKey={(row) => `${row.service} ${row.method} ${row.route}`}
        to={(row) => tracesHref({ service: row.service, kind: "server", "attr.http.route": row.route })}
        height={300}
      />
    </Panel>
  );
}

export function Start() {
  return (
    <>
      <Overdue />
      <Recent />
      <Uncovered />
    </>
  );
}
