// The instances of a service: which version each runs, where, and how it does beside its peers.
import { literal, useSql } from "../../api/read";
import { useWindow } from "../../base/address";
import { count, duration, percent } from "../../base/format";
import { shareColour } from "../../base/health";
import { instant, sqlWindow } from "../../base/time";
import { Answered } from "../../components/Answered";
import { type Column, DataTable } from "../../components/DataTable";
import { Panel } from "../../components/Panel";
import { Source } from "../../components/Source";
import { When } from "../../components/When";
import { useServiceWords } from "./words";

/** An instance that has been silent for so long beside its peers is of the past. */
const GONE_MS = 60e3;

interface Instance {
  name: string;
  version: string;
  host: string;
  calls: number;
  errors: number;
  p99: number | null;
  last: string;
}

/** Those that run now before those that are gone, each by version and name. */
export function running(all: Instance[]): Instance[] {
  const at = ({ last }: Instance): number => instant(last, 0) ?? 0;
  const newest = Math.max(...all.map(at));
  const gone = (one: Instance): number => Number(newest - at(one) > GONE_MS);
  return [...all].sort((a, b) => gone(a) - gone(b) || b.version.localeCompare(a.version) || a.name.localeCompare(b.name));
}

export function Instances({ service }: { service: string }) {
  const w = useServiceWords();
  const { window } = useWindow();
  const sql = [
    "SELECT resource['service.instance.id'] AS instance, resource['service.version'] AS version,",
    "  coalesce(resource['k8s.node.name'], resource['host.name']) AS host,",
    "  count(*) AS calls, count(*) FILTER (WHERE status = 'error') AS errors,",
    "  p99(duration_ns) AS p99, max(time) AS last",
    `FROM spans WHERE service = ${literal(service)} AND kind IN ('server', 'consumer') AND ${sqlWindow(window)}`,
    "GROUP BY 1, 2, 3 ORDER BY calls DESC LIMIT 500",
  ].join("\n");
  const answer = useSql(sql, { every: "live" });
  const text = (value: unknown): string => (value === null || value === undefined ? "–" : String(value));
  const columns: Column<Instance>[] = [
    { key: "name", title: w("instance"), value: (row) => row.name, cell: (row) => <span className="mono wrap">{row.name}</span> },
    { key: "version", title: w("version"), value: (row) => row.version, cell: (row) => <span className="mono">{row.version}</span> },
    { key: "host", title: w("host"), value: (row) => row.host, cell: (row) => <span className="mono wrap">{row.host}</span>, wide: true },
    { key: "calls", title: w("calls"), value: (row) => row.calls, align: "right", cell: (row) => count(row.calls) },
    { key: "errors", title: w("errors"), value: (row) => row.errors / row.calls, align: "right", cell: (row) => <span style={{ color: shareColour(row.errors / row.calls) }}>{percent(row.errors / row.calls)}</span> },
    { key: "p99", title: "p99", value: (row) => row.p99, align: "right", cell: (row) => duration(row.p99) },
    { key: "last", title: w("lastSeen"), value: (row) => row.last, align: "right", cell: (row) => <When time={row.last} />, wide: true },
  ];
  return (
    <Panel title={w("instances")} actions={<Source sql={sql} />} flush>
      <Answered of={answer} isEmpty={(data) => data.rows.length === 0} missing={{ title: w("noInstances"), about: w("noInstancesAbout") }}>
        {(data) => (
          <DataTable
            name="instances"
            label={w("instances")}
            columns={columns}
            rows={running(data.rows.map(([name, version, host, calls, errors, p99, last]): Instance => ({
              name: text(name),
              version: text(version),
              host: text(host),
              calls: Number(calls),
              errors: Number(errors),
              p99: typeof p99 === "number" ? p99 : null,
              last: String(last),
            })))}
            rowKey={(row) => `${row.name} ${row.version} ${row.host}`}
            height={300}
          />
        )}
      </Answered>
    </Panel>
  );
}
