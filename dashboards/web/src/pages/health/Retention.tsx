// How long each table is kept, and what its files hold now.
import { type Answer, useRead } from "../../api/read";
import { bytes, count } from "../../base/format";
import { phrases } from "../../base/language";
import { Answered } from "../../components/Answered";
import { type Column, DataTable } from "../../components/DataTable";
import { Panel } from "../../components/Panel";
import { Source } from "../../components/Source";
import { When } from "../../components/When";

const useWords = phrases("retention", {
  title: ["What is kept", "数据保留"],
  about: ["How long each table is kept, and what its files hold; the newest rows are still in memory.", "各表保留时长与文件占用；最新数据仍在内存中。"],
  table: ["Table", "表"],
  age: ["Kept for", "保留"],
  rows: ["Rows", "行数"],
  bytes: ["On disk", "磁盘占用"],
  files: ["Files", "文件"],
  oldest: ["Oldest", "最早"],
  newest: ["Newest", "最新"],
  forever: ["for ever", "永久"],
  days: ["{{count}} day", "{{count}} days", "{{count}} 天"],
});

type Kept = Answer<"/api/v1/retention">["items"][number];

const RETENTION = "/api/v1/retention";
const DAY_NS = 86_400e9;

export function Retention() {
  const w = useWords();
  const kept = useRead(RETENTION, { every: 30_000 });
  const columns: Column<Kept>[] = [
    { key: "table", title: w("table"), value: (row) => row.table, cell: (row) => <span className="mono">{row.table}</span> },
    { key: "age", title: w("age"), value: (row) => row.age_ns ?? Number.MAX_SAFE_INTEGER, align: "right", cell: (row) => (row.age_ns == null ? w("forever") : w("days", { count: Math.round(row.age_ns / DAY_NS) })) },
    { key: "rows", title: w("rows"), value: (row) => row.rows, align: "right", cell: (row) => count(row.rows) },
    { key: "bytes", title: w("bytes"), value: (row) => row.bytes, align: "right", cell: (row) => bytes(row.bytes) },
    { key: "files", title: w("files"), value: (row) => row.files, align: "right", cell: (row) => count(row.files), wide: true },
    { key: "oldest", title: w("oldest"), value: (row) => row.oldest, align: "right", wide: true, cell: (row) => (row.oldest ? <When time={row.oldest} /> : <span className="dim">–</span>) },
    { key: "newest", title: w("newest"), value: (row) => row.newest, align: "right", wide: true, cell: (row) => (row.newest ? <When time={row.newest} /> : <span className="dim">–</span>) },
  ];
  return (
    <Panel title={w("title")} about={w("about")} actions={<Source url={RETENTION} />} flush>
      <Answered of={kept}>
        {(data) => <DataTable name="retention" label={w("title")} columns={columns} rows={data.items} rowKey={(row) => row.table} sort="-bytes" height={360} />}
      </Answered>
    </Panel>
  );
}
