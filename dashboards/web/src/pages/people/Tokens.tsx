// Tokens of programs: made here and shown once, taken back here.
import { Button, MultiSelect, Select, TextInput } from "@mantine/core";
import { useState } from "react";
import { TOKENS, type Token, useOrder, useTokens } from "../../api/people";
import { Answered, TroubleNote } from "../../components/Answered";
import { Copy } from "../../components/Copy";
import { type Column, DataTable } from "../../components/DataTable";
import { Panel } from "../../components/Panel";
import { Tag, type Tone } from "../../components/Tag";
import { When } from "../../components/When";
import style from "./people.module.css";
import { usePeopleWords } from "./words";

const SCOPES = ["ingest", "ingest:traces", "ingest:metrics", "ingest:logs", "ingest:alerts", "viewer", "support", "operator", "admin"];
const LASTS = ["30d", "90d", "365d"];
const TONES: Record<Token["state"], Tone> = { valid: "good", expired: "plain", revoked: "bad" };

function Make() {
  const w = usePeopleWords();
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState(["ingest"]);
  const [expires, setExpires] = useState("");
  const order = useOrder<{ token: Token; secret: string }>();
  if (order.data) {
    return (
      <div className={style.secret} role="status">
        <div className="grow">
          <strong>{w("secret")}</strong>
          <div className="mono wrap">{order.data.secret}</div>
        </div>
        <Copy text={order.data.secret} />
        <Button size="compact-sm" variant="default" onClick={() => order.reset()}>
          {w("done")}
        </Button>
      </div>
    );
  }
  return (
    <form
      className={style.form}
      onSubmit={(event) => {
        event.preventDefault();
        order.mutate({ method: "POST", path: TOKENS, body: { name: name.trim(), scopes, ...(expires ? { expires } : {}) } }, { onSuccess: () => setName("") });
      }}
    >
      <TextInput size="xs" label={w("name")} value={name} onChange={(event) => setName(event.currentTarget.value)} required />
      <MultiSelect size="xs" label={w("scopes")} value={scopes} onChange={setScopes} data={SCOPES} />
      <Select size="xs" label={w("expires")} value={expires} onChange={(value) => setExpires(value ?? "")} allowDeselect={false} data={[{ value: "", label: w("never") }, ...LASTS]} />
      <Button type="submit" size="xs" loading={order.isPending} disabled={scopes.length === 0}>
        {w("add")}
      </Button>
      {order.error && <TroubleNote error={order.error} />}
    </form>
  );
}

export function Tokens() {
  const w = usePeopleWords();
  const tokens = useTokens();
  const order = useOrder();
  const columns: Column<Token>[] = [
    { key: "name", title: w("name"), value: (row) => row.name, cell: (row) => <span className="wrap"><strong>{row.name}</strong> <span className="mono dim">{row.id}</span></span> },
    { key: "scopes", title: w("scopes"), value: (row) => row.scopes.join(" "), cell: (row) => <span className="wrap">{row.scopes.join(", ")}</span> },
    { key: "state", title: w("state"), value: (row) => row.state, cell: (row) => <Tag tone={TONES[row.state]}>{w(row.state)}</Tag> },
    { key: "expires", title: w("expires"), value: (row) => row.expires, align: "right", cell: (row) => (row.expires ? <When time={row.expires} /> : <span className="dim">{w("never")}</span>), wide: true },
    { key: "used", title: w("used"), value: (row) => row.last_used, align: "right", cell: (row) => <When time={row.last_used} />, wide: true },
    {
      key: "revoke",
      title: "",
      value: () => null,
      align: "right",
      cell: (row) =>
        row.state === "valid" ? (
          <Button size="compact-xs" variant="subtle" color="red" onClick={() => order.mutate({ method: "DELETE", path: `${TOKENS}/${encodeURIComponent(row.id)}` })}>
            {w("revoke")}
          </Button>
        ) : null,
    },
  ];
  return (
    <Panel title={w("tokens")} about={w("tokensAbout")} flush>
      {order.error && <TroubleNote error={order.error} />}
      <Answered of={tokens} isEmpty={(data) => data.items.length === 0} missing={{ title: w("noTokens"), command: "stormglass token create --name my-service --scope ingest" }}>
        {(data) => <DataTable name="tokens" label={w("tokens")} columns={columns} rows={data.items} rowKey={(row) => row.id} height={360} />}
      </Answered>
      <div className={style.foot}>
        <Make />
      </div>
    </Panel>
  );
}
