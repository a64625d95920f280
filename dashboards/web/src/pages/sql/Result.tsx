// The rows of a statement as a table or as lines over time.
import { MultiSelect, Select } from "@mantine/core";
import { useMemo } from "react";
import type { SqlAnswer, SqlValue } from "../../api/read";
import { traceHref } from "../../base/links";
import { useAddress } from "../../base/address";
import { Chart } from "../../components/Chart";
import { Empty, Partial } from "../../components/Answered";
import { type Column, DataTable } from "../../components/DataTable";
import { Go } from "../../components/Go";
import { columnsOf, drawn } from "./drawn";
import style from "./sql.module.css";
import { useSqlWords } from "./words";

interface Row {
  at: number;
  values: SqlValue[];
}

const shown = (value: SqlValue): string => (value === null ? "" : typeof value === "object" ? JSON.stringify(value) : String(value));
const sortable = (value: SqlValue | undefined): string | number | null => (typeof value === "number" ? value : value === null || value === undefined ? null : shown(value));

function Value({ name, value }: { name: string; value: SqlValue | undefined }) {
  if (value === null || value === undefined) return <span className="dim">null</span>;
  if (name === "trace_id" && typeof value === "string" && /^[0-9a-f]{32}$/.test(value)) {
    return (
      <Go to={traceHref(value)} className={style.cell}>
        {value}
      </Go>
    );
  }
  return <span className={style.cell}>{shown(value)}</span>;
}

export function ResultTable({ of }: { of: SqlAnswer }) {
  const w = useSqlWords();
  const rows = useMemo(() => of.rows.map((values, at) => ({ at, values })), [of.rows]);
  const columns = useMemo(
    () =>
      of.columns.map(({ name, type }, at): Column<Row> => ({
        key: `${at}`,
        title: <span title={type}>{name}</span>,
        value: (row) => sortable(row.values[at]),
        cell: (row) => <Value name={name} value={row.values[at]} />,
        align: /^(BIGINT|INTEGER|SMALLINT|DOUBLE|FLOAT)/.test(type) ? "right" : undefined,
      })),
    [of.columns],
  );
  return <DataTable name="result" label={w("table")} columns={columns} rows={rows} rowKey={(row) => String(row.at)} height={620} />;
}

export function ResultChart({ of }: { of: SqlAnswer }) {
  const w = useSqlWords();
  const [search, change] = useAddress();
  const kinds = useMemo(() => columnsOf(of), [of]);
  const named = (at: number): string => of.columns[at]?.name ?? "";
  const place = (name: string | undefined, among: number[]): number | undefined => among.find((at) => named(at) === name);
  const x = place(search.x, kinds.times) ?? kinds.times[0];
  const wanted = (search.y ?? "").split(",").flatMap((name) => place(name, kinds.numbers) ?? []);
  const ys = wanted.length > 0 ? wanted : kinds.numbers.slice(0, kinds.texts.length > 0 ? 1 : 4);
  const by = search.by === "-" ? undefined : (place(search.by, kinds.texts) ?? kinds.texts[0]);
  const picture = useMemo(() => (x === undefined ? null : drawn(of, x, ys, by ?? null)), [of, x, ys.join(), by]);
  if (x === undefined || ys.length === 0 || !picture || picture.times.length < 2) return <Empty title={w("noChart")} about={w("noChartAbout")} />;
  const nanoseconds = ys.every((at) => /_ns$/.test(named(at)));
  return (
    <>
      <div className={style.bar}>
        {kinds.times.length > 1 && <Select size="xs" w={150} label={w("x")} value={named(x)} allowDeselect={false} onChange={(value) => change({ x: value })} data={kinds.times.map(named)} />}
        <MultiSelect size="xs" miw={200} label={w("y")} value={ys.map(named)} onChange={(values) => change({ y: values.join(",") })} data={[...new Set(kinds.numbers.map(named))]} />
        {kinds.texts.length > 0 && (
          <Select
            size="xs"
            w={170}
            label={w("by")}
            value={by === undefined ? "-" : named(by)}
            allowDeselect={false}
            onChange={(value) => change({ by: value })}
            data={[{ value: "-", label: w("byNone") }, ...[...new Set(kinds.texts.map(named))].map((value) => ({ value, label: value }))]}
          />
        )}
      </div>
      {picture.lines > picture.series.length && <Partial reason={w("linesCut", { count: picture.series.length })} />}
      <Chart times={picture.times} series={picture.series} unit={nanoseconds ? "duration" : "number"} height={340} />
    </>
  );
}
