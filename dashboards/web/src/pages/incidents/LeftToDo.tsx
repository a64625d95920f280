// What is left to do after incidents, over all of them: the overdue stand out, each leads to its incident.
import { FOLLOW_UPS, type FollowUp, useFollowUps } from "../../api/incidents";
import { phrases } from "../../base/language";
import { incidentHref, safeHref } from "../../base/links";
import { type Column, DataTable } from "../../components/DataTable";
import { Go } from "../../components/Go";
import { Panel } from "../../components/Panel";
import { Source } from "../../components/Source";
import { Tag } from "../../components/Tag";
import { When } from "../../components/When";

const useWords = phrases("leftToDo", {
  title: ["Follow-ups still open", "未完成的后续事项"],
  what: ["What", "事项"],
  incident: ["Incident", "故障"],
  owner: ["Who", "负责人"],
  due: ["By", "截止"],
  overdue: ["overdue", "已逾期"],
  ticket: ["Ticket", "工单"],
  open: ["open", "打开"],
});

const OPEN = { state: "open", limit: 200 };

export function LeftToDo() {
  const w = useWords();
  const open = useFollowUps(OPEN);
  const columns: Column<FollowUp>[] = [
    {
      key: "what",
      title: w("what"),
      value: (row) => row.text,
      cell: (row) => (
        <Go to={incidentHref(row.incident)} className="wrap">
          {row.text}
        </Go>
      ),
    },
    { key: "incident", title: w("incident"), value: (row) => row.incident, cell: (row) => <span className="mono small">{row.incident}</span>, wide: true },
    { key: "owner", title: w("owner"), value: (row) => row.owner, cell: (row) => row.owner ?? "" },
    {
      key: "due",
      title: w("due"),
      value: (row) => row.due,
      align: "right",
      cell: (row) => (
        <>
          {row.state === "overdue" && <Tag tone="bad">{w("overdue")}</Tag>} {row.due && <When time={row.due} as="both" />}
        </>
      ),
    },
    {
      key: "ticket",
      title: w("ticket"),
      value: (row) => row.ticket,
      wide: true,
      cell: (row) => {
        const link = safeHref(row.ticket);
        return link ? (
          <a href={link} target="_blank" rel="noopener noreferrer">
            {w("open")}
          </a>
        ) : null;
      },
    },
  ];
  const rows = open.data?.items ?? [];
  if (rows.length === 0) return null;
  return (
    <Panel title={w("title")} actions={<Source url={FOLLOW_UPS} />} flush>
      <DataTable name="follow-ups" label={w("title")} columns={columns} rows={rows} rowKey={(row) => `${row.incident}/${row.number}`} to={(row) => incidentHref(row.incident)} height={280} />
    </Panel>
  );
}
