// The tree of routes as it stands, the whole configuration as text, and "who would be told?".
import { Button, Select, TextInput, Textarea } from "@mantine/core";
import { useState } from "react";
import { ROUTES, useChange, useRoutes } from "../../api/alerting";
import { Typed } from "../../api/client";
import { Answered, TroubleNote } from "../../components/Answered";
import { Panel } from "../../components/Panel";
import { Source } from "../../components/Source";
import { Tag } from "../../components/Tag";
import style from "./routes.module.css";
import { useRouteWords } from "./words";

interface Route {
  name?: string;
  receivers?: string[];
  routes?: Route[];
  [condition: string]: unknown;
}

/** What of a route says for whom it is; the rest is how it tells. */
const CONDITIONS = ["owner", "team", "service", "severity", "importance", "matchers", "during"];

interface Line {
  key: string;
  depth: number;
  route: Route;
}

/** The tree as lines, walked with a stack. */
function lines(root: Route): Line[] {
  const found: Line[] = [];
  const waiting: Line[] = [{ key: "0", depth: 0, route: root }];
  for (let line = waiting.pop(); line; line = waiting.pop()) {
    found.push(line);
    const { key, depth, route } = line;
    waiting.push(...(route.routes ?? []).map((child, at) => ({ key: `${key}.${at}`, depth: depth + 1, route: child })).reverse());
  }
  return found;
}

function RouteLine({ of }: { of: Line }) {
  const w = useRouteWords();
  const conditions = CONDITIONS.filter((name) => of.route[name] !== undefined);
  return (
    <li className={style.route} style={{ marginLeft: of.depth * 20 }}>
      {conditions.length === 0 && <span className="dim">{w("all")}</span>}
      {conditions.map((name) => (
        <Tag key={name}>
          <span className="wrap">
            {name}: {[of.route[name]].flat().map(String).join(", ")}
          </span>
        </Tag>
      ))}
      <span className="dim">→ {w("tells")}</span>
      <strong className="wrap">{(of.route.receivers ?? []).join(", ") || w("nobodyToTell")}</strong>
    </li>
  );
}

function Text({ config, close }: { config: Record<string, unknown>; close: () => void }) {
  const w = useRouteWords();
  const [text, setText] = useState(() => JSON.stringify(config, null, 2));
  const change = useChange();
  return (
    <div className="stack">
      <Textarea description={w("editAbout")} aria-label={w("edit")} rows={18} value={text} onChange={(event) => setText(event.currentTarget.value)} spellCheck={false} classNames={{ input: style.text }} />
      {change.error && <TroubleNote error={change.error} />}
      <div className="row">
        <Button size="xs" loading={change.isPending} onClick={() => change.mutate({ method: "POST", path: ROUTES, body: new Typed(text) }, { onSuccess: close })}>
          {w("save")}
        </Button>
        <Button size="xs" variant="default" onClick={close}>
          {w("close")}
        </Button>
      </div>
    </div>
  );
}

export function Routes() {
  const w = useRouteWords();
  const config = useRoutes();
  const [editing, setEditing] = useState(false);
  return (
    <Panel
      title={w("routes")}
      about={w("routesAbout")}
      actions={
        <>
          <Source url={ROUTES} />
          <Button size="compact-sm" variant="default" onClick={() => setEditing(!editing)}>
            {editing ? w("close") : w("edit")}
          </Button>
        </>
      }
    >
      <Answered of={config}>
        {(data) =>
          editing ? (
            <Text config={data} close={() => setEditing(false)} />
          ) : (
            <ul className={style.list}>
              {lines((data.route ?? {}) as Route).map((line) => (
                <RouteLine key={line.key} of={line} />
              ))}
            </ul>
          )
        }
      </Answered>
    </Panel>
  );
}

export function Try() {
  const w = useRouteWords();
  const [services, setServices] = useState("");
  const [severity, setSeverity] = useState("high");
  const [team, setTeam] = useState("");
  const ask = useChange<{ text: string }>();
  const question = { severity, services: services.split(",").map((name) => name.trim()).filter(Boolean), ...(team.trim() ? { team: team.trim() } : {}) };
  return (
    <Panel title={w("try")} about={w("tryAbout")}>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          ask.mutate({ method: "POST", path: `${ROUTES}/test`, body: question });
        }}
      >
        <div className={style.fields}>
          <Select size="xs" label={w("severity")} value={severity} onChange={(value) => setSeverity(value ?? "high")} allowDeselect={false} data={["critical", "high", "medium", "low"]} />
          <TextInput size="xs" label={w("services")} value={services} onChange={(event) => setServices(event.currentTarget.value)} />
          <TextInput size="xs" label={w("team")} value={team} onChange={(event) => setTeam(event.currentTarget.value)} />
        </div>
        <div>
          <Button type="submit" size="xs" variant="light" loading={ask.isPending}>
            {w("ask")}
          </Button>
        </div>
        {ask.error && <TroubleNote error={ask.error} />}
        {ask.data && <pre className={style.answer}>{ask.data.text}</pre>}
      </form>
    </Panel>
  );
}
