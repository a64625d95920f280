// What a service serves: every operation with its calls, errors and durations.
import { useStretch } from "../../api/covered";
import { useSql } from "../../api/read";
import { literal } from "../../api/read";
import { useAddress, useWindow } from "../../base/address";
import { count, duration, percent, rate } from "../../base/format";
import { shareColour } from "../../base/health";
import { resolve, sqlWindow } from "../../base/time";
import { Answered } from "../../components/Answered";
import { type Column, DataTable } from "../../components/DataTable";
import { Panel } from "../../components/Panel";
import { Source } from "../../components/Source";
import { useServiceWords } from "./words";

interface Operation {
  name: string;
  calls: number;
  errors: number;
  p50: number | null;
  p95: number | null;
  p99: number | null;
}

export function Operations({ service }: { service: string }) {
  const w = useServiceWords();
  const { window } = useWindow();
  const [search, change] = useAddress();
  const sql = [
    "SELECT operation, sum(calls) AS calls, sum(errors) AS errors,",
    "  sketch_quantile(sketch_merge(duration_sketch), 0.5) AS p50,",
    "  sketch_quantile(sketch_merge(duration_sketch), 0.95) AS p95,",
    "  sketch_quantile(sketch_merge(duration_sketch), 0.99) AS p99",
    `FROM red WHERE service = ${literal(service)} AND kind IN ('server', 'consumer') AND ${sqlWindow(window)}`,
    "GROUP BY 1 ORDER BY calls DESC LIMIT 500",
  ].join("\n");
  const answer = useSql(sql, { every: "live" });
  const span = resolve(window, Date.now());
  const stretch = useStretch();
  const seconds = (span.to - span.from) / 1e3 / stretch;
  const columns: Column<Operation>[] = [
    { key: "name", title: w("operation"), value: (row) => row.name, cell: (row) => <span className="wrap mono">{row.name}</span> },
    { key: "calls", title: w("calls"), value: (row) => row.calls, align: "right", cell: (row) => count(row.calls), wide: true },
    { key: "rate", title: w("rate"), value: (row) => row.calls, align: "right", cell: (row) => rate(row.calls / seconds) },
    {
      key: "errors",
      title: w("errors"),
      value: (row) => row.errors / row.calls,
      align: "right",
      cell: (row) => <span style={{ color: shareColour(row.errors / row.calls) }}>{percent(row.errors / row.calls)}</span>,
    },
    { key: "p50", title: "p50", value: (row) => row.p50, align: "right", cell: (row) => duration(row.p50), wide: true },
    { key: "p95", title: "p95", value: (row) => row.p95, align: "right", cell: (row) => duration(row.p95), wide: true },
    { key: "p99", title: "p99", value: (row) => row.p99, align: "right", cell: (row) => duration(row.p99) },
  ];
  const quantile = (value: unknown): number | null => (typeof value === "number" ? value : null);
  return (
    <Panel title={w("operations")} about={w("operationsAbout")} actions={<Source sql={sql} />} flush>
      <Answered of={answer}>
        {(data) => (
          <DataTable
            name="operations"
            label={w("operations")}
            columns={columns}
            rows={data.rows.map(([name, calls, errors, p50, p95, p99]): Operation => ({
              name: String(name),
              calls: Number(calls),
              errors: Number(errors),
              p50: quantile(p50),
              p95: quantile(p95),
              p99: quantile(p99),
            }))}
            rowKey={(row) => row.name}
            height={360}
            marked={(row) => row.name === search.operation}
            onOpen={(row) => change({ operation: row.name === search.operation ? null : row.name }, "push")}
          />
        )}
      </Answered>
    </Panel>
  );
}
