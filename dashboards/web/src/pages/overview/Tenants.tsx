// Who is served poorly: tenants, stores or channels by their experience score.
import { SegmentedControl } from "@mantine/core";
import { useRead } from "../../api/read";
import { address } from "../../api/client";
import { useAddressText, useWindow } from "../../base/address";
import { count, digits } from "../../base/format";
import { tracesHref } from "../../base/links";
import { experienceSql } from "../../base/sameInSql";
import { Answered, Empty } from "../../components/Answered";
import { type Column, DataTable } from "../../components/DataTable";
import { Panel } from "../../components/Panel";
import { Source } from "../../components/Source";
import { useOverviewWords } from "./words";

const KEYS = { tenant: "tenant.id", store: "store.id", channel: "channel" } as const;
const SHOWN_MAX = 5;
/** From here on nobody would say that it is poor. */
const WELL = 99.5;

interface Row {
  value: string;
  score?: number | null;
  calls: number;
  frustrated: number;
}

export function Tenants() {
  const w = useOverviewWords();
  const { window } = useWindow();
  const [by, setBy] = useAddressText("who", "tenant");
  const key = KEYS[by as keyof typeof KEYS] ?? KEYS.tenant;
  const query = { by: key, from: window.from, to: window.to, limit: SHOWN_MAX };
  const scores = useRead("/api/v1/experience", { query, every: "live" });
  const columns: Column<Row>[] = [
    { key: "value", title: w(by as "tenant"), value: (row) => row.value, cell: (row) => <span className="wrap mono">{row.value}</span> },
    { key: "score", title: w("score"), value: (row) => row.score, align: "right", cell: (row) => (row.score == null ? "–" : digits(row.score, 4)) },
    { key: "calls", title: w("calls"), value: (row) => row.calls, align: "right", cell: (row) => count(row.calls) },
    { key: "frustrated", title: w("frustrated"), value: (row) => row.frustrated, align: "right", cell: (row) => count(row.frustrated) },
  ];
  return (
    <Panel
      title={w("tenants")}
      about={w("tenantsAbout")}
      flush
      actions={
        <>
          <SegmentedControl size="xs" value={by} onChange={setBy} data={(["tenant", "store", "channel"] as const).map((value) => ({ value, label: w(value) }))} />
          <Source url={address("/api/v1/experience", query)} sql={experienceSql(window, key)} />
        </>
      }
    >
      <Answered of={scores} isEmpty={(data) => data.items.length === 0} missing={{ title: w("noTenants"), about: w("noTenantsAbout") }}>
        {(data) => {
          const poor = (data.items as Row[]).filter((row) => (row.score ?? 100) < WELL);
          const well = data.groups - poor.length;
          if (poor.length === 0) return <Empty title={w("allServed")} />;
          return (
            <>
          <DataTable
            name="tenants"
            label={w("tenants")}
            columns={columns}
            rows={poor}
            rowKey={(row) => row.value}
            to={(row) => tracesHref({ [`attr.${key}`]: row.value })}
          />
              {well > 0 && poor.length < SHOWN_MAX && <p className="dim small" style={{ padding: "8px 14px" }}>{w("othersWell", { count: well })}</p>}
            </>
          );
        }}
      </Answered>
    </Panel>
  );
}
