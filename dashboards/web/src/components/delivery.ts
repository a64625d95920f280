// The words of messages to people: why one was planned, what became of it, and how that looks.
import { phrases } from "../base/language";
import type { Tone } from "./Tag";

export const STATES = ["waiting", "held", "retrying", "delivered", "in_digest", "merged", "dropped", "in_doubt", "dead", "refused", "nobody"] as const;

const TONES: Partial<Record<string, Tone>> = { delivered: "good", in_digest: "good", retrying: "warn", in_doubt: "warn", dead: "bad", refused: "bad", nobody: "warn" };
export const deliveryTone = (state: string): Tone => TONES[state] ?? "plain";

export const useDeliveryWords = phrases("delivery", {
  waiting: ["waiting", "等待中"],
  held: ["held back", "已静默"],
  retrying: ["trying again", "重试中"],
  delivered: ["delivered", "已送达"],
  in_digest: ["told with others", "合并发送"],
  merged: ["joined a newer one", "已合并"],
  dropped: ["was over before", "已失效"],
  in_doubt: ["in doubt", "不确定"],
  dead: ["dead letter", "死信"],
  refused: ["refused, outbox full", "队列已满"],
  nobody: ["no receiver", "无接收方"],
  opened: ["opened", "新故障"],
  reopened: ["reopened", "重新打开"],
  severity_raised: ["severity raised", "级别升高"],
  cause_changed: ["another cause", "根因变化"],
  scope_doubled: ["twice as large", "范围扩大"],
  resolved: ["resolved", "已解决"],
  repeat: ["reminder", "重复提醒"],
  escalated: ["escalated", "升级"],
  digest: ["digest", "汇总"],
});

/** What the state says already is not said again as an error. */
export const deliveryError = (told: { state: string; error?: string | null }): string | null =>
  told.state === "nobody" ? null : (told.error ?? null);
