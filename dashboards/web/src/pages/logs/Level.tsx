// The gravity of a record as a word with its colour.
import { type LogRecord, severityName } from "../../api/records";
import { Tag, type Tone } from "../../components/Tag";

const TONES: Record<string, Tone> = { fatal: "bad", error: "bad", warn: "warn", info: "plain", debug: "plain", trace: "plain" };

export function Level({ of }: { of: LogRecord }) {
  const name = severityName(of.severity);
  return <Tag tone={TONES[name ?? ""] ?? "plain"}>{of.severity_text || name?.toUpperCase() || "–"}</Tag>;
}
