// The window of time all pages share: quick choices, two fields, live or paused, with the zone said.
import { ActionIcon, Button, Popover, TextInput, Tooltip } from "@mantine/core";
import { useState } from "react";
import { useWindow } from "../base/address";
import { phrases } from "../base/language";
import { QUICK, clock, instant, iso, offset, zone } from "../base/time";
import { Icon } from "./Icon";
import style from "./TimeRange.module.css";

const useWords = phrases("range", {
  last: ["Last {{span}}", "最近 {{span}}"],
  s: ["{{count}} s", "{{count}} 秒"],
  m: ["{{count}} min", "{{count}} 分钟"],
  h: ["{{count}} h", "{{count}} 小时"],
  d: ["{{count}} d", "{{count}} 天"],
  w: ["{{count}} wk", "{{count}} 周"],
  from: ["From", "从"],
  to: ["To", "到"],
  apply: ["Show", "应用"],
  hint: ["A time like 2026-11-20 09:30, now-2h, RFC 3339 or Unix nanoseconds", "如 2026-11-20 09:30、now-2h、RFC 3339 或 Unix 纳秒"],
  order: ["The start must be before the end", "开始时间必须早于结束时间"],
  unread: ["This time cannot be read", "无法识别的时间"],
  zone: ["Times are local: {{zone}}, {{offset}}", "时间为本地时区：{{zone}}，{{offset}}"],
  pause: ["Pause: stop moving with the present", "暂停自动刷新"],
  live: ["Go on: move with the present", "继续自动刷新"],
  window: ["Window of time", "时间范围"],
});

/** How a window reads on its button. */
export function useRangeName(): (from: string, to: string) => string {
  const w = useWords();
  return (from, to) => {
    const relative = /^now-(\d+)([smhdw])$/.exec(from);
    if (relative && to === "now") {
      return w("last", { span: w(relative[2] as "s" | "m" | "h" | "d" | "w", { count: Number(relative[1]) }) });
    }
    const read = (text: string): string => {
      const at = instant(text, Date.now());
      return at === null || text.startsWith("now") ? text : clock(at);
    };
    return `${read(from)} – ${read(to)}`;
  };
}

const normal = (text: string): string => {
  const trimmed = text.trim();
  if (trimmed.startsWith("now") || /^\d{18,19}$/.test(trimmed)) return trimmed;
  const at = instant(trimmed, Date.now());
  return at === null ? trimmed : iso(at);
};

function Fields({ close }: { close: () => void }) {
  const w = useWords();
  const { window: shown, set } = useWindow();
  const [from, setFrom] = useState(shown.from);
  const [to, setTo] = useState(shown.to);
  const now = Date.now();
  const [start, end] = [instant(from, now), instant(to, now)];
  const fault = start === null || end === null ? w("unread") : start >= end ? w("order") : null;
  return (
    <form
      className="stack"
      style={{ gap: 8 }}
      onSubmit={(event) => {
        event.preventDefault();
        if (fault) return;
        set({ from: normal(from), to: normal(to) });
        close();
      }}
    >
      <TextInput size="xs" label={w("from")} value={from} onChange={(event) => setFrom(event.currentTarget.value)} error={start === null} />
      <TextInput size="xs" label={w("to")} value={to} onChange={(event) => setTo(event.currentTarget.value)} error={fault} />
      <p className="dim small">{w("hint")}</p>
      <Button type="submit" size="xs" disabled={!!fault}>
        {w("apply")}
      </Button>
    </form>
  );
}

export function TimeRange() {
  const w = useWords();
  const name = useRangeName();
  const [opened, setOpened] = useState(false);
  const { window: shown, live, set, setLive } = useWindow();
  return (
    <div className={style.range}>
      <Popover opened={opened} onChange={setOpened} position="bottom-end" shadow="md" trapFocus returnFocus width={280}>
        <Popover.Target>
          <Button
            size="xs"
            variant="default"
            leftSection={<Icon name="clock" size={14} />}
            rightSection={<Icon name="down" size={12} />}
            onClick={() => setOpened((open) => !open)}
            aria-label={`${w("window")}: ${name(shown.from, shown.to)}`}
          >
            {name(shown.from, shown.to)}
          </Button>
        </Popover.Target>
        <Popover.Dropdown>
          <div className={style.quick}>
            {QUICK.map((from) => (
              <Button
                key={from}
                size="compact-sm"
                variant={shown.from === from && shown.to === "now" ? "light" : "subtle"}
                color={shown.from === from && shown.to === "now" ? undefined : "gray"}
                onClick={() => {
                  set({ from, to: "now" });
                  setOpened(false);
                }}
              >
                {name(from, "now")}
              </Button>
            ))}
          </div>
          <Fields close={() => setOpened(false)} />
          <p className={`${style.zone} dim small`}>{w("zone", { zone: zone(), offset: offset() })}</p>
        </Popover.Dropdown>
      </Popover>
      {shown.to === "now" && (
        <Tooltip label={live ? w("pause") : w("live")} withArrow>
          <ActionIcon variant="default" size={30} onClick={() => setLive(!live)} aria-label={live ? w("pause") : w("live")} aria-pressed={live}>
            <span className={live ? style.pulse : undefined}>
              <Icon name={live ? "pause" : "play"} size={13} />
            </span>
          </ActionIcon>
        </Tooltip>
      )}
    </div>
  );
}
