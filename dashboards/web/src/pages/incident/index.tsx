// One incident on one screen: what is behind it, who is hurt, what to do, and why its alerts are one.
import { Button, Popover, TextInput } from "@mantine/core";
import { useParams } from "@tanstack/react-router";
import { useState } from "react";
import { address } from "../../api/client";
import { type Incident, useIncident } from "../../api/incidents";
import { useSession } from "../../api/session";
import { say, useLanguage } from "../../base/language";
import { incidentHref } from "../../base/links";
import { incidentSql } from "../../base/sameInSql";
import { Answered, TroubleNote } from "../../components/Answered";
import { Go } from "../../components/Go";
import { IncidentStateTag } from "../../components/IncidentLine";
import { PageHead } from "../../components/Panel";
import { Severity } from "../../components/Severity";
import { Source } from "../../components/Source";
import { When } from "../../components/When";
import { type Acting, useAct } from "./act";
import { Causes } from "./Causes";
import { Clocks } from "./Clocks";
import { FollowUps } from "./FollowUps";
import { Impact } from "./Impact";
import { Message } from "./Message";
import style from "./incident.module.css";
import { Advice, Changes, Similar, Timeline, Told } from "./Side";
import { Why } from "./Why";
import { useIncidentWords } from "./words";

function Assign({ of, acting }: { of: Incident; acting: Acting }) {
  const w = useIncidentWords();
  const me = useSession().data?.user ?? "";
  const [opened, setOpened] = useState(false);
  const [who, setWho] = useState(of.assignee ?? me);
  return (
    <Popover opened={opened} onChange={setOpened} position="bottom-end" shadow="md" trapFocus>
      <Popover.Target>
        <Button size="xs" variant="default" onClick={() => setOpened((shown) => !shown)}>
          {w("assign")}
        </Button>
      </Popover.Target>
      <Popover.Dropdown>
        <form
          className="row"
          style={{ alignItems: "flex-end" }}
          onSubmit={(event) => {
            event.preventDefault();
            acting.mutate({ what: "assign", body: { assignee: who.trim() } });
            setOpened(false);
          }}
        >
          <TextInput size="xs" label={w("assignTo")} value={who} onChange={(event) => setWho(event.currentTarget.value)} maxLength={200} data-autofocus />
          <Button type="submit" size="xs" disabled={!who.trim()}>
            {w("assign")}
          </Button>
        </form>
      </Popover.Dropdown>
    </Popover>
  );
}

function Head({ of, acting }: { of: Incident; acting: Acting }) {
  const w = useIncidentWords();
  return (
    <PageHead
      title={say(of.title)}
      about={
        <div className={style.head}>
          <Severity of={of.severity} />
          <IncidentStateTag state={of.state} />
          <span className="mono">{of.id}</span>
          <span>
            {w("opened")} <When time={of.opened_at} as="both" />
          </span>
          <span>{of.assignee ? w("assigned", { who: of.assignee }) : w("nobody")}</span>
          {of.team && <span>{w("team", { team: of.team })}</span>}
          {of.reopened > 0 && <span>{w("reopened", { count: of.reopened })}</span>}
          <Source url={address("/api/v1/incidents/{id}", {}, { id: of.id })} sql={incidentSql(of.id)} />
        </div>
      }
      actions={
        of.state !== "resolved" && (
          <>
            {of.state === "open" && (
              <Button size="xs" onClick={() => acting.mutate({ what: "ack" })} loading={acting.isPending && acting.variables.what === "ack"}>
                {w("ack")}
              </Button>
            )}
            <Assign of={of} acting={acting} />
            <Button size="xs" variant="default" onClick={() => acting.mutate({ what: "resolve" })} loading={acting.isPending && acting.variables.what === "resolve"}>
              {w("resolve")}
            </Button>
          </>
        )
      }
    />
  );
}

function Body({ of }: { of: Incident }) {
  const w = useIncidentWords();
  const acting = useAct(of.id);
  const head = acting.error && ["ack", "assign", "resolve", "feedback"].includes(acting.variables?.what ?? "");
  return (
    <>
      <Head of={of} acting={acting} />
      {head && <TroubleNote error={acting.error} />}
      {of.merged_into && (
        <div className={style.merged} role="status">
          {w("mergedInto")} <Go to={incidentHref(of.merged_into)}>{of.merged_into}</Go>
        </div>
      )}
      {!of.merged_into && <Clocks of={of} />}
      <Message id={of.id} />
      <div className={style.columns}>
        <div className="stack">
          <Causes of={of} acting={acting} />
          <Impact of={of} />
        </div>
        <div className="stack">
          <Advice of={of} />
          <Changes of={of} />
          <Timeline of={of} acting={acting} />
          <FollowUps of={of} />
          <Told of={of} />
          <Similar of={of} />
        </div>
      </div>
      {!of.merged_into && <Why of={of} acting={acting} />}
    </>
  );
}

function One({ id }: { id: string }) {
  const w = useIncidentWords();
  useLanguage();
  const incident = useIncident(id);
  return (
    <>
      <Go to="/incidents" className="small">
        ← {w("all")}
      </Go>
      {!incident.data && <PageHead title={id} />}
      <Answered of={incident} lines={10}>
        {(data) => <Body of={data} />}
      </Answered>
    </>
  );
}

export default function IncidentPage() {
  const { id = "" } = useParams({ strict: false }) as { id?: string };
  return <One key={id} id={id} />;
}
