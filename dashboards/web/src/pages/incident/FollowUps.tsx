// What is left to do when the fault is over: who does it by when, and the ticket it is tracked by.
import { Button, Checkbox, TextInput } from "@mantine/core";
import { type UseMutationResult, useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { send } from "../../api/client";
import type { FollowUp, Incident } from "../../api/incidents";
import { phrases } from "../../base/language";
import { safeHref } from "../../base/links";
import { TroubleNote } from "../../components/Answered";
import { Panel } from "../../components/Panel";
import { Tag } from "../../components/Tag";
import { When } from "../../components/When";
import style from "./incident.module.css";

const useWords = phrases("followUps", {
  title: ["Follow-ups", "后续事项"],
  none: ["Nothing is left to do. What shall never happen again belongs here.", "暂无后续事项。需要杜绝再次发生的改进项可记录在此。"],
  text: ["What is to be done", "待办内容"],
  owner: ["Who", "负责人"],
  due: ["By", "截止日期"],
  ticket: ["Ticket (https://…)", "工单链接 (https://…)"],
  add: ["Add", "添加"],
  overdue: ["overdue", "已逾期"],
  until: ["by", "截止"],
  done: ["Done: {{text}}", "完成：{{text}}"],
  ticketLink: ["ticket", "工单"],
});

interface Wish {
  number?: number;
  body: Record<string, unknown>;
}

/** Adds one where no number is given, and changes one otherwise. */
function useFollowUps(incident: string): UseMutationResult<unknown, Error, Wish> {
  const client = useQueryClient();
  const path = `/api/v1/incidents/${encodeURIComponent(incident)}/follow-ups`;
  return useMutation<unknown, Error, Wish>({
    mutationFn: ({ number, body }) => (number === undefined ? send("POST", path, body) : send("PUT", `${path}/${number}`, body)),
    onSuccess: () => client.invalidateQueries({ predicate: ({ queryKey: [key] }) => String(key).startsWith("/api/v1/incidents") || key === "/api/v1/follow-ups" }),
  });
}

function Line({ of, wish }: { of: FollowUp; wish: UseMutationResult<unknown, Error, Wish> }) {
  const w = useWords();
  const ticket = safeHref(of.ticket);
  const done = of.state === "done";
  return (
    <li className={style.line}>
      <Checkbox size="xs" checked={done} aria-label={w("done", { text: of.text })} onChange={() => wish.mutate({ number: of.number, body: { done: !done } })} />
      <div className="grow">
        <div className={done ? "dim wrap" : "wrap"}>{of.text}</div>
        <div className="small dim wrap">
          {of.owner && <span>{of.owner} </span>}
          {of.due && (
            <span>
              {w("until")} <When time={of.due} as="both" />{" "}
            </span>
          )}
          {ticket && (
            <a href={ticket} target="_blank" rel="noopener noreferrer">
              {w("ticketLink")}
            </a>
          )}
        </div>
      </div>
      {of.state === "overdue" && <Tag tone="bad">{w("overdue")}</Tag>}
    </li>
  );
}

export function FollowUps({ of }: { of: Incident }) {
  const w = useWords();
  const wish = useFollowUps(of.id);
  const [text, setText] = useState("");
  const [owner, setOwner] = useState("");
  const [due, setDue] = useState("");
  const [ticket, setTicket] = useState("");
  const clear = (): void => [setText, setOwner, setDue, setTicket].forEach((set) => set(""));
  const add = (): void => {
    // The end of that day where the reader is.
    const by = due && new Date(`${due}T23:59:59`).toISOString();
    const body = { text: text.trim(), ...(owner.trim() && { owner: owner.trim() }), ...(by && { due: by }), ...(ticket.trim() && { ticket: ticket.trim() }) };
    wish.mutate({ body }, { onSuccess: clear });
  };
  return (
    <Panel title={w("title")}>
      {of.follow_ups.length === 0 && <p className="dim">{w("none")}</p>}
      <ul className={style.plain}>
        {of.follow_ups.map((followUp) => (
          <Line key={followUp.number} of={followUp} wish={wish} />
        ))}
      </ul>
      {!of.merged_into && (
        <form
          className={style.followUp}
          onSubmit={(event) => {
            event.preventDefault();
            if (text.trim()) add();
          }}
        >
          <TextInput size="xs" value={text} onChange={(event) => setText(event.currentTarget.value)} placeholder={w("text")} aria-label={w("text")} maxLength={4000} className={style.wide} />
          {text && (
            <>
              <TextInput size="xs" value={owner} onChange={(event) => setOwner(event.currentTarget.value)} placeholder={w("owner")} aria-label={w("owner")} maxLength={200} />
              <TextInput size="xs" type="date" value={due} onChange={(event) => setDue(event.currentTarget.value)} aria-label={w("due")} />
              <TextInput size="xs" value={ticket} onChange={(event) => setTicket(event.currentTarget.value)} placeholder={w("ticket")} aria-label={w("ticket")} maxLength={4000} className={style.wide} />
            </>
          )}
          <Button type="submit" size="compact-sm" variant="light" disabled={!text.trim()} loading={wish.isPending}>
            {w("add")}
          </Button>
        </form>
      )}
      {wish.error && <TroubleNote error={wish.error} />}
    </Panel>
  );
}
