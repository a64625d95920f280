// Logs: search by text and anything they bear, how many there were over time, each record in full beside the list.
import { Button, Select } from "@mantine/core";
import { type ReactNode, useMemo } from "react";
import { firstPage } from "../../api/pages";
import { useRead, useSql } from "../../api/read";
import { type LogRecord, SEVERITIES, type SeverityName, recordSql, recordsUrl, severityName, useRecords } from "../../api/records";
import { useAddress, useWindow } from "../../base/address";
import { useKeys } from "../../base/keys";
import { recordsSql } from "../../base/sameInSql";
import { iso, resolve, sqlWindow, step } from "../../base/time";
import { Answered } from "../../components/Answered";
import { type Column, DataTable } from "../../components/DataTable";
import { AttributeField, FilterBar, FilterChips, FilterField } from "../../components/FilterBar";
import { PageHead, Panel } from "../../components/Panel";
import { ServiceName } from "../../components/ServiceName";
import { Source } from "../../components/Source";
import { When } from "../../components/When";
import { bins, binsSql } from "./bins";
import { Detail } from "./Detail";
import { Histogram } from "./Histogram";
import { Level } from "./Level";
import style from "./logs.module.css";
import { useLogsWords } from "./words";

/** Of a record in the list; the rest is read beside it. */
const BODY_CHARS_MAX = 400;

/** A name for each record that the address can hold; records of one instant are counted. */
function named(records: LogRecord[]): Map<LogRecord, string> {
  const seen = new Map<string, number>();
  return new Map(
    records.map((record) => {
      const name = `${record.time}~${record.service}`;
      const number = seen.get(name) ?? 0;
      seen.set(name, number + 1);
      return [record, number === 0 ? name : `${name}~${number}`];
    }),
  );
}

function Filters() {
  const w = useLogsWords();
  const [search, change] = useAddress();
  const { window } = useWindow();
  const services = useRead("/api/v1/services", { query: { ...window } });
  return (
    <FilterBar>
      <FilterField name="q" label={w("search")} icon="search" width={280} />
      <FilterField name="service" label={w("service")} width={180} choices={((services.data?.items ?? []) as { name: string }[]).map(({ name }) => name)} />
      <Select
        size="xs"
        w={150}
        aria-label={w("level")}
        allowDeselect={false}
        value={search.severity ?? ""}
        onChange={(value) => change({ severity: value }, "push")}
        data={[{ value: "", label: w("severity") }, ...(Object.keys(SEVERITIES) as SeverityName[]).map((value) => ({ value, label: w("least", { name: w(value) }) }))]}
      />
      <AttributeField table="logs" />
      <FilterChips names={["trace_id", "span_id", "request_id"]} />
    </FilterBar>
  );
}

/** The text with what was searched for marked. */
function marked(body: string, wanted: string | undefined): ReactNode {
  const text = body.slice(0, BODY_CHARS_MAX);
  const at = wanted ? text.toLowerCase().indexOf(wanted.toLowerCase()) : -1;
  if (!wanted || at < 0) return text;
  return (
    <>
      {text.slice(0, at)}
      <mark>{text.slice(at, at + wanted.length)}</mark>
      {text.slice(at + wanted.length)}
    </>
  );
}

export default function Logs() {
  const w = useLogsWords();
  const [search, change] = useAddress();
  const { window, live, set } = useWindow();
  const span = resolve(window, Date.now());
  const width = step(span, 90);
  const sql = binsSql(width, [sqlWindow(window), ...recordSql(search)]);
  const counts = useSql(sql, { every: "live", limit: 10_000 });
  const shown = useMemo(() => (counts.data ? bins(counts.data, resolve(window, counts.dataUpdatedAt || Date.now()), width) : null), [counts.data, window, width]);
  const records = useRecords(window, search, live && !search.record);
  const items = useMemo(() => records.data?.pages.flatMap((page) => page.items) ?? [], [records.data]);
  const names = useMemo(() => named(items), [items]);
  const chosen = search.record ? items.find((record) => names.get(record) === search.record) : undefined;
  useKeys({ Escape: () => search.record && change({ record: null }) });
  const columns: Column<LogRecord>[] = [
    { key: "time", title: w("time"), value: (row) => row.time, cell: (row) => <When time={row.time} as="clock" />, width: "96px" },
    { key: "severity", title: w("level"), value: (row) => row.severity, cell: (row) => <Level of={row} />, width: "84px" },
    { key: "service", title: w("service"), value: (row) => row.service, cell: (row) => <ServiceName name={row.service} clip />, width: "190px", wide: true },
    { key: "body", title: w("text"), value: (row) => row.body, cell: (row) => <span className={style.body}>{marked(row.body ?? row.event_name ?? "", search.q)}</span> },
  ];
  return (
    <>
      <PageHead title={w("title")} />
      <Filters />
      <Panel title={w("histogram")} about={w("histogramAbout")} actions={<Source sql={sql} />} flush>
        <Answered of={counts} lines={4}>
          {() => shown && <Histogram of={shown} width={width} onWindow={(from, to) => set({ from: iso(from), to: iso(to) })} />}
        </Answered>
      </Panel>
      <div className={style.split}>
        <Panel title={w("list")} actions={<Source url={recordsUrl(window, search)} sql={recordsSql(window, recordSql(search))} />} flush>
          <Answered
            of={firstPage(records)}
            isEmpty={() => items.length === 0}
            missing={{ title: w("none"), about: w("noneAbout"), command: "stormglass demo" }}
            lines={10}
          >
            {() => (
              <DataTable
                name="logs"
                label={w("list")}
                columns={columns}
                rows={items}
                rowKey={(row) => names.get(row) ?? row.time}
                onOpen={(row) => change({ record: names.get(row) })}
                marked={(row) => ["error", "fatal"].includes(severityName(row.severity) ?? "")}
                height={760}
              />
            )}
          </Answered>
          {records.hasNextPage && (
            <div className="row" style={{ justifyContent: "center", padding: 10 }}>
              <Button size="compact-sm" variant="default" loading={records.isFetchingNextPage} onClick={() => void records.fetchNextPage()}>
                {w("more")}
              </Button>
            </div>
          )}
        </Panel>
        {chosen && <Detail of={chosen} onClose={() => change({ record: null })} />}
      </div>
    </>
  );
}
