// What to do, what was changed, what happened when, who was told, and what was like it before.
import { Button, Textarea } from "@mantine/core";
import { useState } from "react";
import type { Incident } from "../../api/incidents";
import { useAddress } from "../../base/address";
import { say } from "../../base/language";
import { incidentHref, safeHref, serviceHref } from "../../base/links";
import { TroubleNote } from "../../components/Answered";
import { useChangeKind } from "../../components/ChangeList";
import { deliveryError, deliveryTone, useDeliveryWords } from "../../components/delivery";
import { Go } from "../../components/Go";
import { Panel } from "../../components/Panel";
import { Tag } from "../../components/Tag";
import { When } from "../../components/When";
import type { Acting } from "./act";
import style from "./incident.module.css";
import { useIncidentWords } from "./words";

/** The newest messages; all of them stand in the ledger. */
const TOLD_SHOWN = 5;

export function Advice({ of }: { of: Incident }) {
  const w = useIncidentWords();
  return (
    <Panel title={w("advice")}>
      {of.advice.length === 0 && <p className="dim">{w("noAdvice")}</p>}
      <ol className={style.plain}>
        {of.advice.map((advice, at) => {
          const link = safeHref(advice.url);
          return (
            <li key={`${advice.kind}${at}`} className={style.line}>
              <Tag tone={advice.kind === "rollback" ? "warn" : "info"}>{w(advice.kind as "look")}</Tag>
              <span className="wrap grow">
                {link ? (
                  <a href={link} target="_blank" rel="noopener noreferrer">
                    {say(advice.text)}
                  </a>
                ) : advice.url?.startsWith("/") && !advice.url.startsWith("//") ? (
                  <Go to={advice.url}>{say(advice.text)}</Go>
                ) : (
                  say(advice.text)
                )}
              </span>
            </li>
          );
        })}
      </ol>
    </Panel>
  );
}

export function Changes({ of }: { of: Incident }) {
  const w = useIncidentWords();
  const kind = useChangeKind();
  const sorted = [...of.changes].sort((a, b) => Number(b.suspect) - Number(a.suspect));
  return (
    <Panel title={w("changes")}>
      {sorted.length === 0 && <p className="dim">{w("noChanges")}</p>}
      <ul className={style.plain}>
        {sorted.map((change) => (
          <li key={change.id} className={style.line}>
            <Tag tone={change.suspect ? "bad" : "good"}>{change.suspect ? w("suspect") : w("cleared")}</Tag>
            <div className="grow">
              <div className="wrap">
                {kind(change.kind)} <Go to={serviceHref(change.target)} className="under">{change.target}</Go>{" "}
                <span className="mono">
                  {change.previous_version && `${change.previous_version} → `}
                  {change.version}
                </span>
              </div>
              <div className="small dim wrap">
                {say(change.reason)} · <When time={change.time} as="both" />
              </div>
            </div>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

export function Timeline({ of, acting }: { of: Incident; acting: Acting }) {
  const w = useIncidentWords();
  const [text, setText] = useState("");
  const tell = (): void => acting.mutate({ what: "comment", body: { text } }, { onSuccess: () => setText("") });
  return (
    <Panel title={w("timeline")}>
      <ol className={style.timeline}>
        {of.timeline.map((event, at) => (
          <li key={`${event.time}${at}`} data-kind={event.kind}>
            <span className={style.time}>
              <When time={event.time} as="clock" />
            </span>
            <span className="wrap">
              {say(event.text)}
              {event.actor && <span className="dim"> · {event.actor}</span>}
            </span>
          </li>
        ))}
      </ol>
      <form
        className={style.comment}
        onSubmit={(event) => {
          event.preventDefault();
          if (text.trim()) tell();
        }}
      >
        <Textarea size="xs" autosize={false} rows={2} value={text} onChange={(event) => setText(event.currentTarget.value)} placeholder={w("comment")} aria-label={w("comment")} maxLength={4000} />
        <Button type="submit" size="compact-sm" variant="light" disabled={!text.trim()} loading={acting.isPending && acting.variables.what === "comment"}>
          {w("send")}
        </Button>
      </form>
      {acting.error && acting.variables?.what === "comment" && <TroubleNote error={acting.error} />}
    </Panel>
  );
}

export function Told({ of }: { of: Incident }) {
  const w = useIncidentWords();
  const words = useDeliveryWords();
  const [search, change] = useAddress();
  const nobody = of.notifications.length > 0 && of.notifications.every(({ state }) => state === "nobody");
  return (
    <Panel
      title={w("notifications")}
      actions={
        <Button size="compact-xs" variant="light" onClick={() => change({ message: search.message ? null : "shown" })} aria-expanded={!!search.message}>
          {w("readMessage")}
        </Button>
      }
    >
      {of.notifications.length === 0 && <p className="dim">{w("noNotifications")}</p>}
      <ul className={style.plain}>
        {of.notifications.slice(0, TOLD_SHOWN).map((told, at) => (
          <li key={`${told.time}${told.receiver}${at}`} className={style.line}>
            <When time={told.time} as="clock" />
            <span className="grow wrap">
              {told.receiver && <strong>{told.receiver} </strong>}
              <span className="dim">{words(told.occasion as "opened")}</span>
              {deliveryError(told) && <div className="small wrap">{deliveryError(told)}</div>}
            </span>
            <Tag tone={deliveryTone(told.state)}>{words(told.state as "dead")}</Tag>
          </li>
        ))}
      </ul>
      {nobody && (
        <p className="small dim">
          {w("noReceiver")} <Go to="/routes" className="under">{w("addReceiver")}</Go>
        </p>
      )}
      {of.notifications.length > TOLD_SHOWN && <Go to="/routes">{w("allTold", { count: of.notifications.length })}</Go>}
    </Panel>
  );
}

export function Similar({ of }: { of: Incident }) {
  const w = useIncidentWords();
  if (of.similar.length === 0) return null;
  return (
    <Panel title={w("similar")}>
      <ul className={style.plain}>
        {of.similar.map((other) => (
          <li key={other.id} className={style.line}>
            <div className="grow">
              <Go to={incidentHref(other.id)} className="wrap">
                {say(other.title)}
              </Go>
              {other.helped && <div className="small dim wrap">{other.helped}</div>}
            </div>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
