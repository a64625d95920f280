// Other traces of the same story: before and after this one, and why they belong.
import type { Related, Trace } from "../../api/traces";
import { duration } from "../../base/format";
import { between, exact } from "../../base/nanos";
import { storyHref, traceHref } from "../../base/links";
import { Empty } from "../../components/Answered";
import { Go } from "../../components/Go";
import { Panel } from "../../components/Panel";
import { ServiceName } from "../../components/ServiceName";
import { Tag } from "../../components/Tag";
import style from "./Story.module.css";
import { useTraceWords } from "./words";

interface Neighbour {
  id: string;
  first: Related;
  why: Related[];
}

/** One entry per trace, by time. */
export function neighbours(related: Related[]): Neighbour[] {
  const by = new Map<string, Neighbour>();
  for (const one of related) {
    const known = by.get(one.trace_id);
    if (!known) by.set(one.trace_id, { id: one.trace_id, first: one, why: [one] });
    else known.why.push(one);
  }
  return [...by.values()].sort((a, b) => (a.first.time ?? "").localeCompare(b.first.time ?? ""));
}

const WHY = { link: "whyLink", linked_by: "whyLinkedBy", message: "whyMessage", request: "whyRequest" } as const;

export function Story({ trace, related }: { trace: Trace; related: Related[] }) {
  const w = useTraceWords();
  const found = neighbours(related);
  const start = exact(trace.start);
  return (
    <Panel title={w("related")} actions={<Go to={storyHref({ trace_id: trace.trace_id })}>{w("wholeStory")}</Go>}>
      {found.length === 0 && <Empty title={w("noRelated")} about={w("noRelatedAbout")} />}
      <ol className={style.list}>
        {found.map(({ id, first, why }) => {
          const apart = first.time ? between(start, exact(first.time)) : null;
          return (
            <li key={id} className={style.item}>
              <span className="num nowrap dim">{apart === null ? "" : `${duration(Math.abs(apart))} ${apart < 0 ? w("earlier") : w("later")}`}</span>
              <span className="grow">
                <Go to={traceHref(id, { span: first.other_span_id ?? undefined })}>{first.operation ?? <span className="mono">{id}</span>}</Go>{" "}
                {first.service && <ServiceName name={first.service} />}
              </span>
              <span className="row">
                {[...new Map(why.map((one) => [`${one.why}${one.value}`, one])).values()].map((one) => (
                  <Tag key={`${one.why}${one.value}`} tone="info" title={one.value ?? undefined}>
                    {w(WHY[one.why as keyof typeof WHY] ?? "whyLink")}
                  </Tag>
                ))}
              </span>
            </li>
          );
        })}
      </ol>
    </Panel>
  );
}
