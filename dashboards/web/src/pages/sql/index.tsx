// The SQL workbench: a statement with completion, its rows as a table or chart, files, and what one keeps.
import { Button, Popover, SegmentedControl, Select, Skeleton, TextInput } from "@mantine/core";
import { Suspense, lazy, useEffect, useRef, useState } from "react";
import { type SqlAnswer, askSql } from "../../api/read";
import { resultFile, useSchema } from "../../api/tables";
import { curl } from "../../api/client";
import { useAddress } from "../../base/address";
import { bytes, count, duration } from "../../base/format";
import { locale } from "../../base/language";
import { Empty, Partial, TroubleNote } from "../../components/Answered";
import { Copy } from "../../components/Copy";
import { Icon } from "../../components/Icon";
import { PageHead, Panel } from "../../components/Panel";
import { useNow } from "../../components/When";
import { ResultChart, ResultTable } from "./Result";
import { keep, keepDraft, readDraft, readSaved, withSaved } from "./saved";
import { Shelf } from "./Shelf";
import style from "./sql.module.css";
import { useSqlWords } from "./words";

const Editor = lazy(() => import("./Editor"));
const LIMITS = ["1000", "10000", "100000"];

interface Run {
  sql: string;
  state: "running" | "done" | "failed" | "cancelled";
  began: number;
  answer?: SqlAnswer;
  error?: unknown;
}

/** One statement at a time; a new one, or leaving the page, ends the one before. */
function useRun(): { run: Run | null; start: (sql: string, limit: number) => void; cancel: () => void } {
  const [run, setRun] = useState<Run | null>(null);
  const going = useRef<AbortController | null>(null);
  const start = (sql: string, limit: number): void => {
    going.current?.abort();
    const control = new AbortController();
    going.current = control;
    // What was shown stays until the new rows are there.
    setRun((before) => ({ sql, state: "running", began: Date.now(), answer: before?.answer }));
    askSql(sql, limit, control.signal).then(
      (answer) => !control.signal.aborted && setRun({ sql, state: "done", began: Date.now(), answer }),
      (error: unknown) => !control.signal.aborted && setRun((before) => ({ sql, state: "failed", began: Date.now(), error, answer: before?.answer })),
    );
  };
  const cancel = (): void => {
    going.current?.abort();
    setRun((before) => before && { ...before, state: "cancelled" });
  };
  useEffect(() => () => going.current?.abort(), []);
  return { run, start, cancel };
}

function Running({ since, onCancel }: { since: number; onCancel: () => void }) {
  const w = useSqlWords();
  const now = useNow(500);
  return (
    <>
      <span className="dim small num" role="status">
        {w("running", { seconds: Math.max(0, Math.round((now - since) / 1e3)) })}
      </span>
      <Button size="compact-sm" variant="default" onClick={onCancel}>
        {w("cancel")}
      </Button>
    </>
  );
}

function Save({ onSave }: { onSave: (name: string) => void }) {
  const w = useSqlWords();
  const [opened, setOpened] = useState(false);
  const [name, setName] = useState("");
  return (
    <Popover opened={opened} onChange={setOpened} position="bottom-start" shadow="md" trapFocus>
      <Popover.Target>
        <Button size="compact-sm" variant="default" onClick={() => setOpened(!opened)}>
          {w("save")}
        </Button>
      </Popover.Target>
      <Popover.Dropdown>
        <form
          className="row"
          onSubmit={(event) => {
            event.preventDefault();
            if (!name.trim()) return;
            onSave(name.trim());
            setName("");
            setOpened(false);
          }}
        >
          <TextInput size="xs" placeholder={w("name")} aria-label={w("saveAs")} value={name} onChange={(event) => setName(event.currentTarget.value)} />
          <Button size="xs" type="submit">
            {w("save")}
          </Button>
        </form>
      </Popover.Dropdown>
    </Popover>
  );
}

function Export({ sql }: { sql: string }) {
  const w = useSqlWords();
  const [busy, setBusy] = useState<string | null>(null);
  const [error, setError] = useState<unknown>(null);
  const take = async (format: "csv" | "parquet"): Promise<void> => {
    setBusy(format);
    setError(null);
    try {
      const file = URL.createObjectURL(await resultFile(sql, format));
      const link = document.createElement("a");
      link.href = file;
      link.download = `stormglass.${format}`;
      link.click();
      URL.revokeObjectURL(file);
    } catch (reason) {
      setError(reason);
    } finally {
      setBusy(null);
    }
  };
  return (
    <>
      {(["csv", "parquet"] as const).map((format) => (
        <Button key={format} size="compact-sm" variant="default" title={w("exportAbout")} loading={busy === format} leftSection={<Icon name="download" size={13} />} onClick={() => void take(format)}>
          {w(format)}
        </Button>
      ))}
      {!!error && <TroubleNote error={error} />}
    </>
  );
}

function Outcome({ run }: { run: Run }) {
  const w = useSqlWords();
  const [search, change] = useAddress();
  const view = search.view === "chart" ? "chart" : "table";
  const { answer } = run;
  const cost = answer?.statistics;
  return (
    <Panel
      title={answer ? w("rows", { count: answer.row_count, shown: answer.row_count.toLocaleString(locale()) }) : undefined}
      about={cost && w("cost", { time: duration(cost.elapsed_ns), bytes: bytes(cost.bytes_scanned) })}
      actions={
        answer && (
          <>
            <SegmentedControl size="xs" value={view} onChange={(value) => change({ view: value === "table" ? null : value })} data={(["table", "chart"] as const).map((value) => ({ value, label: w(value) }))} />
            <Export sql={run.sql} />
          </>
        )
      }
      flush
    >
      {run.state === "failed" && <TroubleNote error={run.error} />}
      {run.state === "cancelled" && <Empty title={w("cancelled")} />}
      {answer && !answer.complete && <Partial reason={answer.incomplete_reason} />}
      {answer && run.state !== "cancelled" && (answer.rows.length === 0 ? <Empty title={w("noRows")} about={w("noRowsAbout")} /> : view === "chart" ? <ResultChart of={answer} /> : <ResultTable of={answer} />)}
      {!answer && run.state === "running" && <Skeleton height={120} m={14} />}
    </Panel>
  );
}

export default function SqlPage() {
  const w = useSqlWords();
  const [search, change] = useAddress();
  const [text, setText] = useState(() => search.q ?? readDraft());
  const [saved, setSaved] = useState(() => readSaved());
  const schema = useSchema().data;
  const { run, start, cancel } = useRun();
  const limit = LIMITS.includes(search.limit ?? "") ? (search.limit as string) : (LIMITS[0] as string);
  const write = (sql: string): void => {
    setText(sql);
    keepDraft(sql);
  };
  const execute = (sql: string): void => {
    const statement = sql.trim().replace(/;$/, "");
    if (statement === "") return;
    if (statement !== search.q) change({ q: statement, x: null, y: null, by: null }, "push");
    else start(statement, Number(limit));
  };
  // The statement of the address is what is run: a link shows its rows, and so do back and forward.
  useEffect(() => {
    if (!search.q) return;
    setText((now) => (now.trim().replace(/;$/, "") === search.q ? now : (search.q as string)));
    start(search.q, Number(limit));
  }, [search.q, limit]);
  const put = (all: typeof saved): void => {
    setSaved(all);
    keep(all);
  };
  return (
    <>
      <PageHead title={w("title")} about={w("about")} />
      <div className={style.layout}>
        <div className={style.main}>
          <Panel flush>
            <div className={style.editor}>
              <Suspense fallback={<Skeleton height={150} />}>
                <Editor value={text} schema={schema} label={w("editor")} onChange={write} onRun={() => execute(text)} />
              </Suspense>
            </div>
            <div className={style.bar} style={{ paddingBottom: 9 }}>
              <Button size="compact-sm" leftSection={<Icon name="play" size={12} />} onClick={() => execute(text)} disabled={text.trim() === ""}>
                {w("run")}
              </Button>
              {run?.state === "running" && <Running since={run.began} onCancel={cancel} />}
              <Save onSave={(name) => put(withSaved(saved, { name, sql: text }))} />
              <Select size="xs" w={130} aria-label={w("limitLabel")} value={limit} allowDeselect={false} onChange={(value) => change({ limit: value === LIMITS[0] ? null : value })} data={LIMITS.map((value) => ({ value, label: w("limit", { count: count(Number(value)) }) }))} />
              <Copy text={curl("/api/v1/sql", "POST", { sql: text })} label="curl" />
              <span className="dim small">{w("hint")}</span>
            </div>
          </Panel>
          {run ? (
            <Outcome run={run} />
          ) : (
            <Panel>
              <Empty title={w("start")} about={w("startAbout")} />
            </Panel>
          )}
        </div>
        <Shelf saved={saved} schema={schema} onTake={(sql) => { write(sql); execute(sql); }} onRemove={(name) => put(saved.filter((one) => one.name !== name))} />
      </div>
    </>
  );
}
