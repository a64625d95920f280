// The gravity of a record as a word with its colour.
import { type LogRecord, severityName } from "../../api/records";
import { Tag, type Tone } from "../../components/Tag";

const TONES: Record<string, Tone> = { fatal: "bad", error: "bad", warn: "warn", info: "plain", debug: "plain", trace: "plain" };

/** Words of gravity are short; a sender may write anything. */
const SHOWN_CHARS_MAX = 12;

export function Level({ of }: { of: LogRecord }) {
  const name = severityName(of.severity);
  const text = of.severity_text || name?.toUpperCase() || "–";
  return (
    <Tag tone={TONES[name ?? ""] ?? "plain"} title={text}>
      {text.slice(0, SHOWN_CHARS_MAX)}
    </Tag>
  );
}
