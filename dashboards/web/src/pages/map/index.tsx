// The map of who calls whom: sized by traffic, coloured by health, compared in time, walked by clicks.
import { Skeleton } from "@mantine/core";
import { Suspense, lazy, useCallback, useMemo } from "react";
import { address } from "../../api/client";
import { useStretch } from "../../api/covered";
import { useRead } from "../../api/read";
import { useAddress, useWindow } from "../../base/address";
import { useKeys } from "../../base/keys";
import { graphSql } from "../../base/sameInSql";
import { type Window, before, iso, resolve } from "../../base/time";
import { Answered, Partial } from "../../components/Answered";
import { PageHead } from "../../components/Panel";
import { Source } from "../../components/Source";
import { Details } from "./Details";
import { Differences, differenceWords } from "./Differences";
import { Lanes } from "./Lanes";
import style from "./map.module.css";
import { EDGES_DRAWN_MAX, collapse, nodeId, read, written } from "./model";
import { Toolbar } from "./Toolbar";
import { useMapWords } from "./words";

const Canvas = lazy(() => import("./Canvas"));
const SHIFTS: Record<string, number> = { "1h": 3600e3, "1d": 86_400e3, "7d": 7 * 86_400e3 };

/** The window that this one is compared with. */
function baseOf(window: Window, base: string): Window {
  const shift = SHIFTS[base];
  if (!shift) return before(window, Date.now());
  const { from, to } = resolve(window, Date.now());
  return { from: iso(from - shift), to: iso(to - shift) };
}

/** Both groups as the server takes them; null until both are written. */
function cohorts(a: string | undefined, b: string | undefined): Record<string, string> | null {
  const [one, other] = [written(a), written(b)];
  return one && other ? { [`a.attr.${one[0]}`]: one[1], [`b.attr.${other[0]}`]: other[1] } : null;
}

function useGraph() {
  const [search] = useAddress();
  const { window } = useWindow();
  const query = { ...window, level: search.level, focus: search.focus, hops: search.focus ? (search.hops ?? "1") : undefined, lane: search.lane };
  const graph = useRead("/api/v1/graph", { query, every: "live" });
  const groups = search.base === "cohorts";
  const pair = groups ? cohorts(search.a, search.b) : null;
  const base = search.base && !groups ? baseOf(window, search.base) : null;
  // Of a live page the base stays where it was until the minute turns, so that the question is not new each time.
  const minute = (text: string): string => iso(Math.floor(Date.parse(text) / 60e3) * 60e3);
  const difference = useRead("/api/v1/graph/diff", {
    query: { ...window, level: search.level, ...(pair ?? { lane: search.lane, base_from: base && minute(base.from), base_to: base && minute(base.to) }) },
    when: base !== null || pair !== null,
    every: "live",
  });
  return { graph, difference: base || pair ? difference : undefined, groups, url: address("/api/v1/graph", query) };
}

/** The node of the address: `kind:name` as the map knows it, or a bare name of any kind. */
const known = (wanted: string | undefined, ids: string[]): string | null =>
  wanted ? (ids.find((id) => id === wanted) ?? ids.find((id) => id === nodeId("service", wanted)) ?? ids.find((id) => id.endsWith(`:${wanted}`)) ?? null) : null;

export default function MapPage() {
  const w = useMapWords();
  const [search, change] = useAddress();
  const { window } = useWindow();
  const { graph: answer, difference: compared, groups, url } = useGraph();
  const difference = compared?.data;
  const by = search.collapse === "namespace" || search.collapse === "team" ? search.collapse : null;
  const stretch = useStretch();
  const graph = useMemo(() => (answer.data ? (by ? collapse(answer.data, by, stretch) : read(answer.data, stretch)) : null), [answer.data, by, stretch]);
  const differences = useMemo(() => differenceWords(difference, groups, w), [difference, groups, w]);
  const ids = useMemo(() => [...(graph?.nodes ?? []), ...(graph?.edges ?? [])].map(({ id }) => id), [graph]);
  const selected = known(search.node, ids);
  const select = useCallback((id: string | null) => change({ node: id }), [change]);
  useKeys({ Escape: () => select(null) });
  const tooMany = graph && graph.edges.length > EDGES_DRAWN_MAX;
  return (
    <>
      <PageHead
        title={w("title")}
        about={graph ? w("counts", { nodes: graph.nodes.length, edges: graph.edges.length }) : w("legend")}
        actions={<Source url={url} sql={graphSql(window)} />}
      />
      <Toolbar />
      {tooMany && <Partial reason={w("many", { shown: EDGES_DRAWN_MAX, count: graph.edges.length })} />}
      <div className={style.stage}>
        <div className={style.canvas}>
          <Answered
            of={answer}
            lines={8}
            isEmpty={(data) => data.nodes.length === 0}
            missing={{ title: w("none"), about: w("noneAbout"), command: "stormglass demo" }}
          >
            {() => (
              <Suspense fallback={<Skeleton height="100%" />}>
                {graph && (
                  <Canvas
                    graph={graph}
                    selected={selected}
                    found={search.find ?? ""}
                    differences={differences}
                    onSelect={select}
                    scene={`${search.level}|${search.focus}|${search.hops}|${by}`}
                    label={w("title")}
                  />
                )}
              </Suspense>
            )}
          </Answered>
        </div>
        {graph && selected ? (
          <Details graph={graph} selected={selected} onSelect={select} />
        ) : (
          (compared || groups) && <Differences of={compared} groups={groups} onSelect={select} />
        )}
      </div>
      {graph && graph.nodes.length > 0 && <p className={`dim small ${style.legend}`}>{w("legend")}</p>}
      {answer.data && <Lanes of={answer.data.lanes} />}
    </>
  );
}
