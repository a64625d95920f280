// The steps of a story on one axis, each with where it comes from, why it belongs, and what it changed.
import { duration } from "../../base/format";
import { historyHref, href, serviceHref, traceHref } from "../../base/links";
import type { StoryEntity, StoryItem } from "../../api/stories";
import { Go } from "../../components/Go";
import { Icon, type IconName } from "../../components/Icon";
import { Tag } from "../../components/Tag";
import { Values } from "../../components/Values";
import { When } from "../../components/When";
import { useChangeKind } from "../../components/ChangeList";
import { Severity } from "../../components/Severity";
import { IncidentName } from "./Behind";
import { type Folded, incidentOf } from "./fold";
import { type Kind, type Step, isFailed } from "./story";
import style from "./Steps.module.css";
import { Why } from "./Why";
import { useStoryWords } from "./words";

const ICONS: Record<Kind, IconName> = {
  business: "operations",
  request: "right",
  span: "code",
  log: "logs",
  message: "routes",
  job: "clock",
  change: "change",
  alert: "incidents",
  repair: "bolt",
};

export function EntityChange({ of }: { of: StoryEntity }) {
  return (
    <span className={style.entity}>
      <Go to={historyHref(of.type, of.id)} className="lines-2">
        {of.type} {of.id}
      </Go>
      {of.role && of.role !== "subject" && <span className="dim small">{of.role}</span>}
      {(of.before != null || of.after != null) && <Values before={of.before} after={of.after} />}
    </span>
  );
}

/** The name of a step in the words of its kind. */
function Name({ item }: { item: Folded }) {
  const kind = useChangeKind();
  const { change } = item;
  const incident = item.alerts && incidentOf(item);
  if (incident) return <IncidentName id={incident} title={item.name ?? ""} />;
  if (change) {
    return (
      <span className={style.name}>
        {kind(change.kind)} {change.target} {change.previous_version && `${change.previous_version} → `}
        {change.version}
      </span>
    );
  }
  if (item.kind === "log" && !item.name) return <span className={`${style.name} lines-4`}>{item.text}</span>;
  return <span className={`${style.name} lines-2`}>{item.name}</span>;
}

function Ending({ item }: { item: StoryItem }) {
  const w = useStoryWords();
  return (
    <span className={style.end}>
      {item.service && <Go to={serviceHref(item.service)} className={`${style.service} clip`} title={item.service}>{item.service}</Go>}
      {item.duration_ns != null && item.duration_ns > 0 && <span className="num nowrap">{duration(item.duration_ns)}</span>}
      {item.trace_id && <Go to={traceHref(item.trace_id, { span: item.span_id ?? undefined })}>{w("trace")}</Go>}
    </span>
  );
}

/** The alerts that an incident's step stands for, one line each, when they are asked for. */
function Alerts({ of }: { of: StoryItem[] }) {
  const w = useStoryWords();
  return (
    <details className={style.alerts}>
      <summary>{w("itsAlerts", { count: of.length })}</summary>
      <ul>
        {of.map((alert) => (
          <li key={`${alert.time}${alert.name}${alert.service}${alert.text}`}>
            <When time={alert.time} as="clock" /> <Severity of={(alert.text ?? "").split(";")[0]} /> <span className="mono">{alert.name}</span>{" "}
            {alert.service && <Go to={serviceHref(alert.service)}>{alert.service}</Go>}
          </li>
        ))}
      </ul>
    </details>
  );
}

/** What a step says beyond its name: a change's versions and an incident's cause stand in the name. */
function saidBy(item: Folded): string | null {
  if (item.alerts || item.change?.version || (item.kind === "log" && !item.name)) return null;
  return item.text && item.text !== item.name ? item.text : null;
}

function StepView({ step: { item, after, waited }, marked, repeated }: { step: Step; marked: boolean; repeated: boolean }) {
  const w = useStoryWords();
  const failed = isFailed(item);
  const kind = (item.kind in ICONS ? item.kind : "span") as Kind;
  const text = saidBy(item);
  const word = item.alerts ? "incident" : kind;
  return (
    <>
      {waited !== null && <li className={style.pause}>{w("later", { duration: duration(waited) })}</li>}
      <li className={style.step} data-kind={kind} data-failed={failed} data-at={marked}>
        <span className={style.when}>
          <When time={item.time} as="clock" />
          <br />
          {after > 0 ? `+${duration(after)}` : after < 0 ? duration(after) : ""}
        </span>
        <span className={style.knot}>
          <Icon name={failed ? "close" : ICONS[kind]} size={12} />
        </span>
        <div className={style.body}>
          <div className={style.line}>
            <Tag tone={failed ? "bad" : kind === "business" ? "info" : "plain"}>{w(word)}</Tag>
            <Name item={item} />
            {item.business && item.business.outcome !== "unknown" && (
              <Tag tone={item.business.outcome === "failure" ? "bad" : "good"}>{w(item.business.outcome === "failure" ? "failure" : "success")}</Tag>
            )}
            {item.business?.phase && item.business.phase !== "whole" && <span className="dim small">{item.business.phase}</span>}
            {item.business?.actor && (
              <span className="small">
                <span className="dim">{w("by")} </span>
                <Go to={href("/operations/entity", { type: "actor", id: item.business.actor })}>{item.business.actor}</Go>
                {item.business.actor_role && <span className="dim"> ({item.business.actor_role})</span>}
              </span>
            )}
            <Ending item={item} />
          </div>
          {text && <div className={style.text}>{text}</div>}
          {item.alerts && item.alerts.length > 0 && <Alerts of={item.alerts} />}
          {item.business?.entities.map((entity) => <EntityChange key={`${entity.type}${entity.id}${entity.role}`} of={entity} />)}
          <Why why={item.why} confidence={item.confidence} source={item.source} repeated={repeated} />
        </div>
      </li>
    </>
  );
}

export function Steps({ of, marked }: { of: Step[]; marked?: StoryItem | null }) {
  return (
    <ol className={style.list}>
      {of.map((step, place) => (
        <StepView key={`${step.item.time}${step.item.span_id ?? ""}${place}`} step={step} marked={step.item === marked} repeated={step.item.why === of[place - 1]?.item.why} />
      ))}
    </ol>
  );
}
