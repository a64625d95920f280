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

export function useMarks(changes: Change[] | undefined): ChartMark[] {
  return useMemo(
    () => (changes ?? []).flatMap((change) => {
      const time = instant(change.time, 0);
      return time === null ? [] : [{ time, label: change.target }];
    }),
    [changes],
  );
}

export function ChangeList({ changes }: { changes: Change[] }) {
  const w = useWords();
  return (
    <ol className={style.list}>
      {changes.map((change, place) => {
        const kind = w(change.kind as "release");
        const link = safeHref(change.url);
        return (
          <li key={`${change.time}${change.target}${place}`} className={style.line}>
            <When time={change.time} />
            <Tag tone="info">{kind === change.kind ? change.kind.replaceAll("_", " ") : kind}</Tag>
            <Go to={serviceHref(change.target)} className="wrap">
              {change.target}
            </Go>
            <span className="mono wrap dim">
              {change.previous_version && `${change.previous_version} → `}
              {change.version}
            </span>
            {change.title && <span className="wrap">{link ? <a href={link} rel="noopener noreferrer" target="_blank">{change.title}</a> : change.title}</span>}
            {change.author && <span className="dim small">{w("by", { author: change.author })}</span>}
          </li>
        );
      })}
    </ol>
  );
}
