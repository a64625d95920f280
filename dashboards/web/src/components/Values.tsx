// Values before and after a write, side by side: what was there on grey ground, what is there now on green.
import { Fragment } from "react";
import { fieldChanges } from "../base/fields";
import { phrases } from "../base/language";
import style from "./Values.module.css";

const useWords = phrases("values", {
  nothing: ["nothing", "空"],
  before: ["before", "之前"],
  after: ["after", "之后"],
  unchanged: ["{{count}} field unchanged", "{{count}} fields unchanged", "{{count}} 个字段未变"],
});

export function Values({ before, after }: { before?: string | null; after?: string | null }) {
  const w = useWords();
  const all = fieldChanges({ before, after });
  const changed = all.length === 1 ? all : all.filter((one) => one.changed);
  const same = all.length - changed.length;
  return (
    <span>
      <span className={style.values}>
        {changed.map((one) => (
          <Fragment key={one.field}>
            <span className={style.field}>{one.field}</span>
            <span className={one.changed ? style.before : style.same} title={w("before")}>
              {one.before || <span className={style.nothing}>{w("nothing")}</span>}
            </span>
            <span className={style.arrow} aria-label="→">
              →
            </span>
            <span className={one.changed ? style.after : style.same} title={w("after")}>
              {one.after || <span className={style.nothing}>{w("nothing")}</span>}
            </span>
          </Fragment>
        ))}
      </span>
      {same > 0 && <span className="dim small"> {w("unchanged", { count: same })}</span>}
    </span>
  );
}
