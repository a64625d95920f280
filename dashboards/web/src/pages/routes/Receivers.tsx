// Receivers: what each is, a button that sends it a test, and adding one with the fields its channel needs.
import { Button, PasswordInput, Select, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { RECEIVERS, type Receiver, useChange, useReceivers } from "../../api/alerting";
import { Answered, TroubleNote } from "../../components/Answered";
import { Panel } from "../../components/Panel";
import { Source } from "../../components/Source";
import { Tag } from "../../components/Tag";
import style from "./routes.module.css";
import { useRouteWords } from "./words";

const CHANNELS = ["dingtalk", "feishu", "wecom", "slack", "teams", "webhook", "email"] as const;
type Channel = (typeof CHANNELS)[number];
const SIGNED: readonly Channel[] = ["dingtalk", "feishu", "webhook"];

const channelOf = (receiver: Receiver): Channel | null => CHANNELS.find((channel) => receiver[channel] !== undefined) ?? null;
const pathOf = (name: string): string => `${RECEIVERS}/${encodeURIComponent(name)}`;

function One({ of }: { of: Receiver }) {
  const w = useRouteWords();
  const test = useChange<{ delivered: boolean; error: string | null }>();
  const remove = useChange();
  const channel = channelOf(of);
  return (
    <li className={style.receiver}>
      <div className="grow">
        <div className="row">
          <strong className="wrap">{of.name}</strong>
          {channel && <Tag tone="info">{w(channel)}</Tag>}
          {test.data && (
            <Tag tone={test.data.delivered ? "good" : "bad"}>
              {test.data.delivered ? w("testGood") : w("testBad", { error: test.data.error ?? "" })}
            </Tag>
          )}
        </div>
        {test.error && <TroubleNote error={test.error} />}
        {remove.error && <TroubleNote error={remove.error} />}
      </div>
      <Button size="compact-sm" variant="default" loading={test.isPending} onClick={() => test.mutate({ method: "POST", path: `${pathOf(of.name)}/test` })}>
        {w("test")}
      </Button>
      <Button size="compact-sm" variant="subtle" color="red" loading={remove.isPending} onClick={() => remove.mutate({ method: "DELETE", path: pathOf(of.name) })}>
        {w("remove")}
      </Button>
    </li>
  );
}

type Fields = Record<"name" | "url" | "secret" | "host" | "user" | "password" | "from" | "to", string>;
const EMPTY: Fields = { name: "", url: "", secret: "", host: "", user: "", password: "", from: "", to: "" };

function body(channel: Channel, fields: Fields): Receiver {
  if (channel === "email") {
    const to = fields.to.split(",").map((address) => address.trim()).filter(Boolean);
    const account = fields.user ? { user: fields.user, password: fields.password } : {};
    return { name: fields.name.trim(), email: { host: fields.host.trim(), from: fields.from.trim(), to, ...account } };
  }
  const signed = SIGNED.includes(channel) && fields.secret ? { secret: fields.secret } : {};
  return { name: fields.name.trim(), [channel]: { url: fields.url.trim(), ...signed } };
}

function Add() {
  const w = useRouteWords();
  const [channel, setChannel] = useState<Channel>("dingtalk");
  const [fields, setFields] = useState(EMPTY);
  const change = useChange();
  const field = (name: keyof Fields) => ({
    size: "xs" as const,
    value: fields[name],
    onChange: (event: FormEvent<HTMLInputElement>) => setFields({ ...fields, [name]: event.currentTarget.value }),
  });
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        change.mutate({ method: "POST", path: RECEIVERS, body: body(channel, fields) }, { onSuccess: () => setFields(EMPTY) });
      }}
    >
      <h3>{w("add")}</h3>
      <div className={style.fields}>
        <Select size="xs" label={w("channel")} value={channel} onChange={(value) => setChannel((value ?? "dingtalk") as Channel)} allowDeselect={false} data={CHANNELS.map((value) => ({ value, label: w(value) }))} />
        <TextInput label={w("name")} required maxLength={64} {...field("name")} />
        {channel !== "email" && <TextInput label={w("url")} required type="url" {...field("url")} />}
        {SIGNED.includes(channel) && <PasswordInput label={w("secret")} placeholder={w("optional")} autoComplete="off" {...field("secret")} />}
        {channel === "email" && (
          <>
            <TextInput label={w("mailHost")} required {...field("host")} />
            <TextInput label={w("mailFrom")} required {...field("from")} />
            <TextInput label={w("mailTo")} required {...field("to")} />
            <TextInput label={w("user")} autoComplete="off" {...field("user")} />
            <PasswordInput label={w("password")} autoComplete="off" {...field("password")} />
          </>
        )}
      </div>
      <div className="row">
        <Button type="submit" size="xs" loading={change.isPending}>
          {w("save")}
        </Button>
        {change.isSuccess && <span role="status">{w("saved")}</span>}
      </div>
      {change.error && <TroubleNote error={change.error} />}
    </form>
  );
}

export function Receivers() {
  const w = useRouteWords();
  const receivers = useReceivers();
  return (
    <Panel title={w("receivers")} actions={<Source url={RECEIVERS} />}>
      <Answered of={receivers} isEmpty={(data) => data.items.length === 0} missing={{ title: w("noReceivers"), about: w("noReceiversAbout") }}>
        {(data) => (
          <ul className={style.list}>
            {data.items.map((receiver) => (
              <One key={receiver.name} of={receiver} />
            ))}
          </ul>
        )}
      </Answered>
      <Add />
    </Panel>
  );
}
