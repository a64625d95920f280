// Who may sign in, and with which role; adding, changing, removing, and one's own password.
import { Button, PasswordInput, Select, TextInput } from "@mantine/core";
import { useState } from "react";
import { ROLES, USERS, type User, useOrder, useUsers } from "../../api/people";
import { useSession } from "../../api/session";
import { Answered, TroubleNote } from "../../components/Answered";
import { type Column, DataTable } from "../../components/DataTable";
import { Panel } from "../../components/Panel";
import { When } from "../../components/When";
import style from "./people.module.css";
import { usePeopleWords } from "./words";

const pathOf = (name: string): string => `${USERS}/${encodeURIComponent(name)}`;

function Add({ first }: { first: boolean }) {
  const w = usePeopleWords();
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [role, setRole] = useState<string>(first ? "admin" : "viewer");
  const order = useOrder();
  return (
    <form
      className={style.form}
      onSubmit={(event) => {
        event.preventDefault();
        order.mutate(
          { method: "POST", path: USERS, body: { name: name.trim(), password, role: first ? "admin" : role } },
          {
            onSuccess: () => {
              setName("");
              setPassword("");
            },
          },
        );
      }}
    >
      <TextInput size="xs" label={w("name")} value={name} onChange={(event) => setName(event.currentTarget.value)} required autoComplete="off" />
      <PasswordInput size="xs" label={w("password")} placeholder={w("long")} value={password} onChange={(event) => setPassword(event.currentTarget.value)} required minLength={10} autoComplete="new-password" />
      <Select size="xs" label={w("role")} value={first ? "admin" : role} disabled={first} onChange={(value) => setRole(value ?? "viewer")} allowDeselect={false} data={ROLES.map((value) => ({ value, label: w(value) }))} />
      <Button type="submit" size="xs" loading={order.isPending}>
        {w("add")}
      </Button>
      {order.error && <TroubleNote error={order.error} />}
    </form>
  );
}

function MyPassword({ name }: { name: string }) {
  const w = usePeopleWords();
  const [current, setCurrent] = useState("");
  const [password, setPassword] = useState("");
  const order = useOrder();
  return (
    <form
      className={style.form}
      onSubmit={(event) => {
        event.preventDefault();
        order.mutate({ method: "POST", path: `${pathOf(name)}/password`, body: { password, current } }, { onSuccess: () => { setCurrent(""); setPassword(""); } });
      }}
    >
      <PasswordInput size="xs" label={w("current")} value={current} onChange={(event) => setCurrent(event.currentTarget.value)} required autoComplete="current-password" />
      <PasswordInput size="xs" label={w("newPassword")} placeholder={w("long")} value={password} onChange={(event) => setPassword(event.currentTarget.value)} required minLength={10} autoComplete="new-password" />
      <Button type="submit" size="xs" variant="default" loading={order.isPending}>
        {w("change")}
      </Button>
      {order.isSuccess && <span role="status">{w("changed")}</span>}
      {order.error && <TroubleNote error={order.error} />}
    </form>
  );
}

export function Users() {
  const w = usePeopleWords();
  const users = useUsers();
  const session = useSession().data;
  const order = useOrder();
  const columns: Column<User>[] = [
    { key: "name", title: w("name"), value: (row) => row.name, cell: (row) => <strong className="wrap">{row.name}</strong> },
    {
      key: "role",
      title: w("role"),
      value: (row) => row.role,
      width: "150px",
      cell: (row) => (
        <Select
          size="xs"
          aria-label={`${w("role")} ${row.name}`}
          value={row.role}
          allowDeselect={false}
          onChange={(role) => role && role !== row.role && order.mutate({ method: "PUT", path: pathOf(row.name), body: { role } })}
          data={ROLES.map((value) => ({ value, label: w(value) }))}
        />
      ),
    },
    { key: "last", title: w("lastLogin"), value: (row) => row.last_login, align: "right", cell: (row) => <When time={row.last_login} /> },
    {
      key: "remove",
      title: "",
      value: () => null,
      align: "right",
      cell: (row) => (
        <Button size="compact-xs" variant="subtle" color="red" onClick={() => order.mutate({ method: "DELETE", path: pathOf(row.name) })}>
          {w("remove")}
        </Button>
      ),
    },
  ];
  return (
    <Panel title={w("users")} flush>
      {order.error && <TroubleNote error={order.error} />}
      <Answered of={users} isEmpty={(data) => data.items.length === 0} missing={{ title: w("noUsers"), about: w("noUsersAbout") }}>
        {(data) => <DataTable name="users" label={w("users")} columns={columns} rows={data.items} rowKey={(row) => row.name} />}
      </Answered>
      <div className={style.foot}>
        {users.data && <Add first={users.data.items.length === 0} />}
        {session?.user && <MyPassword name={session.user} />}
      </div>
    </Panel>
  );
}
