// "Why 214 became 1": the tree of alerts from the cause outwards, each with the reason that joined it; chosen
// alerts can be split off, and the whole can be merged into another incident.
import { ActionIcon, Button, Checkbox, Popover, Select, TextInput } from "@mantine/core";
import { useMemo, useState } from "react";
import { type Incident, type IncidentAlert, useIncidents } from "../../api/incidents";
import { percent } from "../../base/format";
import { say } from "../../base/language";
import { incidentHref } from "../../base/links";
import { TroubleNote } from "../../components/Answered";
import { EntityLink } from "../../components/EntityLink";
import { Go } from "../../components/Go";
import { Icon } from "../../components/Icon";
import { Panel } from "../../components/Panel";
import { Severity } from "../../components/Severity";
import { Tag, type Tone } from "../../components/Tag";
import { When } from "../../components/When";
import type { Acting } from "./act";
import { type Branch, lines, reasons, tree } from "./tree";
import style from "./Why.module.css";
import { useIncidentWords, useJoinWords } from "./words";

/** Alerts of one place that are drawn before somebody asks for all. */
const SHOWN_MAX = 4;
const STATES: Record<string, Tone> = { firing: "bad", flapping: "warn", resolved: "good" };

interface AlertLineProps {
  alert: IncidentAlert;
  /** What its place says already is not said again. */
  said: string | undefined;
  chosen: boolean;
  onChoose: () => void;
}

function AlertLine({ alert, said, chosen, onChoose }: AlertLineProps) {
  const w = useIncidentWords();
  return (
    <li className={style.alert}>
      <Checkbox size="xs" checked={chosen} onChange={onChoose} aria-label={w("choose", { name: alert.name })} />
      <Severity of={alert.severity} />
      <span className="wrap">
        <strong className={style.name} title={alert.reason ? w("affinity", { value: percent(alert.reason.affinity) }) : undefined}>
          {alert.name}
        </strong>
        {alert.reason && alert.reason.text.en !== said && <span className="dim"> {say(alert.reason.text)}</span>}
      </span>
      <span className={style.facts}>
                {alert.count > 1 && <span>{w("times", { count: alert.count })}</span>}
        <When time={alert.starts_at} as="clock" />
        <Tag tone={STATES[alert.state] ?? "plain"}>{w(alert.state as "firing")}</Tag>
      </span>
    </li>
  );
}

interface BranchLineProps {
  branch: Branch;
  closed: boolean;
  isRoot: boolean;
  chosen: ReadonlySet<string>;
  onToggle: () => void;
  onChoose: (fingerprints: string[]) => void;
}

function BranchLine({ branch, closed, isRoot, chosen, onToggle, onChoose }: BranchLineProps) {
  const w = useIncidentWords();
  const [all, setAll] = useState(false);
  const shown = all ? branch.alerts : branch.alerts.slice(0, SHOWN_MAX);
  const own = branch.alerts.map((alert) => alert.fingerprint);
  const held = own.filter((fingerprint) => chosen.has(fingerprint)).length;
  return (
    <li className={style.branch} style={{ marginLeft: Math.min(branch.depth, 10) * 24 }} data-root={isRoot || undefined}>
      <div className={style.head}>
        {branch.children.length > 0 || branch.alerts.length > 0 ? (
          <ActionIcon size="xs" variant="subtle" color="gray" onClick={onToggle} aria-label={closed ? w("open") : w("close")} aria-expanded={!closed}>
            <Icon name={closed ? "right" : "down"} size={12} />
          </ActionIcon>
        ) : null}
        {own.length > 0 && (
          <Checkbox
            size="xs"
            checked={held === own.length}
            indeterminate={held > 0 && held < own.length}
            onChange={() => onChoose(own)}
            aria-label={w("choose", { name: branch.entity })}
          />
        )}
        <EntityLink of={branch.entity} />
        <Tag tone={isRoot ? "bad" : "plain"}>{isRoot ? w("causeRole") : w("symptomRole")}</Tag>
        <span className="dim small num">{w("alertsHere", { count: branch.total })}</span>
        {branch.reason && <span className="dim small wrap">{say(branch.reason)}</span>}
      </div>
      {!closed && shown.length > 0 && (
        <ul className={style.alerts}>
          {shown.map((alert) => (
            <AlertLine key={alert.fingerprint} alert={alert} said={branch.reason?.en} chosen={chosen.has(alert.fingerprint)} onChoose={() => onChoose([alert.fingerprint])} />
          ))}
          {shown.length < branch.alerts.length && (
            <li>
              <Button size="compact-xs" variant="subtle" onClick={() => setAll(true)}>
                {w("showAlerts", { count: branch.alerts.length })}
              </Button>
            </li>
          )}
        </ul>
      )}
    </li>
  );
}

function Merge({ id, acting }: { id: string; acting: Acting }) {
  const w = useIncidentWords();
  const [opened, setOpened] = useState(false);
  const open = useIncidents({ state: "live", limit: 100 }, { when: opened });
  const others = (open.data?.items ?? []).filter((other) => other.id !== id).map((other) => ({ value: other.id, label: `${other.id} · ${say(other.title)}` }));
  return (
    <Popover opened={opened} onChange={setOpened} position="bottom-end" width="min(420px, 92vw)" shadow="md" trapFocus>
      <Popover.Target>
        <Button size="compact-sm" variant="default" onClick={() => setOpened((shown) => !shown)}>
          {w("merge")}
        </Button>
      </Popover.Target>
      <Popover.Dropdown>
        {open.error && <TroubleNote error={open.error} />}
        <Select
          size="xs"
          label={w("mergeInto")}
          placeholder={others.length === 0 ? w("mergeNone") : undefined}
          data={others}
          searchable
          comboboxProps={{ withinPortal: false }}
          onChange={(into) => {
            if (!into) return;
            acting.mutate({ what: "merge", body: { into } });
            setOpened(false);
          }}
        />
      </Popover.Dropdown>
    </Popover>
  );
}

export function Why({ of, acting }: { of: Incident; acting: Acting }) {
  const w = useIncidentWords();
  const rules = useJoinWords();
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set());
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [wanted, setWanted] = useState("");
  const root = useMemo(() => {
    const text = wanted.trim().toLowerCase();
    const alerts = text ? of.alerts.filter((alert) => `${alert.name} ${alert.entity ?? ""}`.toLowerCase().includes(text)) : of.alerts;
    return tree({ causes: of.causes, alerts });
  }, [of.causes, of.alerts, wanted]);
  const shown = lines(root, closed);
  const flip = (set: ReadonlySet<string>, keys: string[]): ReadonlySet<string> => {
    const next = new Set(set);
    const all = keys.every((key) => set.has(key));
    for (const key of keys) all ? next.delete(key) : next.add(key);
    return next;
  };
  const split = (): void => acting.mutate({ what: "split", body: { fingerprints: [...chosen] } }, { onSuccess: () => setChosen(new Set()) });
  return (
    <Panel
      title={w("why", { count: of.alert_count })}
      about={w("whyAbout")}
      actions={
        <>
          <TextInput size="xs" w={160} value={wanted} onChange={(event) => setWanted(event.currentTarget.value)} placeholder={w("filter")} aria-label={w("filter")} />
          {chosen.size > 0 && (
            <Button size="compact-sm" onClick={split} loading={acting.isPending}>
              {w("split", { count: chosen.size })}
            </Button>
          )}
          <Merge id={of.id} acting={acting} />
        </>
      }
    >
      {acting.error && (acting.variables?.what === "split" || acting.variables?.what === "merge") && <TroubleNote error={acting.error} />}
      {acting.isSuccess && acting.variables.what === "split" && (
        <p role="status">
          {w("splitOff")} <Go to={incidentHref((acting.data as Incident).id)}>{(acting.data as Incident).id}</Go>
        </p>
      )}
      <div className={style.reasons}>
        <span className="dim small">{w("joined")}</span>
        {reasons(of.alerts).map((reason) => (
          <Tag key={reason.rule} tone="info" title={say(reason.text)}>
            {rules(reason.rule as "first")} <strong className="num">{reason.count}</strong>
          </Tag>
        ))}
      </div>
      <ul className={style.tree}>
        {shown.map((branch) => (
          <BranchLine
            key={branch.key}
            branch={branch}
            isRoot={branch === root}
            closed={closed.has(branch.key)}
            chosen={chosen}
            onToggle={() => setClosed((set) => flip(set, [branch.key]))}
            onChoose={(fingerprints) => setChosen((set) => flip(set, fingerprints))}
          />
        ))}
      </ul>
    </Panel>
  );
}
