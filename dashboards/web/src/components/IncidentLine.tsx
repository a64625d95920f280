// An incident in one or two lines: how grave, what, the cause, how many alerts it is made of, since when.
import type { IncidentHead } from "../api/incidents";
import { phrases, say } from "../base/language";
import { incidentHref } from "../base/links";
import { EntityLink } from "./EntityLink";
import { Go } from "./Go";
import { Severity } from "./Severity";
import { Tag, type Tone } from "./Tag";
import { When } from "./When";
import style from "./IncidentLine.module.css";

const useWords = phrases("incidentLine", {
  open: ["open", "进行中"],
  acknowledged: ["acknowledged", "已确认"],
  mitigated: ["mitigated", "已缓解"],
  resolved: ["resolved", "已解决"],
  alerts: ["{{count}} alert → 1 incident", "{{count}} alerts → 1 incident", "{{count}} 条告警 → 1 个故障"],
  cause: ["Cause", "根因"],
  noCause: ["Cause not found yet", "根因待定"],
});

const TONES: Record<string, Tone> = { open: "bad", acknowledged: "warn", mitigated: "info", resolved: "good" };

export function IncidentStateTag({ state }: { state: IncidentHead["state"] }) {
  const w = useWords();
  return <Tag tone={TONES[state] ?? "plain"}>{w(state as "open")}</Tag>;
}

export function IncidentLine({ of }: { of: IncidentHead }) {
  const w = useWords();
  return (
    <div className={style.line}>
      <div className={style.head}>
        <Severity of={of.severity} />
        <Go to={incidentHref(of.id)} className={`${style.title} wrap`}>
          {say(of.title)}
        </Go>
        <span className={`${style.when} small`}>
          <When time={of.opened_at} />
        </span>
      </div>
      <div className={`row small ${style.facts}`}>
        <IncidentStateTag state={of.state} />
        {of.cause ? (
          <span className="row" style={{ gap: 5 }}>
            {w("cause")}: <EntityLink of={of.cause.entity} />
          </span>
        ) : (
          <span>{w("noCause")}</span>
        )}
        <span className="num">{w("alerts", { count: of.alert_count })}</span>
      </div>
    </div>
  );
}
