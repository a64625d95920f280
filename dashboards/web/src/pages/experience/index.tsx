// How it feels to be served, by tenant, store, channel or product: a score of 100, its trend, and who is hurt.
import { Button, SegmentedControl } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { address, readJson } from "../../api/client";
import { firstPage } from "../../api/pages";
import type { Experience } from "../../api/stories";
import { LIVE_MS } from "../../api/read";
import { useAddress, useWindow } from "../../base/address";
import { count, digits, duration, percent } from "../../base/format";
import { phrases } from "../../base/language";
import { tracesHref } from "../../base/links";
import { experienceSql } from "../../base/sameInSql";
import { Answered } from "../../components/Answered";
import { type Column, DataTable } from "../../components/DataTable";
import { Figure, Figures } from "../../components/Figure";
import { FilterBar, FilterField } from "../../components/FilterBar";
import { PageHead, Panel } from "../../components/Panel";
import { Source } from "../../components/Source";
import { Tag } from "../../components/Tag";
import style from "./experience.module.css";

const useWords = phrases("experience", {
  title: ["Experience", "用户体验"],
  about: ["100 when every request is answered well within {{threshold}}; slow answers count half, failed ones nothing.", "请求均在 {{threshold}} 内成功为 100 分，较慢计一半，失败不计分。"],
  tenant: ["tenant", "租户"],
  store: ["store", "门店"],
  channel: ["channel", "渠道"],
  product: ["product", "商品"],
  by: ["By", "维度"],
  other: ["or any attribute", "或任意属性"],
  score: ["Score", "得分"],
  trend: ["Against before", "环比"],
  noTrend: ["nothing before to hold it against", "暂无可对比的上一时段"],
  calls: ["Requests", "请求数"],
  good: ["Good", "满意"],
  slow: ["Slow", "较慢"],
  hurt: ["Hurt", "受损"],
  errors: ["Failed", "失败"],
  all: ["All together", "总体"],
  groups: ["Groups", "数量"],
  worst: ["Worst first", "最差在前"],
  unattributed: ["{{count}} requests do not say it", "{{count}} 个请求未标明"],
  important: ["important", "重要"],
  more: ["Show better ones", "加载更多"],
  none: ["No request names it in this window", "此时间段内没有请求带有该属性"],
  noneAbout: ["Set it as an attribute of server spans, such as tenant.id.", "在服务端 span 上设置该属性，如 tenant.id。"],
});

const KEYS = { "tenant.id": "tenant", "store.id": "store", channel: "channel", product: "product" } as const;
const PER_PAGE = 200;

interface Answer {
  items: Experience[];
  total: Omit<Experience, "value" | "importance">;
  groups: number;
  unattributed: number;
  threshold_ns: number;
  next_cursor?: string | null;
  complete: boolean;
}

const tone = (score: number | null | undefined): "good" | "warn" | "bad" => ((score ?? 100) >= 94 ? "good" : (score ?? 100) >= 85 ? "warn" : "bad");

function Bar({ of }: { of: Experience }) {
  const share = (part: number): string => `${(part / Math.max(of.calls, 1)) * 100}%`;
  return (
    <span className={style.bar} aria-hidden="true">
      <i data-part="good" style={{ width: share(of.satisfied) }} />
      <i data-part="slow" style={{ width: share(of.tolerating) }} />
      <i data-part="hurt" style={{ width: share(of.frustrated) }} />
    </span>
  );
}

function Trend({ of }: { of: number | null | undefined }) {
  if (of === null || of === undefined) return <span className="dim">–</span>;
  const flat = Math.abs(of) < 0.05;
  return <span className={flat ? "dim" : of < 0 ? style.worse : style.better}>{flat ? "±0" : `${of < 0 ? "▼ " : "▲ "}${digits(Math.abs(of), 2)}`}</span>;
}

export default function ExperiencePage() {
  const w = useWords();
  const [search, change] = useAddress();
  const { window, live } = useWindow();
  const by = search.by ?? "tenant.id";
  const url = (cursor?: string): string => address("/api/v1/experience", { by, from: window.from, to: window.to, limit: PER_PAGE, cursor });
  const answer = useInfiniteQuery({
    queryKey: ["experience", url()],
    queryFn: ({ pageParam, signal }) => readJson<Answer>(url(pageParam), signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    refetchInterval: (query) => (live && (query.state.data?.pages.length ?? 0) <= 1 ? LIVE_MS : false),
  });
  const first = answer.data?.pages[0];
  const items = useMemo(() => answer.data?.pages.flatMap((page) => page.items) ?? [], [answer.data]);
  const name = by in KEYS ? w(KEYS[by as keyof typeof KEYS]) : by;
  const columns: Column<Experience>[] = [
    {
      key: "value",
      title: name,
      value: (row) => row.value,
      cell: (row) => (
        <>
          <span className="mono wrap">{row.value}</span> {(row.importance === "high" || row.importance === "critical") && <Tag tone="info">{w("important")}</Tag>}
        </>
      ),
    },
    { key: "score", title: w("score"), value: (row) => row.score, align: "right", cell: (row) => <Tag tone={tone(row.score)}>{row.score == null ? "–" : digits(row.score, 4)}</Tag> },
    { key: "trend", title: w("trend"), value: (row) => row.trend, align: "right", cell: (row) => <Trend of={row.trend} /> },
    { key: "share", title: `${w("good")} / ${w("slow")} / ${w("hurt")}`, value: (row) => row.frustrated / Math.max(row.calls, 1), cell: (row) => <Bar of={row} />, wide: true, width: "26%" },
    { key: "calls", title: w("calls"), value: (row) => row.calls, align: "right", cell: (row) => count(row.calls) },
    { key: "frustrated", title: w("hurt"), value: (row) => row.frustrated, align: "right", cell: (row) => count(row.frustrated) },
    { key: "errors", title: w("errors"), value: (row) => row.errors, align: "right", cell: (row) => count(row.errors), wide: true },
  ];
  return (
    <>
      <PageHead title={w("title")} about={first && w("about", { threshold: duration(first.threshold_ns) })} actions={<Source url={url()} sql={experienceSql(window, by, first?.threshold_ns)} />} />
      <FilterBar>
        <SegmentedControl
          size="xs"
          aria-label={w("by")}
          value={by}
          onChange={(value) => change({ by: value === "tenant.id" ? null : value }, "push")}
          data={Object.entries(KEYS).map(([value, label]) => ({ value, label: w(label) }))}
        />
        <FilterField name="by" label={w("other")} width={170} />
      </FilterBar>
      {first && (
        <Figures>
          <Figure name={w("all")} value={first.total.score == null ? "–" : digits(first.total.score, 4)} tone={tone(first.total.score)} note={first.total.trend == null ? w("noTrend") : <Trend of={first.total.trend} />} />
          <Figure name={w("groups")} value={count(first.groups)} />
          <Figure name={w("calls")} value={count(first.total.calls)} note={first.unattributed > 0 && w("unattributed", { count: count(first.unattributed) })} />
          <Figure name={w("hurt")} value={count(first.total.frustrated)} note={percent(first.total.frustrated / Math.max(first.total.calls, 1))} />
        </Figures>
      )}
      <Panel title={w("worst")} flush>
        <Answered of={firstPage(answer)} isEmpty={() => items.length === 0} missing={{ title: w("none"), about: w("noneAbout"), command: "stormglass demo" }} lines={8}>
          {() => <DataTable name="experience" label={w("title")} columns={columns} rows={items} rowKey={(row) => row.value} to={(row) => tracesHref({ [`attr.${by}`]: row.value })} height={700} />}
        </Answered>
        {answer.hasNextPage && (
          <div className="row" style={{ justifyContent: "center", padding: 10 }}>
            <Button size="compact-sm" variant="default" loading={answer.isFetchingNextPage} onClick={() => void answer.fetchNextPage()}>
              {w("more")}
            </Button>
          </div>
        )}
      </Panel>
    </>
  );
}
