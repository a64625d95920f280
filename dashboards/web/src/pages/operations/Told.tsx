// One story told: the answer in a breath, what was done and changed, then every step.
import { Button, Checkbox } from "@mantine/core";
import { useMemo } from "react";
import type { Story, StoryOperation } from "../../api/stories";
import { useAddress } from "../../base/address";
import { count, duration } from "../../base/format";
import { between, milliseconds } from "../../base/nanos";
import { storyHref, traceHref } from "../../base/links";
import { type Column, DataTable } from "../../components/DataTable";
import { Go } from "../../components/Go";
import { Icon } from "../../components/Icon";
import { Panel } from "../../components/Panel";
import { Source } from "../../components/Source";
import { Tag } from "../../components/Tag";
import { When } from "../../components/When";
import { Behind } from "./Behind";
import { type Folded, fold } from "./fold";
import { EntityChange, Steps } from "./Steps";
import { bounds, steps, verdict } from "./story";
import style from "./operations.module.css";
import { useStoryWords } from "./words";

/** So many traces and requests are named beside the answer. */
const IDS_SHOWN = 6;

function Answer({ story, folded }: { story: Story; folded: Folded[] }) {
  const w = useStoryWords();
  const said = useMemo(
    () => verdict(story.items, story.operations.some(({ completed }) => !completed), story.operations.map(({ outcome }) => outcome)),
    [story],
  );
  const own = bounds(story.items);
  const fault = said.first;
  return (
    <div className={style.verdict} data-kind={said.kind} role="status">
      <Icon name={said.kind === "well" ? "check" : "incidents"} size={22} />
      <div className="grow">
        <div className={style.said}>{w(said.kind)}</div>
        {said.kind === "well" && <div>{w("wellAbout")}</div>}
        {said.kind === "troubled" && <div>{w("troubledAbout", { count: said.failures })}</div>}
        {(said.kind === "open" || said.kind === "stuck") && <div>{w("openAbout")}</div>}
        {fault && (
          <div>
            <div className="lines-2">{w("firstFault", { service: fault.service, name: fault.name || (fault.text ?? "") })}</div>
            {fault.text && fault.name && <div className={`${style.fault} lines-4`}>{fault.text}</div>}
          </div>
        )}
        {said.kind !== "well" && <Behind of={folded} />}
        <div className="row dim small" style={{ gap: "2px 14px" }}>
          {own && <When time={milliseconds(own.first)} as="both" />}
          {own && <span>{w("took", { duration: duration(between(own.first, own.last)) })}</span>}
          <span>
            {w("traces", { count: story.trace_ids.length })}:{" "}
            {story.trace_ids.slice(0, IDS_SHOWN).map((id) => (
              <Go key={id} to={traceHref(id)} className="mono">
                {id.slice(0, 8)}{" "}
              </Go>
            ))}
          </span>
          {story.request_ids.length > 0 && (
            <span>
              {w("requests", { count: story.request_ids.length })}:{" "}
              {story.request_ids.slice(0, IDS_SHOWN).map((id) => (
                <Go key={id} to={storyHref({ request_id: id })} className="mono">
                  {id}{" "}
                </Go>
              ))}
            </span>
          )}
        </div>
      </div>
    </div>
  );
}

function Outcome({ of }: { of: StoryOperation }) {
  const w = useStoryWords();
  if (!of.completed) return <Tag tone="warn">{w("notDone")}</Tag>;
  if (of.outcome === "success") return <Tag tone="good">{w("success")}</Tag>;
  if (of.outcome === "failure") return <Tag tone="bad">{w("failure")}</Tag>;
  return <Tag>{w("unknownOutcome")}</Tag>;
}

function Operations({ of }: { of: StoryOperation[] }) {
  const w = useStoryWords();
  const columns: Column<StoryOperation>[] = [
    { key: "operation", title: w("operation"), value: (row) => row.operation, cell: (row) => <strong className="lines-2">{row.operation}</strong> },
    { key: "outcome", title: w("outcome"), value: (row) => row.outcome, cell: (row) => <Outcome of={row} /> },
    {
      key: "changed",
      title: w("changed"),
      value: (row) => row.entities.length,
      cell: (row) => (
        <span className={style.changes}>
          {row.entities.map((entity) => (
            <EntityChange key={`${entity.type}${entity.id}${entity.role}`} of={entity} />
          ))}
        </span>
      ),
    },
    { key: "begun", title: w("begun"), value: (row) => row.created, cell: (row) => <When time={row.created} as="clock" />, wide: true },
    { key: "took", title: w("lasted"), value: (row) => row.took_ns, align: "right", cell: (row) => (row.took_ns ? duration(row.took_ns) : "–"), wide: true },
  ];
  return (
    <Panel title={w("operations")} flush>
      <DataTable name="done" label={w("operations")} columns={columns} rows={of} rowKey={(row) => `${row.operation_id}${row.operation}${row.created}`} />
    </Panel>
  );
}

function Others({ story }: { story: Story }) {
  const w = useStoryWords();
  const [search, change] = useAddress();
  const told = Object.keys(search).filter((key) => key.startsWith("attr."));
  if (story.others.length === 0 && told.length === 0 && !search.near) return null;
  return (
    <div className={style.chips}>
      {story.others.length > 0 && <span>{w("others")}</span>}
      {story.others.map((other) => (
        <Button
          key={`${other.from}${other.marks.map(({ value }) => value).join()}`}
          size="compact-sm"
          variant="default"
          onClick={() => {
            const mark = other.marks[0];
            change(mark ? { [`attr.${mark.key}`]: mark.value, near: null } : { near: other.from }, "push");
          }}
        >
          <When time={other.from} as="clock" />
          &nbsp;{other.marks.map(({ key, value }) => `${key} ${value}`).join(", ")}
        </Button>
      ))}
      {(told.length > 0 || search.near) && (
        <Button size="compact-sm" variant="subtle" onClick={() => change(Object.fromEntries([...told, "near"].map((key) => [key, null])), "push")}>
          {w("nearest")}
        </Button>
      )}
    </div>
  );
}

export function Told({ story, url, sql, more, loading }: { story: Story; url: string; sql: string; more?: () => void; loading: boolean }) {
  const w = useStoryWords();
  const [search, change] = useAddress();
  const all = search.technical === "on";
  const folded = useMemo(() => fold(story.items), [story.items]);
  const shown = useMemo(() => steps(folded, all), [folded, all]);
  const said = useMemo(() => verdict(story.items, false, []), [story.items]);
  return (
    <>
      <Others story={story} />
      <Answer story={story} folded={folded} />
      {story.operations.length > 0 && <Operations of={story.operations} />}
      <Panel
        title={w("steps")}
        about={all ? w("stepsAll", { count: folded.length }) : w("stepsAbout", { shown: count(shown.length), count: count(folded.length) })}
        actions={
          <>
            <Checkbox size="xs" label={w("technical")} checked={all} onChange={(event) => change({ technical: event.currentTarget.checked ? "on" : null })} />
            <Source url={url} sql={sql} />
          </>
        }
      >
        <Steps of={shown} marked={said.first} />
        {more && (
          <Button mt={8} size="compact-sm" variant="default" loading={loading} onClick={more}>
            {w("more")}
          </Button>
        )}
      </Panel>
    </>
  );
}
