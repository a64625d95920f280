// One service: how it does, what it serves, on whom it leans and who leans on it, what was changed.
import { Button } from "@mantine/core";
import { useParams } from "@tanstack/react-router";
import { useIncidents } from "../../api/incidents";
import { useRead } from "../../api/read";
import type { Service } from "../../api/types";
import { useAddress, useWindow } from "../../base/address";
import { useKeys } from "../../base/keys";
import { logsHref, mapHref, metricsHref, safeHref, tracesHref } from "../../base/links";
import { Answered, Empty } from "../../components/Answered";
import { ChangeList, once, useMarks } from "../../components/ChangeList";
import { Go } from "../../components/Go";
import { HealthMark } from "../../components/HealthMark";
import { IncidentLine } from "../../components/IncidentLine";
import { PageHead, Panel } from "../../components/Panel";
import { RedCharts } from "../../components/RedCharts";
import { Tag } from "../../components/Tag";
import { When } from "../../components/When";
import { Dependencies } from "./Dependencies";
import { Instances } from "./Instances";
import { Operations } from "./Operations";
import { Runtime } from "./Runtime";
import style from "./service.module.css";
import { useServiceWords } from "./words";

function Owner({ service }: { service: Service }) {
  const w = useServiceWords();
  const runbook = safeHref(service.runbook);
  const repository = safeHref(service.repository);
  return (
    <>
      {service.team && (
        <span>
          {w("team")}: <strong>{service.team}</strong>
        </span>
      )}
      {service.owner ? (
        <span>
          {w("owner")}: <strong>{service.owner}</strong>
        </span>
      ) : (
        <span className="dim">{w("unowned")}</span>
      )}
      {service.importance && <Tag tone={service.importance === "critical" ? "warn" : "plain"}>{w(service.importance as "critical")}</Tag>}
      {runbook && (
        <a href={runbook} target="_blank" rel="noopener noreferrer">
          {w("runbook")}
        </a>
      )}
      {repository && (
        <a href={repository} target="_blank" rel="noopener noreferrer">
          {w("repository")}
        </a>
      )}
    </>
  );
}

function Standing({ name, service }: { name: string; service: Service | undefined }) {
  const w = useServiceWords();
  if (!service) return <span className="dim">{w("unseen", { name })}</span>;
  return (
    <div className={style.head}>
      <HealthMark health={service.health} label />
      {service.gone_since && (
        <span style={{ color: "var(--failing)" }}>
          {w("gone")} <When time={service.gone_since} as="both" />
        </span>
      )}
      {service.versions.map((version) => (
        <Tag key={version.version ?? ""}>
          <span className="mono">{version.version ?? "?"}</span> ×{version.instances}
        </Tag>
      ))}
      <Owner service={service} />
    </div>
  );
}

function ServiceBody({ name }: { name: string }) {
  const w = useServiceWords();
  const { window } = useWindow();
  const [search, change] = useAddress();
  const services = useRead("/api/v1/services", { query: { ...window }, every: "live" });
  const changes = useRead("/api/v1/changes", { query: { ...window, target: name, limit: 50 }, every: "live" });
  const incidents = useIncidents({ service: name, ...window, limit: 10 }, { every: "live" });
  const marks = useMarks(changes.data?.items);
  const operation = search.operation;
  useKeys({ Escape: () => change({ operation: null }) });
  return (
    <>
      <PageHead
        title={name}
        about={services.data && <Standing name={name} service={services.data.items.find((service) => service.name === name)} />}
        actions={
          <div className={style.links}>
            <Go to={mapHref({ focus: `service:${name}`, node: `service:${name}`, hops: 1 })}>{w("map")}</Go>
            <Go to={tracesHref({ service: name })}>{w("traces")}</Go>
            <Go to={tracesHref({ service: name, status: "error" })}>{w("failed")}</Go>
            <Go to={logsHref({ service: name })}>{w("logs")}</Go>
            <Go to={metricsHref({ service: name })}>{w("metrics")}</Go>
          </div>
        }
      />
      {operation && (
        <div className="row">
          <Tag tone="info">
            <span className="wrap">{w("only", { operation })}</span>
          </Tag>
          <Button size="compact-xs" variant="subtle" onClick={() => change({ operation: null }, "push")}>
            {w("all")}
          </Button>
        </div>
      )}
      <RedCharts of={{ service: name, operation }} marks={marks} />
      <Operations service={name} />
      <Dependencies service={name} />
      <Instances service={name} />
      <div className="columns">
        <Panel title={w("releases")}>
          <Answered of={changes}>
            {(data) => (data.items.length > 0 ? <ChangeList changes={once(data.items)} /> : <Empty title={w("noChanges")} />)}
          </Answered>
        </Panel>
        <Panel title={w("incidents")}>
          <Answered of={incidents} isEmpty={(data) => data.items.length === 0} missing={{ title: w("noIncidents") }}>
            {(data) => data.items.map((incident) => <IncidentLine key={incident.id} of={incident} />)}
          </Answered>
        </Panel>
      </div>
      <Runtime service={name} />
    </>
  );
}

export default function ServicePage() {
  const { name = "" } = useParams({ strict: false }) as { name?: string };
  return <ServiceBody key={name} name={name} />;
}
