// The small picture of one piece of evidence: the points that came with it, or what its own SQL answers.
import type { Evidence } from "../../api/incidents";
import { useSql } from "../../api/read";
import { say } from "../../base/language";
import { moment } from "../../base/moments";
import { Sparkline } from "../../components/Sparkline";
import { seriesOf } from "./picture";
import style from "./Causes.module.css";

const POINTS_MIN = 3;

export function Picture({ of, since }: { of: Evidence; since: number | null }) {
  const told = of.points.flatMap(([time, value]): [number, number | null][] => {
    const at = moment(time);
    return at === null ? [] : [[at, value]];
  });
  const asked = useSql(of.query ?? "", { when: told.length < POINTS_MIN && !!of.query, limit: 2_000 });
  const found = told.length >= POINTS_MIN ? { points: told, share: true } : asked.data ? seriesOf(asked.data, since) : null;
  // The place is kept while it is asked for, so that the lines do not jump.
  if (asked.isLoading) return <span className={`${style.picture} ${style.coming}`} />;
  if (!found || found.points.length < POINTS_MIN) return null;
  return (
    <span className={style.picture}>
      <Sparkline points={found.points} reference={found.share ? of.reference : null} mark={since} label={say(of.text)} width={150} height={40} />
    </span>
  );
}
