// What is behind it: the first cause with its evidence and small pictures, what speaks against it, the other
// candidates, and a word back from the person whether it was right.
import { Button } from "@mantine/core";
import { useState } from "react";
import type { Cause, Evidence, Incident } from "../../api/incidents";
import { useCauseWords } from "../../base/causes";
import { type Unit, digits, measure } from "../../base/format";
import { say } from "../../base/language";
import { sqlHref, traceHref } from "../../base/links";
import { moment } from "../../base/moments";
import { EntityLink } from "../../components/EntityLink";
import { Go } from "../../components/Go";
import { Icon } from "../../components/Icon";
import { Panel } from "../../components/Panel";
import { Tag, type Tone } from "../../components/Tag";
import { When } from "../../components/When";
import type { Acting } from "./act";
import style from "./Causes.module.css";
import { Picture } from "./Picture";
import { varied } from "./picture";
import { useIncidentWords } from "./words";

const TRACES_SHOWN = 3;
/** The strongest observations; the rest is there when asked for. */
const PROOFS_SHOWN = 5;
/** The nearest rivals of a cause that is named. */
const OTHERS_SHOWN = 3;
const UNITS: Record<string, [Unit, number]> = { ns: ["duration", 1], s: ["duration", 1e9], ms: ["duration", 1e6], By: ["bytes", 1], "%": ["share", 0.01], "1/s": ["rate", 1] };
const TONES: Record<string, Tone> = { high: "good", medium: "warn", low: "plain" };

/** Numbers without a unit are shares where they can be. */
function reading(value: number, unit: string): string {
  if ((unit === "1" || unit === "") && value >= 0 && value <= 1) return measure(value, "share");
  const known = UNITS[unit];
  if (known) return measure(value * known[1], known[0]);
  return `${measure(value, "number")}${unit && unit !== "1" ? ` ${unit}` : ""}`;
}

function Proof({ of, since }: { of: Evidence; since: number | null }) {
  const w = useIncidentWords();
  return (
    <li className={style.proof}>
      <div className="grow">
        <div className="wrap">{say(of.text)}</div>
        <div className="row small dim" style={{ gap: 10 }}>
          <EntityLink of={of.entity} />
          {of.now != null && (
            <span className="num">
              {w("now")} <strong className={style.now}>{reading(of.now, of.unit)}</strong>
              {of.reference != null && ` · ${w("reference")} ${reading(of.reference, of.unit)}`}
            </span>
          )}
          {of.query && <Go to={sqlHref(of.query)}>{w("showQuery")}</Go>}
          {of.traces.slice(0, TRACES_SHOWN).map((trace) => (
            <Go key={trace} to={traceHref(trace)} className="mono">
              {w("trace")} {trace.slice(0, 8)}
            </Go>
          ))}
        </div>
      </div>
      <Picture of={of} since={since} />
    </li>
  );
}

function Proofs({ of, since }: { of: Evidence[]; since: number | null }) {
  const w = useIncidentWords();
  const [all, setAll] = useState(false);
  const shown = all ? of : varied(of).slice(0, PROOFS_SHOWN);
  return (
    <>
      <ul className={style.proofs}>
        {shown.map((evidence, at) => (
          <Proof key={`${evidence.kind}${evidence.entity}${at}`} of={evidence} since={since} />
        ))}
      </ul>
      {shown.length < of.length && (
        <Button size="compact-xs" variant="subtle" onClick={() => setAll(true)}>
          {w("showProofs", { count: of.length - shown.length })}
        </Button>
      )}
    </>
  );
}

/** How much speaks for it, against the one that most speaks for. */
function Weight({ of, most }: { of: number; most: number }) {
  const w = useIncidentWords();
  const share = most > 0 ? Math.max(0, Math.min(1, of / most)) : 0;
  return (
    <span className={style.weight} role="img" aria-label={w("bits", { bits: digits(of) })} title={w("bits", { bits: digits(of) })}>
      <span style={{ width: `${(share * 100).toFixed(0)}%` }} />
    </span>
  );
}

interface CandidateProps {
  of: Cause;
  /** The score of the first. */
  most: number;
  open: boolean;
  onOpen?: () => void;
  sure: boolean;
}

function Candidate({ of, most, open, onOpen, sure }: CandidateProps) {
  const w = useIncidentWords();
  const kinds = useCauseWords();
  const since = moment(of.since);
  return (
    <div className={style.candidate} data-first={(of.rank <= 1 && sure) || undefined}>
      <div className={style.head}>
        {onOpen ? (
          <button type="button" className={style.toggle} onClick={onOpen} aria-expanded={open}>
            <Icon name={open ? "down" : "right"} size={12} /> {kinds(of.kind as "release")}
          </button>
        ) : (
          <span className={style.kind}>{kinds(of.kind as "release")}</span>
        )}
        <span className="wrap">
          <EntityLink of={of.entity} />
        </span>
        <span className="row small" style={{ marginLeft: "auto", gap: 8 }}>
          {of.confidence && (
            <Tag tone={TONES[of.confidence] ?? "plain"} title={w("bits", { bits: digits(of.score) })}>
              {w("confidence")}: {w(of.confidence as "low")}
            </Tag>
          )}
          <Weight of={of.score} most={most} />
        </span>
      </div>
      {open && (
        <>
          {of.since && (
            <p className="dim small">
              {w("since")} <When time={of.since} as="both" />
              {of.later && ` · ${w("later")}`}
            </p>
          )}
          <Proofs of={of.evidence} since={since} />
          {of.against.length > 0 && (
            <>
              <h3 className={style.against}>{w("against")}</h3>
              <Proofs of={of.against} since={since} />
            </>
          )}
        </>
      )}
    </div>
  );
}

function Feedback({ of, acting }: { of: Incident; acting: Acting }) {
  const w = useIncidentWords();
  const last = of.feedback.at(-1);
  const tell = (verdict: "right" | "wrong"): void => acting.mutate({ what: "feedback", body: { verdict } });
  return (
    <div className={`row small ${style.feedback}`}>
      <span className="dim">
        {last ? w("feedbackThanks", { verdict: last.verdict === "right" ? w("rightCause") : w("wrongCause") }) : w("feedbackAsk")}
      </span>
      <Button size="compact-xs" variant="default" onClick={() => tell("right")} loading={acting.isPending}>
        {w("rightCause")}
      </Button>
      <Button size="compact-xs" variant="default" onClick={() => tell("wrong")} loading={acting.isPending}>
        {w("wrongCause")}
      </Button>
    </div>
  );
}

export function Causes({ of, acting }: { of: Incident; acting: Acting }) {
  const w = useIncidentWords();
  const [opened, setOpened] = useState<number | null>(null);
  const [all, setAll] = useState(false);
  const [first, ...others] = of.causes;
  // Where the cause is sure, those that nobody believes in wait behind a button.
  const listed = all || of.undetermined ? others : others.filter((cause, at) => at < OTHERS_SHOWN && cause.kind !== "unknown");
  return (
    <Panel title={w("causeOf")}>
      <div className="stack">
        {of.undetermined && (
          <div className={style.undetermined}>
            <strong>{w("noCause")}</strong>
            {of.undetermined_reason && <div className="wrap">{say(of.undetermined_reason)}</div>}
          </div>
        )}
        {first && <Candidate of={first} most={first.score} open sure={!of.undetermined} />}
        {first && !of.undetermined && <Feedback of={of} acting={acting} />}
        {others.length > 0 && (
          <div>
            <h3>{of.undetermined ? w("candidates") : w("others")}</h3>
            {listed.map((cause, at) => (
              <Candidate key={`${cause.entity}${cause.kind}`} of={cause} most={first?.score ?? 0} open={opened === at} onOpen={() => setOpened(opened === at ? null : at)} sure={false} />
            ))}
            {listed.length < others.length && (
              <Button size="compact-xs" variant="subtle" onClick={() => setAll(true)}>
                {w("showCandidates", { count: others.length - listed.length })}
              </Button>
            )}
          </div>
        )}
        {of.missing.length > 0 && (
          <div className="small">
            <h3>{w("missing")}</h3>
            <ul className={style.missing}>
              {of.missing.map((text) => (
                <li key={text.en} className="wrap">
                  {say(text)}
                </li>
              ))}
            </ul>
          </div>
        )}
      </div>
    </Panel>
  );
}
