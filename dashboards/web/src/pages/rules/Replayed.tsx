// What a rule would have done over the past: a strip of time with every ring of it, and each with its figures.
import type { Firing, Replay } from "../../api/alerting";
import { type Unit, duration, measure } from "../../base/format";
import { say } from "../../base/language";
import { sqlHref } from "../../base/links";
import { moment } from "../../base/moments";
import { clock } from "../../base/time";
import { Empty, Partial } from "../../components/Answered";
import { EntityLink } from "../../components/EntityLink";
import { Go } from "../../components/Go";
import { Severity } from "../../components/Severity";
import { Sparkline } from "../../components/Sparkline";
import { When } from "../../components/When";
import style from "./rules.module.css";
import { useRuleWords } from "./words";

const LISTED_MAX = 60;
const LANES_MAX = 12;
const UNITS: Record<string, [Unit, number]> = { ns: ["duration", 1], s: ["duration", 1e9], By: ["bytes", 1], "%": ["share", 0.01], "1": ["share", 1], "1/s": ["rate", 1] };

const reading = (value: number, unit: string): string => {
  const known = UNITS[unit];
  return known ? measure(value * known[1], known[0]) : `${measure(value, "number")} ${unit}`.trim();
};

const nameOf = (firing: Firing): string => firing.entity ?? Object.entries(firing.labels).map(([key, value]) => `${key}=${value}`).join(", ");

/** One lane per series, a bar for each time it would have fired. */
function Strip({ of, from, to }: { of: Firing[]; from: number; to: number }) {
  const lanes = [...new Set(of.map(nameOf))].slice(0, LANES_MAX);
  const place = (time: number): number => ((time - from) / (to - from || 1)) * 1000;
  return (
    <div className={style.strip}>
      {lanes.map((lane) => (
        <div key={lane} className={style.lane}>
          <span className="clip small" title={lane}>
            {lane.replace(/^service:/, "")}
          </span>
          <svg viewBox="0 0 1000 14" preserveAspectRatio="none" role="img" aria-label={lane}>
            {of
              .filter((firing) => nameOf(firing) === lane)
              .map((firing) => {
                const start = place(moment(firing.fired_at) ?? from);
                const end = place(moment(firing.ends_at) ?? to);
                return <rect key={`${firing.fired_at}`} x={start} width={Math.max(end - start, 3)} y={1} height={12} rx={2} />;
              })}
          </svg>
        </div>
      ))}
      <div className={style.lane}>
        <span />
        <span className="row between small dim num">
          <span>{clock(from)}</span>
          <span>{clock(to)}</span>
        </span>
      </div>
    </div>
  );
}

function Ring({ of }: { of: Firing }) {
  const w = useRuleWords();
  const [from, to] = [moment(of.fired_at) ?? 0, moment(of.ends_at)];
  const points = of.points.flatMap(([time, value]): [number, number][] => {
    const at = moment(time);
    return at === null ? [] : [[at, value]];
  });
  return (
    <li className={style.ring}>
      <Severity of={of.severity} />
      <div className="grow">
        <div className="wrap">{say(of.summary)}</div>
        <div className="row small dim">
          {of.entity && <EntityLink of={of.entity} />}
          <When time={from} as="clock" />
          <span>{to === null ? w("still") : duration((to - from) * 1e6)}</span>
          <span className="num">{w("peak", { peak: reading(of.peak, of.unit), threshold: reading(of.threshold, of.unit) })}</span>
          {of.query && <Go to={sqlHref(of.query)}>SQL</Go>}
        </div>
      </div>
      <Sparkline points={points} reference={of.threshold} label={say(of.summary)} width={130} height={34} colour="var(--failing-fill)" stepped />
    </li>
  );
}

export function Replayed({ of, from, to }: { of: Replay; from: string; to: string }) {
  const w = useRuleWords();
  return (
    <div className="stack">
      {!of.complete && <Partial reason={of.incomplete_reason} />}
      <div>
        <strong>{of.firings.length > 0 ? w("rang", { count: of.firings.length + of.unlisted }) : w("never")}</strong>
        <div className="dim wrap">{say(of.sentence)}</div>
      </div>
      {of.firings.length > 0 ? (
        <>
          <Strip of={of.firings} from={moment(from) ?? 0} to={moment(to) ?? 0} />
          <ul className={style.rings}>
            {of.firings.slice(0, LISTED_MAX).map((firing) => (
              <Ring key={`${nameOf(firing)}${firing.fired_at}`} of={firing} />
            ))}
          </ul>
          {of.firings.length + of.unlisted > LISTED_MAX && <p className="dim">{w("more", { count: of.firings.length + of.unlisted - LISTED_MAX })}</p>}
        </>
      ) : (
        <Empty title={w("never")} />
      )}
    </div>
  );
}
