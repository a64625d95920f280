// How grave an alert or incident is: a word with its colour.
import { asSeverity } from "../base/health";
import { phrases } from "../base/language";
import style from "./Tag.module.css";

export const useSeverityWords = phrases("severity", {
  critical: ["critical", "紧急"],
  high: ["high", "高"],
  medium: ["medium", "中"],
  low: ["low", "低"],
});

const TONES = { critical: "bad", high: "bad", medium: "warn", low: "plain" } as const;

export function Severity({ of }: { of: string | null | undefined }) {
  const w = useSeverityWords();
  const severity = asSeverity(of);
  return (
    <span className={style.tag} data-tone={TONES[severity]} data-solid={severity === "critical" || undefined}>
      {w(severity)}
    </span>
  );
}
