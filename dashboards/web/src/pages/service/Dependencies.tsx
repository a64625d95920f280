// Who calls a service and what it calls, with what each side of the call looks like.
import { address } from "../../api/client";
import { useStretch } from "../../api/covered";
import { useRead } from "../../api/read";
import type { GraphEdge } from "../../api/types";
import { useWindow } from "../../base/address";
import { duration, percent, rate } from "../../base/format";
import { shareColour } from "../../base/health";
import { graphSql } from "../../base/sameInSql";
import { Answered, Empty } from "../../components/Answered";
import { type Column, DataTable } from "../../components/DataTable";
import { EntityLink } from "../../components/EntityLink";
import { HealthMark } from "../../components/HealthMark";
import { Panel } from "../../components/Panel";
import { Source } from "../../components/Source";
import { useServiceWords } from "./words";

/** Where it runs is shown among the instances. */
const CALLS = new Set(["call", "message", "database", "cache", "queue", "third_party"]);

function Side({ edges, end, none, label }: { edges: GraphEdge[]; end: "caller" | "callee"; none: string; label: string }) {
  const w = useServiceWords();
  const stretch = useStretch();
  const entityOf = (row: GraphEdge): string => `${end === "caller" ? row.caller_kind : row.callee_kind}:${row[end]}`;
  const columns: Column<GraphEdge>[] = [
    {
      key: "name",
      title: w("name"),
      value: (row) => row[end],
      cell: (row) => (
        <span className="row" style={{ flexWrap: "nowrap" }}>
          <HealthMark health={row.health} />
          <EntityLink of={entityOf(row)} />
        </span>
      ),
    },
    { key: "rate", title: w("rate"), value: (row) => row.rate, align: "right", cell: (row) => rate(row.rate * stretch) },
    {
      key: "errors",
      title: w("errors"),
      value: (row) => row.error_rate,
      align: "right",
      cell: (row) => <span style={{ color: shareColour(row.error_rate) }}>{percent(row.error_rate)}</span>,
    },
    { key: "p99", title: "p99", value: (row) => row.p99_ns, align: "right", cell: (row) => duration(row.p99_ns) },
  ];
  if (edges.length === 0) return <Empty title={none} />;
  return <DataTable name={end} label={label} columns={columns} rows={edges} rowKey={(row) => entityOf(row) + row.kind} sort="-rate" height={300} />;
}

export function Dependencies({ service }: { service: string }) {
  const w = useServiceWords();
  const { window } = useWindow();
  const query = { ...window, focus: `service:${service}`, hops: 1 };
  const graph = useRead("/api/v1/graph", { query, every: "live" });
  const mine = (edge: GraphEdge, end: "caller" | "callee"): boolean =>
    CALLS.has(edge.kind) && edge[end] === service && edge[`${end}_kind`] === "service";
  const source = <Source url={address("/api/v1/graph", query)} sql={graphSql(window, service)} />;
  return (
    <div className="columns">
      <Panel title={w("callers")} actions={source} flush>
        <Answered of={graph}>
          {(data) => <Side label={w("callers")} edges={data.edges.filter((edge) => mine(edge, "callee"))} end="caller" none={w("noCallers")} />}
        </Answered>
      </Panel>
      <Panel title={w("callees")} actions={source} flush>
        <Answered of={graph}>
          {(data) => <Side label={w("callees")} edges={data.edges.filter((edge) => mine(edge, "caller"))} end="callee" none={w("noCallees")} />}
        </Answered>
      </Panel>
    </div>
  );
}
