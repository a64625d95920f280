// One log record: its whole text, what it bears, and the ways to its trace, its story and the records around it.
import { ActionIcon } from "@mantine/core";
import type { LogRecord } from "../../api/records";
import { around } from "../../base/time";
import { during, logsHref, metricsHref, storyHref, traceHref } from "../../base/links";
import { Attributes } from "../../components/Attributes";
import { Copy } from "../../components/Copy";
import { Go } from "../../components/Go";
import { Icon } from "../../components/Icon";
import { ServiceName } from "../../components/ServiceName";
import { When } from "../../components/When";
import { Level } from "./Level";
import style from "./logs.module.css";
import { useLogsWords } from "./words";

/** What is around a record is looked for this near. */
const NEAR_MS = 30e3;

/** JSON is easier to read broken into lines. */
function readable(body: string): string {
  if (!/^\s*[[{]/.test(body)) return body;
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}

export function Detail({ of, onClose }: { of: LogRecord; onClose: () => void }) {
  const w = useLogsWords();
  const near = during(around(of.time, NEAR_MS));
  const body = readable(of.body ?? "");
  const facts = {
    ...(of.event_name ? { [w("event")]: of.event_name } : {}),
    ...(of.scope ? { [w("scope")]: of.scope } : {}),
    ...(of.request_id ? { [w("request")]: of.request_id } : {}),
    ...(of.observed_time ? { [w("observed")]: of.observed_time } : {}),
    ...(of.flags ? { [w("flags")]: of.flags } : {}),
  };
  const similar = (prefix: string) => (key: string, value: string) => logsHref({ [`${prefix}${key}`]: value });
  return (
    <aside className={style.side} aria-label={w("text")}>
      <div className="row between" style={{ flexWrap: "nowrap", alignItems: "flex-start" }}>
        <div className="row grow">
          <Level of={of} />
          <ServiceName name={of.service} />
          <When time={of.time} as="both" />
        </div>
        <ActionIcon variant="subtle" color="gray" onClick={onClose} aria-label={w("close")}>
          <Icon name="close" />
        </ActionIcon>
      </div>
      <div>
        <pre className={style.text}>{body}</pre>
        <Copy text={of.body ?? ""} />
      </div>
      <div className="row" style={{ gap: "2px 14px" }}>
        {of.trace_id ? (
          <>
            <Go to={traceHref(of.trace_id, { span: of.span_id ?? undefined })}>{w("toTrace")}</Go>
            <Go to={logsHref({ trace_id: of.trace_id })}>{w("sameTrace")}</Go>
          </>
        ) : (
          <span className="dim">{w("noTrace")}</span>
        )}
        <Go to={logsHref({ ...near, service: of.service })}>{w("around")}</Go>
        {of.request_id && <Go to={storyHref({ request_id: of.request_id })}>{w("story")}</Go>}
        <Go to={metricsHref({ ...during(around(of.time)), service: of.service })}>{w("metrics")}</Go>
      </div>
      {Object.keys(facts).length > 0 && <Attributes of={facts} />}
      <section>
        <h3>{w("attributes")}</h3>
        <Attributes of={of.attributes} similar={similar("attr.")} />
      </section>
      <section>
        <h3>{w("resource")}</h3>
        <Attributes of={of.resource} similar={similar("resource.")} />
      </section>
    </aside>
  );
}
