// Health as a shape and a colour: a ring, a disc, a triangle, a diamond. Told apart without seeing colour.
import { type Health, asHealth } from "../base/health";
import { phrases } from "../base/language";

const useWords = phrases("health", {
  healthy: ["healthy", "健康"],
  degraded: ["degraded", "变差"],
  failing: ["failing", "异常"],
  unknown: ["no calls", "无调用"],
});

const COLOURS: Record<Health, string> = {
  healthy: "var(--healthy)",
  degraded: "var(--degraded-fill)",
  failing: "var(--failing-fill)",
  unknown: "var(--unknown)",
};

export const healthColour = (health: Health): string => COLOURS[health];

export function HealthShape({ health, size = 10 }: { health: Health; size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 12 12" aria-hidden="true" focusable="false">
      {health === "healthy" && <circle cx="6" cy="6" r="5" fill={COLOURS.healthy} />}
      {health === "degraded" && <path d="M6 .5L12 11.500H0z" fill={COLOURS.degraded} />}
      {health === "failing" && <path d="M6 0l6 6-6 6-6-6z" fill={COLOURS.failing} />}
      {health === "unknown" && <circle cx="6" cy="6" r="4" fill="none" stroke={COLOURS.unknown} strokeWidth="2" />}
    </svg>
  );
}

export function HealthMark({ health: text, label = false }: { health: string | null | undefined; label?: boolean }) {
  const w = useWords();
  const health = asHealth(text);
  return (
    <span className="row nowrap" style={{ gap: 5, display: "inline-flex" }} title={w(health)}>
      <HealthShape health={health} />
      {label ? <span className="small">{w(health)}</span> : <span className="said-only">{w(health)}</span>}
    </span>
  );
}
