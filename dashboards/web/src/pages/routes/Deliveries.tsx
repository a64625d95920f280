// The delivery ledger: every message that was planned, and what became of it.
import { Button, Select } from "@mantine/core";
import { NOTIFICATIONS, useChange, useNotifications } from "../../api/alerting";
import type { Told } from "../../api/incidents";
import { useAddressText } from "../../base/address";
import { incidentHref } from "../../base/links";
import { Answered, TroubleNote } from "../../components/Answered";
import { type Column, DataTable } from "../../components/DataTable";
import { STATES, deliveryError, deliveryTone, useDeliveryWords } from "../../components/delivery";
import { Go } from "../../components/Go";
import { Panel } from "../../components/Panel";
import { Source } from "../../components/Source";
import { Tag } from "../../components/Tag";
import { When } from "../../components/When";
import { useRouteWords } from "./words";

export function Deliveries() {
  const w = useRouteWords();
  const words = useDeliveryWords();
  const [state, setState] = useAddressText("state");
  const notifications = useNotifications({ state: state || undefined });
  const change = useChange();
  const columns: Column<Told>[] = [
    { key: "when", title: w("when"), value: (row) => row.planned_at, cell: (row) => <When time={row.planned_at} as="both" /> },
    { key: "incident", title: w("incident"), value: (row) => row.incident_id, cell: (row) => (row.incident_id ? <Go to={incidentHref(row.incident_id)} className="mono">{row.incident_id}</Go> : "–") },
    {
      key: "receiver",
      title: w("receiver"),
      value: (row) => row.receiver,
      cell: (row) => (
        <span className="wrap">
          {row.receiver} <span className="dim">{row.channel}</span>
        </span>
      ),
    },
    { key: "occasion", title: w("occasion"), value: (row) => row.occasion, cell: (row) => words(row.occasion as "opened"), wide: true },
    { key: "state", title: w("state"), value: (row) => row.state, cell: (row) => <Tag tone={deliveryTone(row.state)}>{words(row.state as "dead")}</Tag> },
    { key: "attempts", title: w("attempts"), value: (row) => row.attempts, align: "right", wide: true },
    { key: "error", title: w("error"), value: (row) => row.error, cell: (row) => <span className="wrap small">{deliveryError(row)}</span>, wide: true },
    {
      key: "retry",
      title: "",
      value: () => null,
      align: "right",
      cell: (row) =>
        row.state === "dead" ? (
          <Button size="compact-xs" variant="default" onClick={() => change.mutate({ method: "POST", path: `${NOTIFICATIONS}/${encodeURIComponent(row.id)}/retry` })}>
            {w("retry")}
          </Button>
        ) : null,
    },
  ];
  return (
    <Panel
      title={w("ledger")}
      flush
      actions={
        <>
          <Select size="xs" w={150} aria-label={w("state")} value={state} onChange={(value) => setState(value ?? "")} allowDeselect={false} data={[{ value: "", label: w("anyState") }, ...STATES.map((value) => ({ value, label: words(value) }))]} />
          <Source url={NOTIFICATIONS} sql="SELECT * FROM notifications ORDER BY time DESC LIMIT 100" />
        </>
      }
    >
      {change.error && <TroubleNote error={change.error} />}
      <Answered of={notifications} isEmpty={(data) => data.items.length === 0} missing={{ title: w("noMessages"), about: w("noMessagesAbout") }}>
        {(data) => <DataTable name="told" label={w("ledger")} columns={columns} rows={data.items} rowKey={(row) => row.id} height={480} />}
      </Answered>
    </Panel>
  );
}
