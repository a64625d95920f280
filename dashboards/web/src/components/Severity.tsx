// How grave an alert or incident is: a word with its colour.
import { asSeverity } from "../base/health";
import { phrases } from "../base/language";
import style from "./Tag.module.css";

const useWords = phrases("severity", {
  critical: ["critical", "致命"],
  high: ["high", "严重"],
  medium: ["medium", "一般"],
  low: ["low", "轻微"],
});

const TONES = { critical: "bad", high: "bad", medium: "warn", low: "plain" } as const;

export function Severity({ of }: { of: string | null | undefined }) {
  const w = useWords();
  const severity = asSeverity(of);
  return (
    <span className={style.tag} data-tone={TONES[severity]} data-solid={severity === "critical" || undefined}>
      {w(severity)}
    </span>
  );
}
