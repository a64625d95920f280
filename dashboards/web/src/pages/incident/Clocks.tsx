// The clocks of an incident against their goals: detected within 2 minutes, located within 5, recovered within 10.
import type { Incident } from "../../api/incidents";
import { GOALS } from "../../base/causes";
import { duration } from "../../base/format";
import { moment } from "../../base/moments";
import { useNow } from "../../components/When";
import style from "./Clocks.module.css";
import { useIncidentWords } from "./words";

type Goal = keyof typeof GOALS;

function Clock({ goal, from, until, over }: { goal: Goal; from: number; until: number | null; over: boolean }) {
  const w = useIncidentWords();
  const now = useNow(1_000);
  const limit = GOALS[goal] * 60e3;
  const passed = Math.max(0, (until ?? now) - from);
  const ran = until !== null;
  const state = !ran && over ? "never" : passed > limit ? "late" : ran ? "kept" : "running";
  const text = passed < 1e3 ? "< 1 s" : duration(Math.round(passed / 1e3) * 1e9);
  return (
    <div className={style.clock} data-state={state}>
      <div className="row between">
        <span>{w(goal)}</span>
        <span className="dim small">{w("goal", { minutes: GOALS[goal] })}</span>
      </div>
      <div className={`${style.time} num`}>{state === "never" ? w("notYet") : ran ? text : w("running", { time: text })}</div>
      <div className={style.bar} aria-hidden="true">
        <svg viewBox="0 0 100 4" preserveAspectRatio="none">
          <rect width={Math.min(100, (passed / limit) * 100)} height={4} />
        </svg>
      </div>
    </div>
  );
}

export function Clocks({ of }: { of: Incident }) {
  const from = moment(of.clocks.fault_at) ?? moment(of.opened_at) ?? Date.now();
  const over = of.state === "resolved";
  const { detected_at, located_at, mitigated_at, resolved_at } = of.clocks;
  return (
    <div className={style.clocks}>
      <Clock goal="detect" from={from} until={moment(detected_at) ?? moment(of.opened_at)} over={over} />
      <Clock goal="locate" from={from} until={moment(located_at)} over={over} />
      <Clock goal="recover" from={from} until={moment(mitigated_at) ?? moment(resolved_at)} over={over} />
    </div>
  );
}
