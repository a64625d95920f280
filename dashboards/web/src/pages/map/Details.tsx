// What is known of the node or edge that was chosen, who is hurt by it now, and where to go from it.
import { ActionIcon, Button } from "@mantine/core";
import { address } from "../../api/client";
import { useRead } from "../../api/read";
import { useAddress, useWindow } from "../../base/address";
import { count, duration, percent, rate } from "../../base/format";
import { logsHref, serviceHref, tracesHref } from "../../base/links";
import { hurtSql } from "../../base/sameInSql";
import { Answered } from "../../components/Answered";
import { useKind } from "../../components/EntityLink";
import { Go } from "../../components/Go";
import { HealthMark } from "../../components/HealthMark";
import { Icon } from "../../components/Icon";
import { Source } from "../../components/Source";
import { When } from "../../components/When";
import style from "./Details.module.css";
import { type MapEdge, type MapGraph, type MapNode, upstream } from "./model";
import { useMapWords } from "./words";

function Facts({ of }: { of: { rate: number; calls: number; errorRate: number | null; p99: number | null } }) {
  const w = useMapWords();
  return (
    <dl className={style.facts}>
      <dt>{w("calls")}</dt>
      <dd>
        {rate(of.rate)} <span className="dim">({count(of.calls)})</span>
      </dd>
      <dt>{w("errors")}</dt>
      <dd>{percent(of.errorRate)}</dd>
      <dt>p99</dt>
      <dd>{duration(of.p99)}</dd>
    </dl>
  );
}

function Neighbours({ title, edges, end, onSelect }: { title: string; edges: MapEdge[]; end: "from" | "to"; onSelect: (id: string) => void }) {
  if (edges.length === 0) return null;
  return (
    <div>
      <h3>{title}</h3>
      <ul className={style.list}>
        {[...edges]
          .sort((a, b) => b.calls - a.calls)
          .slice(0, 12)
          .map((edge) => (
            <li key={edge.id}>
              <button type="button" className={style.neighbour} onClick={() => onSelect(edge[end])}>
                <HealthMark health={edge.health} />
                <span className="clip grow">{edge[end].slice(edge[end].indexOf(":") + 1)}</span>
                <span className="dim num small nowrap">
                  {rate(edge.rate)} · {duration(edge.p99)}
                </span>
              </button>
            </li>
          ))}
      </ul>
    </div>
  );
}

function Hurt({ node }: { node: MapNode }) {
  const w = useMapWords();
  const { window } = useWindow();
  const query = { node: node.id, ...window, limit: 5 };
  const impact = useRead("/api/v1/graph/impact", { query, every: "live" });
  return (
    <div>
      <div className="row between">
        <h3>{w("impact")}</h3>
        <Source url={address("/api/v1/graph/impact", query)} sql={node.kind === "service" ? hurtSql(window, node.name) : undefined} />
      </div>
      <p className="dim small">{w("impactAbout")}</p>
      <Answered of={impact} lines={2}>
        {(data) => (
          <>
            {data.traces === 0 && <p>{w("impactNone")}</p>}
            {data.traces > 0 && (
              <ul className={style.list}>
                {data.operations.items.map((item) => (
                  <li key={item.service + item.operation}>
                    <Go to={tracesHref({ service: item.service, operation: item.operation, status: "error" })} className="wrap">
                      {item.operation}
                    </Go>
                    <span className="dim num"> {count(item.traces)}</span>
                  </li>
                ))}
              </ul>
            )}
            {data.traces > 0 && (
              <dl className={style.facts}>
                <dt>{w("tenants")}</dt>
                <dd>{count(data.tenants.total)}</dd>
                <dt>{w("users")}</dt>
                <dd>{count(data.users.total)}</dd>
              </dl>
            )}
          </>
        )}
      </Answered>
    </div>
  );
}

export function Details({ graph, selected, onSelect }: { graph: MapGraph; selected: string; onSelect: (id: string | null) => void }) {
  const w = useMapWords();
  const kindWord = useKind();
  const [, change] = useAddress();
  const node = graph.nodes.find((candidate) => candidate.id === selected);
  const edge = node ? undefined : graph.edges.find((candidate) => candidate.id === selected);
  if (!node && !edge) return null;
  const nameOf = (id: string): string => id.slice(id.indexOf(":") + 1);
  const service = node?.kind === "service" ? node.name : edge?.from.startsWith("service:") ? nameOf(edge.from) : null;
  const hurts = node ? upstream(graph, node.id).nodes.size - 1 : 0;
  return (
    <aside className={`${style.details} ${style.over}`}>
      <div className="row between" style={{ flexWrap: "nowrap", alignItems: "flex-start" }}>
        <div className="grow">
          <div className="dim small">{node ? kindWord(node.kind) : w("edge")}</div>
          <h2 className="wrap">{node ? node.name : `${nameOf(edge?.from ?? "")} → ${nameOf(edge?.to ?? "")}`}</h2>
        </div>
        <ActionIcon variant="subtle" color="gray" onClick={() => onSelect(null)} aria-label={w("close")}>
          <Icon name="close" />
        </ActionIcon>
      </div>
      <HealthMark health={(node ?? edge)?.health} label />
      {(node ?? edge)?.gone && (
        <p className="dim">
          {w("gone")} <When time={(node ?? edge)?.gone} as="both" />
        </p>
      )}
      {(node ?? edge)?.declared && <p className="dim">{w("declared")}</p>}
      {node?.cycle && <p className="dim">{w("cycle")}</p>}
      {(node || edge) && <Facts of={(node ?? edge) as MapNode} />}
      <div className="row">
        {node?.kind === "service" && <Go to={serviceHref(node.name)}>{w("openService")}</Go>}
        {service && <Go to={tracesHref({ service })}>{w("openTraces")}</Go>}
        {service && <Go to={tracesHref({ service, status: "error" })}>{w("failedTraces")}</Go>}
        {service && <Go to={logsHref({ service })}>{w("openLogs")}</Go>}
      </div>
      {node && (
        <Button size="compact-sm" variant="light" onClick={() => change({ focus: node.id, hops: "1" }, "push")}>
          {w("focus")}
        </Button>
      )}
      {node && hurts > 0 && <p className="dim small">{w("blast", { count: hurts })}</p>}
      {node && node.kind !== "namespace" && node.kind !== "team" && <Hurt node={node} />}
      {node && <Neighbours title={w("callers")} edges={graph.edges.filter(({ to }) => to === node.id)} end="from" onSelect={onSelect} />}
      {node && <Neighbours title={w("callees")} edges={graph.edges.filter(({ from }) => from === node.id)} end="to" onSelect={onSelect} />}
    </aside>
  );
}
