// The history of one entity (an order, a SKU, a member), or all that one person did: newest first, with values
// before and after, who did it, and the story each belongs to.
import { Button } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { firstPage } from "../../api/pages";
import { address, readJson } from "../../api/client";
import type { HistoryItem } from "../../api/stories";
import { useAddress } from "../../base/address";
import { phrases } from "../../base/language";
import { historyHref, storyHref, traceHref } from "../../base/links";
import { historySql } from "../../base/sameInSql";
import { Answered } from "../../components/Answered";
import { type Column, DataTable } from "../../components/DataTable";
import { Go } from "../../components/Go";
import { PageHead, Panel } from "../../components/Panel";
import { ServiceName } from "../../components/ServiceName";
import { Source } from "../../components/Source";
import { Tag } from "../../components/Tag";
import { Values } from "../../components/Values";
import { When } from "../../components/When";

const useWords = phrases("history", {
  title: ["History of {{type}} {{id}}", "{{type}} {{id}} 的历史"],
  actor: ["Everything {{id}} did", "{{id}} 的全部操作"],
  about: ["Every business event that touched it within a year, newest first.", "一年内涉及它的全部业务事件，最新在前。"],
  when: ["When", "时间"],
  what: ["Operation", "操作"],
  entity: ["About", "对象"],
  values: ["Before → after", "变更前 → 变更后"],
  who: ["Who", "操作人"],
  outcome: ["Outcome", "结果"],
  where: ["Service", "服务"],
  how: ["How", "过程"],
  story: ["story", "经过"],
  trace: ["trace", "链路"],
  success: ["success", "成功"],
  failure: ["failure", "失败"],
  unknown: ["begun", "已开始"],
  more: ["Show older", "加载更早的"],
  none: ["Nothing is known of it", "没有相关记录"],
  noneAbout: ["Business events name what they change as business.entities; the type and id must be those.", "业务事件以 business.entities 说明变更对象，类型与编号需一致。"],
});

interface Page {
  items: HistoryItem[];
  next_cursor?: string | null;
  complete: boolean;
}

const PER_PAGE = 200;

function How({ of }: { of: HistoryItem }) {
  const w = useWords();
  return (
    <span className="row" style={{ gap: 12, flexWrap: "nowrap" }}>
      {of.request_id && <Go to={storyHref({ request_id: of.request_id })}>{w("story")}</Go>}
      {of.trace_id && <Go to={traceHref(of.trace_id, { span: of.span_id ?? undefined })}>{w("trace")}</Go>}
    </span>
  );
}

export default function History() {
  const w = useWords();
  const [search] = useAddress();
  const { type = "", id = "" } = search;
  const isActor = type === "actor";
  const url = (cursor?: string): string => address("/api/v1/entities/{type}/{id}", { limit: PER_PAGE, cursor }, { type, id });
  const answer = useInfiniteQuery({
    queryKey: ["history", url()],
    queryFn: ({ pageParam, signal }) => readJson<Page>(url(pageParam), signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    enabled: type !== "" && id !== "",
  });
  const items = useMemo(() => answer.data?.pages.flatMap((page) => page.items) ?? [], [answer.data]);
  const columns: Column<HistoryItem>[] = [
    { key: "time", title: w("when"), value: (row) => row.time, cell: (row) => <When time={row.time} as="both" />, width: "190px" },
    { key: "operation", title: w("what"), value: (row) => row.operation, cell: (row) => <strong className="lines-2">{row.operation}</strong> },
    ...(isActor
      ? [{ key: "entity", title: w("entity"), value: (row: HistoryItem) => row.entity_id, cell: (row: HistoryItem) => <Go to={historyHref(row.entity_type, row.entity_id)} className="lines-2">{`${row.entity_type} ${row.entity_id}`}</Go> }]
      : []),
    { key: "values", title: w("values"), value: (row) => row.after, cell: (row) => (row.before == null && row.after == null ? "–" : <Values before={row.before} after={row.after} />) },
    {
      key: "outcome",
      title: w("outcome"),
      value: (row) => row.outcome,
      cell: (row) => <Tag tone={row.outcome === "failure" ? "bad" : row.outcome === "success" ? "good" : "plain"}>{w(row.outcome as "success")}</Tag>,
    },
    ...(isActor
      ? []
      : [
          {
            key: "actor",
            title: w("who"),
            value: (row: HistoryItem) => row.actor,
            cell: (row: HistoryItem) =>
              row.actor ? (
                <>
                  <Go to={historyHref("actor", row.actor)}>{row.actor}</Go> <span className="dim small">{row.actor_role}</span>
                </>
              ) : (
                "–"
              ),
          },
        ]),
    { key: "service", title: w("where"), value: (row) => row.service, cell: (row) => <ServiceName name={row.service} clip />, wide: true },
    { key: "how", title: w("how"), value: () => 0, cell: (row) => <How of={row} />, wide: true },
  ];
  return (
    <>
      <PageHead title={<span className="lines-2">{isActor ? w("actor", { id }) : w("title", { type, id })}</span>} about={w("about")} actions={<Source url={url()} sql={historySql(isActor ? "actor" : type, id)} />} />
      <Panel flush>
        <Answered of={firstPage(answer)} isEmpty={() => items.length === 0} missing={{ title: w("none"), about: w("noneAbout") }} lines={8}>
          {() => (
            <DataTable
              name="history"
              label={isActor ? w("actor", { id }) : w("title", { type, id })}
              columns={columns}
              rows={items}
              rowKey={(row) => `${row.time}${row.span_id}${row.operation}${row.phase}${row.entity_id}${row.role}`}
              to={(row) => (row.request_id ? storyHref({ request_id: row.request_id }) : row.trace_id ? traceHref(row.trace_id) : historyHref(row.entity_type, row.entity_id))}
              marked={(row) => row.outcome === "failure"}
              height={760}
            />
          )}
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
