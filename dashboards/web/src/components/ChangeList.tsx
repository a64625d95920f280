// Changes as a list, and as marks for charts.
import { useMemo } from "react";
import type { Change } from "../api/types";
import { phrases } from "../base/language";
import { instant } from "../base/time";
import { safeHref, serviceHref } from "../base/links";
import type { ChartMark } from "./Chart";
import { Go } from "./Go";
import { Tag } from "./Tag";
import { When } from "./When";
import style from "./ChangeList.module.css";

const useWords = phrases("changes", {
  release: ["release", "发布"],
  deployment: ["deployment", "部署"],
  config: ["configuration", "配置"],
  feature_flag: ["flag", "开关"],
  migration: ["migration", "迁移"],
  by: ["by {{author}}", "由 {{author}}"],
});

/** The word for a kind of change; one we have no word for is shown as it is. */
export function useChangeKind(): (kind: string) => string {
  const w = useWords();
  return (kind) => {
    const word = w(kind as "release");
    return word === kind ? kind.replaceAll("_", " ") : word;
  };
}

/** A release is told by the pipeline and seen in the telemetry: within so long it is one and the same. */
const SAME_MS = 10 * 60e3;

/** Each change once: of two that bring the same version to the same place, the one that somebody signed. */
export function once(changes: Change[]): Change[] {
  const same = (a: Change, b: Change): boolean =>
    a.target === b.target && a.version != null && a.version === b.version && Math.abs((instant(a.time, 0) ?? 0) - (instant(b.time, 0) ?? 0)) <= SAME_MS;
  const better = (a: Change, b: Change): boolean => (a.author ? 1 : 0) > (b.author ? 1 : 0);
  return changes.filter((change, at) => !changes.some((other, place) => place !== at && same(change, other) && (better(other, change) || (!better(change, other) && place < at))));
}

const SAID = /\b(goes|was|is|first|seen|from|to|after|before|release[ds]?|deploy(ed|ment|s)?|version|new|of|v)\b|[^\p{L}\p{N}]+/giu;

/** Whether a title says more than target and versions, which stand beside it. */
export function saysMore({ title, target, version, previous_version }: Pick<Change, "title" | "target" | "version" | "previous_version">): boolean {
  if (!title) return false;
  const rest = [target, version, previous_version].reduce<string>((text, part) => (part ? text.replaceAll(part, " ") : text), title);
  return rest.replace(SAID, "") !== "";
}

export function useMarks(changes: Change[] | undefined): ChartMark[] {
  return useMemo(
    () => once(changes ?? []).flatMap((change) => {
      const time = instant(change.time, 0);
      return time === null ? [] : [{ time, label: `${change.target} ${change.version ?? ""}`.trim() }];
    }),
    [changes],
  );
}

export function ChangeList({ changes }: { changes: Change[] }) {
  const w = useWords();
  const kind = useChangeKind();
  return (
    <ol className={style.list}>
      {changes.map((change, place) => {
        const link = safeHref(change.url);
        return (
          <li key={`${change.time}${change.target}${place}`} className={style.line}>
            <When time={change.time} />
            <Tag tone="info">{kind(change.kind)}</Tag>
            <Go to={serviceHref(change.target)} className="wrap">
              {change.target}
            </Go>
            <span className="mono wrap dim">
              {change.previous_version && `${change.previous_version} → `}
              {change.version}
            </span>
            {change.title && (link || saysMore(change)) && <span className="wrap">{link ? <a href={link} rel="noopener noreferrer" target="_blank">{change.title}</a> : change.title}</span>}
            {change.author && <span className="dim small">{w("by", { author: change.author })}</span>}
          </li>
        );
      })}
    </ol>
  );
}
