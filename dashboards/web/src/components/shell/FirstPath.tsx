// The first ten minutes with the demo, one line under the bar of every page: what to do next, and where. It is there
// only where the company runs, ticks what was really done, and goes when it is told to.
import { ActionIcon } from "@mantine/core";
import { useRouterState } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { useFaults, useScorecard } from "../../api/demo";
import { useSql } from "../../api/read";
import { type Path, STEPS, type Step, lookedAt, pathOf } from "../../base/firstPath";
import { phrases } from "../../base/language";
import { incidentHref, storyHref } from "../../base/links";
import { instant } from "../../base/time";
import { Go } from "../Go";
import { Icon } from "../Icon";
import style from "./FirstPath.module.css";

const useWords = phrases("firstPath", {
  name: ["The first ten minutes", "十分钟上手"],
  break: ["Break something", "制造故障"],
  message: ["Read the message", "读通知"],
  cause: ["See cause and impact", "看根因与影响"],
  order: ["Follow one order", "追踪一笔订单"],
  verdict: ["Check the verdict", "核对结论"],
  breakHint: ["This is a company at work. Make one of its parts fail.", "这里有一家正在营业的公司，先让它出一次故障。"],
  messageHint: ["Many alerts rang; this is the one message a group would get.", "很多告警只收敛成一条通知，这就是值班群会收到的内容。"],
  causeHint: ["What is behind it, who is hurt, and why all those alerts are one.", "看看根因是什么、谁受影响、为什么这些告警是同一件事。"],
  orderHint: ["One order that was hurt: every step of it, with the values before and after.", "打开一笔受影响的订单：每一步及其前后值。"],
  verdictHint: ["Hold what you read against the answer key.", "把看到的结论与标准答案对照。"],
  looking: ["Broken. It is found and told within a minute or two…", "故障已触发，一两分钟内会被发现并通知…"],
  allDone: ["Broken, told, understood, followed and confirmed.", "从故障到通知、定位、追踪、核对，全部完成。"],
  done: ["done", "已完成"],
  again: ["Break something else", "再试一个故障"],
  dismiss: ["Hide this path", "不再显示"],
});

const LOOKED = "stormglass-first-path";
const HIDDEN = "stormglass-first-path-hidden";

/** What was looked at is kept for the company that it was of: another one begins anew. */
function kept(company: string): ReadonlySet<string> {
  const [of, ...steps] = recall(LOOKED).split(" ");
  return of === company ? new Set(steps) : NONE;
}

const NONE: ReadonlySet<string> = new Set();

function recall(key: string): string {
  try {
    return localStorage.getItem(key) ?? "";
  } catch {
    return "";
  }
}

function keep(key: string, text: string): void {
  try {
    localStorage.setItem(key, text);
  } catch {
    // A browser that keeps nothing forgets the path when it is closed.
  }
}

/** An order that failed since: the newest. Any page of operations where there is none. */
function useOrder(path: Path): string {
  const wanted = path.next === "order" && !path.waits;
  const since = path.broken ? instant(path.broken.started_at, 0) : null;
  const sql = `SELECT attributes['order.id'] FROM spans WHERE status = 'error' AND attributes['order.id'] IS NOT NULL AND time >= TIMESTAMP '${new Date(since ?? 0).toISOString()}' ORDER BY time DESC LIMIT 1`;
  const found = useSql(sql, { when: wanted && since !== null });
  const order = found.data?.rows[0]?.[0];
  return typeof order === "string" ? storyHref({ key: "order.id", value: order }) : "/operations";
}

function Steps({ path, order }: { path: Path; order: string }) {
  const w = useWords();
  const place: Record<Step, string> = {
    break: "/demo",
    message: path.incident ? `${incidentHref(path.incident)}?message=shown` : "/incidents",
    cause: path.incident ? incidentHref(path.incident) : "/incidents",
    order,
    verdict: "/demo",
  };
  return (
    <ol className={style.steps}>
      {STEPS.map((step, at) => {
        const done = path.done.has(step);
        const here = path.next === step;
        const text = (
          <>
            <span className={style.number} aria-hidden="true">
              {done ? <Icon name="check" size={11} /> : at + 1}
            </span>
            {w(step)}
            {done && <span className="said-only">{w("done")}</span>}
          </>
        );
        const open = done || here && !(path.waits && step !== "verdict");
        return (
          <li key={step} data-done={done || undefined} aria-current={here ? "step" : undefined}>
            {open ? <Go to={place[step]}>{text}</Go> : <span className={style.later}>{text}</span>}
          </li>
        );
      })}
    </ol>
  );
}

export function FirstPath() {
  const w = useWords();
  const [shown, setShown] = useState(() => recall(HIDDEN) === "");
  const location = useRouterState({ select: (state) => state.location });
  const faults = useFaults(false);
  const company = (faults.data?.items.length ?? 0) > 0;
  const card = useScorecard(shown && company);
  const opened = card.data?.opened_at ?? "";
  const [looked, setLooked] = useState(NONE);
  useEffect(() => setLooked(kept(opened)), [opened]);
  const path = pathOf(card.data?.items ?? [], looked as ReadonlySet<Step>);
  const order = useOrder(path);
  const add = (...more: string[]): void =>
    setLooked((before) => {
      const all = new Set([...before, ...more]);
      keep(LOOKED, [opened, ...all].join(" "));
      return all;
    });
  const hide = (): void => {
    keep(HIDDEN, "yes");
    setShown(false);
  };
  useEffect(() => {
    if (!path.incident || !shown || !opened) return;
    const seen = lookedAt(location.pathname, location.search as Record<string, string>, path).filter((step) => !looked.has(step));
    if (seen.length > 0) add(...seen);
  });
  if (!shown || !company || !card.data) return null;
  const hint = path.next === null ? w("allDone") : path.waits && path.next !== "verdict" ? w("looking") : w(`${path.next}Hint` as "breakHint");
  return (
    <nav className={style.path} aria-label={w("name")}>
      <Steps path={path} order={order} />
      <span className={style.hint} role="status">
        {hint} {path.next === null && <Go to="/demo" className="under">{w("again")}</Go>}
      </span>
      <ActionIcon className={style.close} size="sm" variant="subtle" color="gray" onClick={hide} aria-label={w("dismiss")} title={w("dismiss")}>
        <Icon name="close" size={13} />
      </ActionIcon>
    </nav>
  );
}
