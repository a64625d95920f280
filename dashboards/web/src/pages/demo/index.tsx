// Breaking something on purpose: the faults of the built-in company, and a card that holds the verdict of each
// incident against the answer key.
import { Button } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { send } from "../../api/client";
import { FAULTS, type Fault, type Scored, useFaults, useScorecard } from "../../api/demo";
import { GOALS, useCauseWords } from "../../base/causes";
import { duration } from "../../base/format";
import { phrases, say } from "../../base/language";
import { incidentHref } from "../../base/links";
import { Answered, TroubleNote } from "../../components/Answered";
import { type Column, DataTable } from "../../components/DataTable";
import { EntityLink } from "../../components/EntityLink";
import { Go } from "../../components/Go";
import { Icon } from "../../components/Icon";
import { PageHead, Panel } from "../../components/Panel";
import { Tag, type Tone } from "../../components/Tag";
import { When } from "../../components/When";
import style from "./demo.module.css";

const useWords = phrases("demo", {
  title: ["Break something", "制造故障"],
  about: ["A bubble-tea company sends real telemetry to this server. Each button makes one of its parts fail; what the product then says is held against the answer key.", "内置奶茶公司持续发送真实遥测。点击按钮即可制造一种故障，系统给出的根因会与标准答案对照。"],
  none: ["This server runs without the demo company", "当前服务未启动演示公司"],
  noneAbout: ["Start it beside your data, or in a directory of its own.", "可用独立的数据目录启动。"],
  start: ["Break", "触发"],
  stop: ["Mend", "恢复"],
  acting: ["acting", "进行中"],
  ends: ["ends", "结束"],
  since: ["since", "开始于"],
  lasts: ["acts for 5 minutes, then mends itself", "持续 5 分钟后自动恢复"],
  score: ["Scorecard", "评分卡"],
  scoreAbout: ["{{right}} of {{judged}} verdicts name the right entity and kind.", "{{judged}} 次判断中 {{right}} 次实体与类型均正确。"],
  unexplained: ["{{count}} incident without a fault", "{{count}} incidents without a fault", "{{count}} 个与故障无关"],
  noScore: ["Nothing was broken yet", "尚未制造任何故障"],
  noScoreAbout: ["Break something below; its verdict appears here within a minute or two.", "点击下方按钮制造一个故障，一两分钟内这里会出现判断结果。"],
  faults: ["What can be broken", "可制造的故障"],
  fault: ["Fault", "故障"],
  truth: ["Answer key", "标准答案"],
  shown: ["What was shown", "系统判断"],
  verdict: ["Verdict", "结论"],
  detect: ["Detect", "发现"],
  locate: ["Locate", "定位"],
  recover: ["Recover", "恢复"],
  waiting: ["waiting", "等待中"],
  missed: ["missed", "未发现"],
  undetermined: ["undetermined", "无法判定"],
  wrong: ["wrong", "错误"],
  kind_only: ["kind only", "仅类型正确"],
  entity_only: ["entity only", "仅实体正确"],
  right: ["right", "正确"],
});

/** Long enough to be found, located and told. */
const ACTS_FOR = "5m";
const TONES: Record<Scored["verdict"], Tone> = { waiting: "plain", missed: "bad", undetermined: "warn", wrong: "bad", kind_only: "warn", entity_only: "warn", right: "good" };

function useSwitch() {
  const client = useQueryClient();
  return useMutation<unknown, Error, { name: string; on: boolean }>({
    mutationFn: ({ name, on }) => send(on ? "POST" : "DELETE", `${FAULTS}/${encodeURIComponent(name)}`, on ? { duration: ACTS_FOR } : undefined),
    onSuccess: () => client.invalidateQueries({ predicate: (query) => String(query.queryKey[0]).startsWith("/api/v1/demo") }),
  });
}

function Faults({ faults }: { faults: Fault[] }) {
  const w = useWords();
  const turn = useSwitch();
  return (
    <>
      {turn.error && <TroubleNote error={turn.error} />}
      <ul className={style.faults}>
        {faults.map((fault) => {
          const on = fault.state === "on";
          return (
            <li key={fault.name} className={style.fault} data-on={on || undefined}>
              <div className="row between" style={{ flexWrap: "nowrap", alignItems: "flex-start" }}>
                <strong className="wrap">{say(fault.title)}</strong>
                <Button
                  size="compact-sm"
                  style={{ flex: "none" }}
                  variant={on ? "default" : "light"}
                  color={on ? undefined : "red"}
                  leftSection={<Icon name={on ? "check" : "bolt"} size={13} />}
                  onClick={() => turn.mutate({ name: fault.name, on: !on })}
                  loading={turn.isPending && turn.variables.name === fault.name}
                >
                  {on ? w("stop") : w("start")}
                </Button>
              </div>
              <p className="small">{say(fault.description)}</p>
              <div className="small row">
                <span className="mono">{fault.name}</span>
                {on && (
                  <Tag tone="bad">
                    {w("acting")} · {fault.ends_at ? w("ends") : w("since")} <When time={fault.ends_at ?? fault.started_at} />
                  </Tag>
                )}
              </div>
            </li>
          );
        })}
      </ul>
    </>
  );
}

function Within({ ns, minutes }: { ns: number | null | undefined; minutes: number }) {
  if (ns === null || ns === undefined) return <span className="dim">–</span>;
  return <span style={{ color: ns > minutes * 60e9 ? "var(--failing)" : "var(--healthy)" }}>{duration(Math.round(ns / 1e9) * 1e9)}</span>;
}

function useScoreColumns(): Column<Scored>[] {
  const w = useWords();
  const kinds = useCauseWords();
  const what = (entity: string | null | undefined, kind: string | null | undefined) => (
    <div>
      {entity && <EntityLink of={entity} />}
      {kind && <div className="small dim">{kinds(kind as "release")}</div>}
    </div>
  );
  return [
    { key: "fault", title: w("fault"), value: (row) => row.started_at, cell: (row) => (
      <div>
        <div className="wrap">{say(row.title)}</div>
        <span className="small dim"><When time={row.started_at} as="both" /></span>
      </div>
    ) },
    { key: "truth", title: w("truth"), value: (row) => row.truth.entities[0], cell: (row) => what(row.truth.entities[0], row.truth.kinds[0]), wide: true },
    { key: "shown", title: w("shown"), value: (row) => row.shown?.entity, wide: true, cell: (row) => (
      <div>
        {what(row.shown?.entity, row.shown?.kind)}
        {row.shown && <Go to={incidentHref(row.shown.incident)} className="small">{row.shown.incident}</Go>}
      </div>
    ) },
    { key: "verdict", title: w("verdict"), value: (row) => row.verdict, cell: (row) => (
      row.shown ? <Go to={incidentHref(row.shown.incident)}><Tag tone={TONES[row.verdict]}>{w(row.verdict)}</Tag></Go> : <Tag tone={TONES[row.verdict]}>{w(row.verdict)}</Tag>
    ) },
    { key: "detect", title: w("detect"), value: (row) => row.clocks.detect_ns, align: "right", cell: (row) => <Within ns={row.clocks.detect_ns} minutes={GOALS.detect} /> },
    { key: "locate", title: w("locate"), value: (row) => row.clocks.locate_ns, align: "right", cell: (row) => <Within ns={row.clocks.locate_ns} minutes={GOALS.locate} /> },
    { key: "recover", title: w("recover"), value: (row) => row.clocks.recover_ns, align: "right", cell: (row) => <Within ns={row.clocks.recover_ns} minutes={GOALS.recover} /> },
  ];
}

export default function Demo() {
  const w = useWords();
  const faults = useFaults();
  const listed = faults.data?.items ?? [];
  const card = useScorecard(listed.length > 0);
  const columns = useScoreColumns();
  return (
    <>
      <PageHead title={w("title")} about={w("about")} />
      {listed.length > 0 && (
        <Panel title={w("score")} about={card.data && card.data.items.length > 0 && `${w("scoreAbout", { right: card.data.right, judged: card.data.judged })}${card.data.unexplained > 0 ? ` · ${w("unexplained", { count: card.data.unexplained })}` : ""}`} flush>
          <Answered of={card} isEmpty={(data) => data.items.length === 0} missing={{ title: w("noScore"), about: w("noScoreAbout") }}>
            {(data) => <DataTable name="score" label={w("score")} columns={columns} rows={data.items} rowKey={(row) => row.fault + row.started_at + row.truth.entities[0]} height={420} />}
          </Answered>
        </Panel>
      )}
      <Panel title={w("faults")} about={w("lasts")}>
        <Answered of={faults} isEmpty={() => listed.length === 0} missing={{ title: w("none"), about: w("noneAbout"), command: "stormglass demo" }}>
          {() => <Faults faults={listed} />}
        </Answered>
      </Panel>
    </>
  );
}
