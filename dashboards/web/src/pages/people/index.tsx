// Administration: users, tokens, and the log of what everybody changed.
import { TextInput } from "@mantine/core";
import { AUDIT, type Deed, useAudit, useChain } from "../../api/people";
import { useAddressText } from "../../base/address";
import { AUDIT_SQL } from "../../base/sameInSql";
import { Answered } from "../../components/Answered";
import { type Column, DataTable } from "../../components/DataTable";
import { PageHead, Panel } from "../../components/Panel";
import { Source } from "../../components/Source";
import { Tag } from "../../components/Tag";
import { When } from "../../components/When";
import { Tokens } from "./Tokens";
import { Users } from "./Users";
import { usePeopleWords } from "./words";

function Audit() {
  const w = usePeopleWords();
  const [actor, setActor] = useAddressText("actor");
  const audit = useAudit(actor);
  const chain = useChain().data;
  const columns: Column<Deed>[] = [
    { key: "when", title: w("when"), value: (row) => row.time, cell: (row) => <When time={row.time} as="both" /> },
    { key: "who", title: w("who"), value: (row) => row.actor, cell: (row) => <span className="wrap">{row.actor ?? row.actor_kind.replaceAll("_", " ")} <span className="dim small">{row.role}</span></span> },
    { key: "what", title: w("what"), value: (row) => row.path, cell: (row) => <span className="wrap"><span className="mono">{row.method} {row.path}</span>{row.detail && <span className="dim small"> {row.detail}</span>}</span> },
    { key: "outcome", title: w("outcome"), value: (row) => row.status, align: "right", cell: (row) => <Tag tone={row.status < 400 ? "good" : "warn"}>{row.status}</Tag> },
    { key: "from", title: w("from"), value: (row) => row.ip, wide: true },
  ];
  return (
    <Panel
      title={w("audit")}
      about={chain && (chain.intact ? w("intact", { count: chain.rows }) : w("broken", { seq: chain.broken_seq ?? 0 }))}
      flush
      actions={
        <>
          <TextInput size="xs" w={150} placeholder={w("filter")} aria-label={w("filter")} value={actor} onChange={(event) => setActor(event.currentTarget.value)} />
          <Source url={AUDIT} sql={AUDIT_SQL} />
        </>
      }
    >
      <Answered of={audit} isEmpty={(data) => data.items.length === 0} missing={{ title: w("noAudit") }}>
        {(data) => <DataTable name="audit" label={w("audit")} columns={columns} rows={data.items} rowKey={(row) => String(row.seq)} height={460} />}
      </Answered>
    </Panel>
  );
}

export default function People() {
  const w = usePeopleWords();
  return (
    <>
      <PageHead title={w("title")} about={w("about")} />
      <Users />
      <Tokens />
      <Audit />
    </>
  );
}
