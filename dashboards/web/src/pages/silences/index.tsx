// Silences and maintenance windows: what is held back and until when, and making one with a look at what it
// would hold back now.
import { Button, SegmentedControl, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useState } from "react";
import { type Matcher, SILENCES, type Silence, useChange, usePreview, useSilences } from "../../api/alerting";
import { useAddressText } from "../../base/address";
import { phrases } from "../../base/language";
import { incidentHref } from "../../base/links";
import { iso, zone } from "../../base/time";
import { Answered, TroubleNote } from "../../components/Answered";
import { type Column, DataTable } from "../../components/DataTable";
import { Go } from "../../components/Go";
import { PageHead, Panel } from "../../components/Panel";
import { Source } from "../../components/Source";
import { Tag, type Tone } from "../../components/Tag";
import { When } from "../../components/When";

const useWords = phrases("silences", {
  title: ["Silences", "静默"],
  about: ["Alerts that fit are still seen and grouped; nobody is told of them.", "匹配的告警仍会收敛与展示，只是不再通知。"],
  make: ["Make a silence", "新建静默"],
  matchers: ["Which alerts", "匹配哪些告警"],
  matchersHint: ['{service="order-service", severity=~"low|medium"}', '{service="order-service", severity=~"low|medium"}'],
  why: ["Why", "原因"],
  whyHint: ["Others will read this", "便于他人了解"],
  forHow: ["For how long", "时长"],
  from: ["From; empty: from now on", "开始时间，留空为立即"],
  wrongStart: ["This is no time, or one that is over", "时间无效或已过去"],
  kind: ["Kind", "类型"],
  silence: ["silence", "静默"],
  maintenance: ["maintenance window", "维护窗口"],
  create: ["Hold back", "开始静默"],
  made: ["It is in the list below", "已加入下方列表"],
  wouldHold: ["Holds back {{count}} alert that fires now", "Holds back {{count}} alerts that fire now", "当前会静默 {{count}} 条正在触发的告警"],
  holdsNone: ["No alert that fires now would be held back", "当前没有会被静默的告警"],
  none: ["Nothing is silenced", "没有静默"],
  noneAbout: ["Each silence has an end, a reason and an author.", "每个静默都有结束时间、原因与创建人。"],
  state: ["State", "状态"],
  pending: ["pending", "待生效"],
  active: ["active", "生效中"],
  expired: ["over", "已结束"],
  held: ["Held back", "静默告警"],
  begins: ["From", "开始于"],
  until: ["Until", "结束于"],
  by: ["By", "创建人"],
  end: ["End now", "立即结束"],
});

const FOR = ["30m", "2h", "8h", "24h", "7d"] as const;
const TONES: Record<Silence["state"], Tone> = { active: "warn", pending: "info", expired: "plain" };

const sign = ({ isEqual, isRegex }: Matcher): string => (isEqual ? (isRegex ? "=~" : "=") : isRegex ? "!~" : "!=");
const written = (matcher: Matcher): string => `${matcher.name}${sign(matcher)}"${matcher.value}"`;

function Preview({ matchers }: { matchers: string }) {
  const w = useWords();
  const [settled] = useDebouncedValue(matchers, 400);
  const preview = usePreview(settled);
  if (!settled.trim()) return null;
  if (preview.error) return <TroubleNote error={preview.error} />;
  if (!preview.data) return null;
  return (
    <div className="row small" role="status">
      <strong>{preview.data.alerts > 0 ? w("wouldHold", { count: preview.data.alerts }) : w("holdsNone")}</strong>
      {preview.data.incidents.slice(0, 8).map((id) => (
        <Go key={id} to={incidentHref(id)} className="mono">
          {id}
        </Go>
      ))}
    </div>
  );
}

function Make() {
  const w = useWords();
  const [matchers, setMatchers] = useAddressText("matchers");
  const [comment, setComment] = useState("");
  const [duration, setDuration] = useState<string>("2h");
  const [kind, setKind] = useState<string>("silence");
  const [from, setFrom] = useState("");
  const starts = from ? Date.parse(from) : null;
  const wrong = starts !== null && !(starts > Date.now());
  const change = useChange();
  return (
    <Panel title={w("make")}>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          change.mutate({ method: "POST", path: SILENCES, body: { kind, matchers, duration, comment, ...(starts === null ? {} : { starts_at: iso(starts) }) } }, { onSuccess: () => setComment("") });
        }}
      >
        <div className="columns">
          <TextInput size="xs" label={w("matchers")} placeholder={w("matchersHint")} value={matchers} onChange={(event) => setMatchers(event.currentTarget.value)} required spellCheck={false} />
          <TextInput size="xs" label={w("why")} placeholder={w("whyHint")} value={comment} onChange={(event) => setComment(event.currentTarget.value)} required maxLength={1000} />
        </div>
        <Preview matchers={matchers} />
        <div className="row">
          <SegmentedControl size="xs" value={duration} onChange={setDuration} data={[...FOR]} aria-label={w("forHow")} />
          <SegmentedControl size="xs" value={kind} onChange={setKind} data={(["silence", "maintenance"] as const).map((value) => ({ value, label: w(value) }))} aria-label={w("kind")} />
          <TextInput size="xs" type="datetime-local" aria-label={w("from")} title={w("from")} value={from} onChange={(event) => setFrom(event.currentTarget.value)} error={wrong && w("wrongStart")} />
          <span className="dim small">{from ? zone() : w("from")}</span>
          <Button type="submit" size="xs" loading={change.isPending} disabled={!matchers.trim() || !comment.trim() || wrong}>
            {w("create")}
          </Button>
        </div>
        {change.error && <TroubleNote error={change.error} />}
        {change.isSuccess && <p role="status">{w("made")}</p>}
      </form>
    </Panel>
  );
}

export default function Silences() {
  const w = useWords();
  const silences = useSilences();
  const change = useChange();
  const columns: Column<Silence>[] = [
    { key: "state", title: w("state"), value: (row) => row.state, cell: (row) => <Tag tone={TONES[row.state]}>{w(row.state as "active")}</Tag> },
    {
      key: "matchers",
      title: w("matchers"),
      value: (row) => row.matchers.map(written).join(", "),
      cell: (row) => (
        <div>
          <div className="mono wrap">{`{${row.matchers.map(written).join(", ")}}`}</div>
          <div className="small dim wrap">
            {row.kind === "maintenance" && `${w("maintenance")} · `}
            {row.comment}
          </div>
        </div>
      ),
    },
    { key: "alerts", title: w("held"), value: (row) => row.alerts, align: "right" },
    { key: "from", title: w("begins"), value: (row) => row.starts_at, align: "right", cell: (row) => <When time={row.starts_at} as="clock" />, wide: true },
    { key: "until", title: w("until"), value: (row) => row.ends_at, align: "right", cell: (row) => <When time={row.ends_at} as="both" /> },
    { key: "by", title: w("by"), value: (row) => row.created_by, wide: true },
    {
      key: "end",
      title: "",
      value: () => null,
      align: "right",
      cell: (row) =>
        row.state === "expired" ? null : (
          <Button size="compact-xs" variant="default" onClick={() => change.mutate({ method: "DELETE", path: `${SILENCES}/${encodeURIComponent(row.id)}` })}>
            {w("end")}
          </Button>
        ),
    },
  ];
  return (
    <>
      <PageHead title={w("title")} about={w("about")} actions={<Source url={SILENCES} />} />
      <Make />
      {change.error && <TroubleNote error={change.error} />}
      <Panel flush>
        <Answered of={silences} isEmpty={(data) => data.items.length === 0} missing={{ title: w("none"), about: w("noneAbout") }}>
          {(data) => <DataTable name="silences" label={w("title")} columns={columns} rows={data.items} rowKey={(row) => row.id} />}
        </Answered>
      </Panel>
    </>
  );
}
