// Which attribute values the chosen spans have more often, or less often, than the others.
import { Button } from "@mantine/core";
import { useState } from "react";
import { type Chosen, type TraceFilter, type ValueDifference, useDifferences } from "../../api/traces";
import { useAddress } from "../../base/address";
import { count, percent } from "../../base/format";
import type { Window } from "../../base/time";
import { Answered, Empty } from "../../components/Answered";
import { Panel } from "../../components/Panel";
import style from "./Differences.module.css";
import { useTracesWords } from "./words";

/** So many of those that are surely different are shown at once. */
const SHOWN = 12;
const SKIPPED_SHOWN = 12;

function Bar({ share, side, label }: { share: number; side: "selected" | "others"; label: string }) {
  return (
    <>
      <div className={style.track}>
        <div className={style.fill} data-side={side} style={{ width: `${share * 100}%` }} />
      </div>
      <span className="num">{percent(share)}</span>
      <span className="dim">{label}</span>
    </>
  );
}

function Item({ of }: { of: ValueDifference }) {
  const w = useTracesWords();
  const [, change] = useAddress();
  return (
    <li className={style.item}>
      <span className={style.name}>
        <span className={`${style.key} clip`} title={of.key}>
          {of.key.replace(/^attr\./, "")}
        </span>
        <strong className="clip" title={of.value}>
          {of.value || "“”"}
        </strong>
      </span>
      <button type="button" className={style.only} onClick={() => change({ [of.key]: of.value, sel: null }, "push")}>
        {w("onlyThis")}
      </button>
      <div className={style.bars}>
        <Bar share={of.selection_share} side="selected" label={w("selected")} />
        <Bar share={of.baseline_share} side="others" label={w("others")} />
      </div>
    </li>
  );
}

export function Differences({ window, filter, chosen, actions }: { window: Window; filter: TraceFilter; chosen: Chosen; actions: React.ReactNode }) {
  const w = useTracesWords();
  const answer = useDifferences(window, filter, chosen);
  const [all, setAll] = useState(false);
  const items = answer.data?.items ?? [];
  const sure = items.filter((item) => item.significant);
  const shown = all ? items : sure.slice(0, SHOWN);
  const about = answer.data && w("differencesAbout", { selection: count(answer.data.selection_count), baseline: count(answer.data.baseline_count) });
  return (
    <Panel title={w("differences")} about={about} actions={actions}>
      <Answered of={answer}>
        {(data) => (
          <>
            {sure.length === 0 && !all && <Empty title={w("noDifference")} about={w("noDifferenceAbout", { count: data.tests })} />}
            <ul className={style.list}>
              {shown.map((item) => (
                <Item key={`${item.key}=${item.value}`} of={item} />
              ))}
            </ul>
            {items.length > shown.length && (
              <Button mt={8} size="compact-sm" variant="subtle" color="gray" onClick={() => setAll(true)}>
                {w("weak", { count: items.length - shown.length })}
              </Button>
            )}
            {data.skipped.length > 0 && (
              <p className="dim small wrap">
                {w("skipped", { keys: data.skipped.slice(0, SKIPPED_SHOWN).map(({ key }) => key).join(", ") + (data.skipped.length > SKIPPED_SHOWN ? " …" : "") })}
              </p>
            )}
          </>
        )}
      </Answered>
    </Panel>
  );
}
