// The health of the product itself: ready or why not, what was received, stored and can be asked for per sender,
// and its own counters.
import { TextInput } from "@mantine/core";
import { useMemo } from "react";
import { type Sample, useOwnMetrics } from "../../api/own";
import { useRead } from "../../api/read";
import type { Account } from "../../api/types";
import { useAddressText } from "../../base/address";
import { count, digits } from "../../base/format";
import { phrases } from "../../base/language";
import { Answered } from "../../components/Answered";
import { type Column, DataTable } from "../../components/DataTable";
import { Figure, Figures } from "../../components/Figure";
import { Go } from "../../components/Go";
import { PageHead, Panel } from "../../components/Panel";
import { Source } from "../../components/Source";
import { Tag } from "../../components/Tag";
import { Retention } from "./Retention";

const useWords = phrases("ownHealth", {
  title: ["Health of Stormglass", "系统健康"],
  about: ["What was received, is stored, and can be asked for must be the same number.", "接收、存储、可查三个数字必须一致。"],
  ready: ["Ready", "就绪"],
  notReady: ["Not ready", "未就绪"],
  received: ["Received", "接收"],
  stored: ["Stored", "存储"],
  queryable: ["Queryable", "可查"],
  refused: ["Refused", "拒收"],
  repeated: ["Repeated", "重复"],
  lost: ["Dropped by senders", "发送方丢弃"],
  same: ["the same", "一致"],
  apart: ["{{count}} apart", "相差 {{count}}"],
  repeatedAbout: ["sent twice, stored once", "重复发送，仅存一份"],
  lostAbout: ["before they came here", "未到达本系统"],
  warnings: ["Worth knowing", "提示"],
  ledger: ["Ledger", "数据台账"],
  ledgerAbout: ["Per sender and signal, since the ledger's retention began.", "按来源与信号统计。"],
  noLedger: ["Nothing has been received yet", "尚未接收任何数据"],
  connect: ["Connect a service", "接入服务"],
  sender: ["Sender", "来源"],
  signal: ["Signal", "信号"],
  fate: ["Fate", "结果"],
  counters: ["Own counters", "内部指标"],
  countersAbout: ["As /metrics gives them to Prometheus.", "与 /metrics 输出一致。"],
  filter: ["Find", "筛选"],
  name: ["Name", "名称"],
  labels: ["Labels", "标签"],
  value: ["Value", "值"],
});

const sum = (accounts: Account[], of: (account: Account) => number): number => accounts.reduce((total, account) => total + of(account), 0);
const missing = (account: Account): number => account.received - account.refused - account.repeated - account.queryable;

function Ledger() {
  const w = useWords();
  const ledger = useRead("/api/v1/ledger", { every: 3_000 });
  const columns: Column<Account>[] = [
    { key: "sender", title: w("sender"), value: (row) => row.sender, cell: (row) => <span className="wrap mono">{row.sender}</span> },
    { key: "signal", title: w("signal"), value: (row) => row.signal },
    { key: "received", title: w("received"), value: (row) => row.received, align: "right", cell: (row) => count(row.received) },
    { key: "stored", title: w("stored"), value: (row) => row.stored, align: "right", cell: (row) => count(row.stored), wide: true },
    { key: "queryable", title: w("queryable"), value: (row) => row.queryable, align: "right", cell: (row) => count(row.queryable), wide: true },
    { key: "refused", title: w("refused"), value: (row) => row.refused, align: "right", cell: (row) => count(row.refused), wide: true },
    { key: "repeated", title: w("repeated"), value: (row) => row.repeated, align: "right", cell: (row) => count(row.repeated), wide: true },
    { key: "lost", title: w("lost"), value: (row) => row.dropped_by_sender, align: "right", cell: (row) => count(row.dropped_by_sender), wide: true },
    {
      key: "fate",
      title: w("fate"),
      value: (row) => missing(row),
      cell: (row) => <Tag tone={missing(row) === 0 ? "good" : "warn"}>{missing(row) === 0 ? w("same") : w("apart", { count: count(missing(row)) })}</Tag>,
    },
  ];
  const accounts = ledger.data?.items ?? [];
  const apart = sum(accounts, missing);
  return (
    <>
      <Figures>
        <Figure name={w("received")} value={count(sum(accounts, (account) => account.received))} />
        <Figure name={w("stored")} value={count(sum(accounts, (account) => account.stored))} />
        <Figure
          name={w("queryable")}
          value={count(sum(accounts, (account) => account.queryable))}
          tone={apart === 0 ? "good" : "warn"}
          note={apart === 0 ? w("same") : w("apart", { count: count(apart) })}
        />
        <Figure name={w("refused")} value={count(sum(accounts, (account) => account.refused))} tone={sum(accounts, (account) => account.refused) > 0 ? "warn" : "plain"} />
        <Figure name={w("repeated")} value={count(sum(accounts, (account) => account.repeated))} note={w("repeatedAbout")} />
        <Figure
          name={w("lost")}
          value={count(sum(accounts, (account) => account.dropped_by_sender))}
          tone={sum(accounts, (account) => account.dropped_by_sender) > 0 ? "bad" : "plain"}
          note={w("lostAbout")}
        />
      </Figures>
      <Panel title={w("ledger")} about={w("ledgerAbout")} actions={<Source url="/api/v1/ledger" sql="SELECT * FROM ledger ORDER BY time DESC LIMIT 100" />} flush>
        <Answered
          of={ledger}
          isEmpty={(data) => data.items.length === 0}
          missing={{ title: w("noLedger"), command: "stormglass demo", action: <Go to="/connect">{w("connect")}</Go> }}
        >
          {(data) => (
            <DataTable name="ledger" label={w("ledger")} columns={columns} rows={data.items} rowKey={(row) => `${row.sender} ${row.signal} ${row.token}`} sort="-received" height={420} />
          )}
        </Answered>
      </Panel>
    </>
  );
}

function Counters() {
  const w = useWords();
  const metrics = useOwnMetrics(5_000);
  const [wanted, setWanted] = useAddressText("metric");
  const shown = useMemo(() => {
    const text = wanted.trim().toLowerCase();
    return (metrics.data ?? []).filter((sample) => `${sample.name} ${sample.labels}`.toLowerCase().includes(text));
  }, [metrics.data, wanted]);
  const columns: Column<Sample>[] = [
    { key: "name", title: w("name"), value: (row) => row.name, cell: (row) => <span className="mono wrap">{row.name}</span> },
    { key: "labels", title: w("labels"), value: (row) => row.labels, cell: (row) => <span className="mono wrap dim">{row.labels}</span>, wide: true },
    { key: "value", title: w("value"), value: (row) => row.value, align: "right", cell: (row) => digits(row.value, 6) },
  ];
  return (
    <Panel
      title={w("counters")}
      about={w("countersAbout")}
      actions={
        <>
          <TextInput size="xs" placeholder={w("filter")} aria-label={w("filter")} value={wanted} onChange={(event) => setWanted(event.currentTarget.value)} />
          <Source url="/metrics" />
        </>
      }
      flush
    >
      <Answered of={metrics}>
        {() => <DataTable name="counters" label={w("counters")} columns={columns} rows={shown} rowKey={(row) => row.name + row.labels} height={480} />}
      </Answered>
    </Panel>
  );
}

export default function Health() {
  const w = useWords();
  const ready = useRead("/readyz", { every: 3_000 });
  return (
    <>
      <PageHead
        title={w("title")}
        about={w("about")}
        actions={ready.data && <Tag tone={ready.data.ready ? "good" : "bad"}>{ready.data.ready ? w("ready") : w("notReady")}</Tag>}
      />
      {(ready.error || (ready.data && ready.data.reasons.length + ready.data.warnings.length > 0)) && (
        <Panel title={ready.data?.ready ? w("warnings") : w("notReady")}>
          <Answered of={ready}>
            {(data) => (
              <ul>
                {[...data.reasons, ...data.warnings].map((reason) => (
                  <li key={String(reason)} className="wrap">
                    {String(reason)}
                  </li>
                ))}
              </ul>
            )}
          </Answered>
        </Panel>
      )}
      <Ledger />
      <Retention />
      <Counters />
    </>
  );
}
