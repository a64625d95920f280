// What stands in the place of an answer until it is there: waiting, trouble in words, or nothing with the one
// command that fills it. What was shown before stays while it is asked again.
import { Button, Skeleton } from "@mantine/core";
import type { UseQueryResult } from "@tanstack/react-query";
import { type ReactNode, useEffect, useState } from "react";
import { Problem, type Trouble } from "../api/client";
import { phrases } from "../base/language";
import { Copy } from "./Copy";
import { Icon } from "./Icon";
import style from "./Answered.module.css";

const useWords = phrases("answered", {
  waiting: ["Still working on it ({{seconds}} s)…", "仍在处理（{{seconds}} 秒）…"],
  again: ["Try again", "重试"],
  stale: ["Shown as it was before: {{why}}", "显示的是之前的结果：{{why}}"],
  unreachable: ["The server does not answer. This page asks again by itself.", "服务器没有应答，页面会自动重试。"],
  slow: ["The answer took too long. A shorter window of time helps.", "查询超时。缩短时间范围会更快。"],
  expired: ["Please sign in. What you typed is kept.", "请登录，已输入的内容会保留。"],
  forbidden: ["Your role may not see or do this.", "你的角色没有此权限。"],
  refused: ["The server did not accept this.", "服务器不接受这个请求。"],
  missing: ["There is nothing of this name here.", "这里没有这个对象。"],
  busy: ["The server is busy. Try again in a moment.", "服务器繁忙，请稍后再试。"],
  failed: ["The server failed on this question.", "服务器处理此请求时出错。"],
  partial: ["Not everything is shown", "结果不完整"],
});

/** Trouble in the words of the page's language, then what the server said. */
export function useTrouble(): (error: unknown) => { text: string; detail: string; trouble: Trouble } {
  const w = useWords();
  return (error) => {
    if (error instanceof Problem) return { text: w(error.trouble), detail: error.detail || error.title, trouble: error.trouble };
    return { text: w("failed"), detail: error instanceof Error ? error.message : String(error), trouble: "failed" };
  };
}

/** A sentence of trouble beside what it is about. */
export function TroubleNote({ error, again }: { error: unknown; again?: () => void }) {
  const w = useWords();
  const { text, detail } = useTrouble()(error);
  return (
    <div className={style.trouble} role="alert">
      <Icon name="incidents" />
      <div className="grow">
        <strong>{text}</strong>
        {detail && <div className={`${style.detail} wrap`}>{detail}</div>}
      </div>
      {again && (
        <Button size="compact-sm" variant="default" onClick={again}>
          {w("again")}
        </Button>
      )}
    </div>
  );
}

/** Says that an answer is not all there is, and why. */
export function Partial({ reason }: { reason: string | null | undefined }) {
  const w = useWords();
  return (
    <div className={style.partial} role="status">
      <strong>{w("partial")}</strong>
      {reason && <span className="wrap">: {reason}</span>}
    </div>
  );
}

export interface Missing {
  /** What is not there. */
  title: ReactNode;
  /** Why that may be. */
  about?: ReactNode;
  /** The one command that fills the page. */
  command?: string;
  action?: ReactNode;
}

export function Empty({ title, about, command, action }: Missing) {
  return (
    <div className={style.empty}>
      <div className={style.emptyTitle}>{title}</div>
      {about && <div className="dim">{about}</div>}
      {command && (
        <div className={style.command}>
          <code className="wrap">{command}</code>
          <Copy text={command} />
        </div>
      )}
      {action}
    </div>
  );
}

function Waiting({ lines }: { lines: number }) {
  const w = useWords();
  const [seconds, setSeconds] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setSeconds((passed) => passed + 1), 1000);
    return () => clearInterval(timer);
  }, []);
  return (
    <div className={style.waiting} aria-busy="true">
      {Array.from({ length: lines }, (_, line) => (
        <Skeleton key={line} height={13} width={`${92 - ((line * 17) % 40)}%`} radius="sm" />
      ))}
      {seconds >= 3 && <div className="dim small">{w("waiting", { seconds })}</div>}
    </div>
  );
}

interface AnsweredProps<T> {
  of: UseQueryResult<T, Error>;
  /** What to say when nothing came; not asked for when `isEmpty` is not given. */
  missing?: Missing;
  isEmpty?: (data: T) => boolean;
  lines?: number;
  children: (data: T) => ReactNode;
}

export function Answered<T>({ of, missing, isEmpty, lines = 4, children }: AnsweredProps<T>) {
  const w = useWords();
  const tell = useTrouble();
  const again = (): void => void of.refetch();
  if (of.data === undefined) {
    if (of.error) return <TroubleNote error={of.error} again={again} />;
    return <Waiting lines={lines} />;
  }
  const said = of.data as { complete?: boolean; incomplete_reason?: string | null } | null;
  return (
    <>
      {of.error && (
        <div className={style.partial} role="status">
          {w("stale", { why: tell(of.error).text })}
        </div>
      )}
      {said?.complete === false && <Partial reason={said.incomplete_reason} />}
      {missing && isEmpty?.(of.data) ? <Empty {...missing} /> : children(of.data)}
    </>
  );
}
