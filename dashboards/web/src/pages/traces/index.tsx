// Traces: search by anything that spans say, the shape of their durations, and what sets some of them apart.
import { Button, Select } from "@mantine/core";
import { useMemo } from "react";
import { firstPage } from "../../api/pages";
import { useRead, useSql } from "../../api/read";
import { type Chosen, filterOf, filterSql, narrowed, tracesUrl, useTraces } from "../../api/traces";
import { useAddress, useWindow } from "../../base/address";
import { useKeys } from "../../base/keys";
import { parseDuration, writeDuration } from "../../base/nanos";
import { tracesSql } from "../../base/sameInSql";
import { iso, resolve, sqlWindow } from "../../base/time";
import { Answered } from "../../components/Answered";
import { AttributeField, FilterBar, FilterChips, FilterField } from "../../components/FilterBar";
import { PageHead, Panel } from "../../components/Panel";
import { Source } from "../../components/Source";
import { Differences } from "./Differences";
import { HeatMap } from "./HeatMap";
import { heat, heatSql, readRegion, slowest, widthOf, writeRegion } from "./heat";
import { TraceList } from "./List";
import { useTracesWords } from "./words";

const KINDS = ["server", "client", "producer", "consumer", "internal"] as const;
/** The share of spans that are called the slowest. */
const SLOW_SHARE = 0.05;

function Filters() {
  const w = useTracesWords();
  const [search, change] = useAddress();
  const { window } = useWindow();
  const services = useRead("/api/v1/services", { query: { ...window } });
  const operations = useSql(
    `SELECT operation, sum(calls) AS calls FROM red WHERE service = '${(search.service ?? "").replaceAll("'", "''")}' AND ${sqlWindow(window)} GROUP BY 1 ORDER BY 2 DESC LIMIT 200`,
    { when: !!search.service },
  );
  const duration = (text: string): string | null => {
    const ns = parseDuration(text);
    return ns === null ? null : String(ns);
  };
  const shown = (held: string): string => writeDuration(Number(held));
  return (
    <FilterBar>
      <FilterField name="service" label={w("service")} icon="search" width={165} choices={((services.data?.items ?? []) as { name: string }[]).map(({ name }) => name)} />
      <FilterField name="operation" label={w("operation")} width={185} choices={search.service ? (operations.data?.rows ?? []).map(([name]) => String(name)) : []} />
      <Select
        size="xs"
        w={132}
        aria-label={w("kind")}
        allowDeselect={false}
        value={search.kind ?? ""}
        onChange={(value) => change({ kind: value }, "push")}
        data={[{ value: "", label: w("anyKind") }, ...KINDS.map((value) => ({ value, label: w(value) }))]}
      />
      <Select
        size="xs"
        w={112}
        aria-label={w("anyStatus")}
        allowDeselect={false}
        value={search.status ?? ""}
        onChange={(value) => change({ status: value }, "push")}
        data={[
          { value: "", label: w("anyStatus") },
          { value: "error", label: w("failed") },
          { value: "unset", label: w("unset") },
          { value: "ok", label: w("ok") },
        ]}
      />
      <FilterField name="min_duration_ns" label={w("atLeast")} width={142} read={duration} write={shown} fault={w("durationFault")} />
      <FilterField name="max_duration_ns" label={w("atMost")} width={126} read={duration} write={shown} fault={w("durationFault")} />
      <AttributeField table="spans" />
      <FilterChips names={["request_id"]} />
    </FilterBar>
  );
}

/** What the address says was chosen on the heat map. */
function chosenOf(text: string | undefined): Chosen | null {
  if (text === "failed") return { kind: "failed" };
  const slow = /^slow~(\d{1,16})$/.exec(text ?? "");
  if (slow) return { kind: "slow", atLeast: Number(slow[1]) };
  const box = readRegion(text);
  return box && { kind: "region", region: box };
}

export default function Traces() {
  const w = useTracesWords();
  const [search, change] = useAddress();
  const { window, live, set } = useWindow();
  const filter = useMemo(() => filterOf(search), [search]);
  const chosen = useMemo(() => chosenOf(search.sel), [search.sel]);
  const span = resolve(window, Date.now());
  const width = widthOf(span);
  const sql = heatSql(width, [sqlWindow(window), ...filterSql(filter)]);
  const counts = useSql(sql, { every: chosen ? false : "live", limit: 20_000 });
  // The grid begins where the window began when it was counted, so that it does not crawl between answers.
  const grid = useMemo(() => (counts.data ? heat(counts.data, resolve(window, counts.dataUpdatedAt || Date.now()), width) : null), [counts.data, window, width]);
  const asked = narrowed(window, filter, chosen);
  const traces = useTraces(asked.window, asked.filter, live && !chosen);
  const items = useMemo(() => traces.data?.pages.flatMap(({ items: page }) => page) ?? [], [traces.data]);
  useKeys({ Escape: () => search.sel && change({ sel: null }) });
  const choices = (
    <>
      <span className="dim small">{w("choose")}</span>
      <Button size="compact-xs" variant={chosen?.kind === "slow" ? "light" : "default"} disabled={!grid?.total} onClick={() => grid && change({ sel: `slow~${slowest(grid, SLOW_SHARE)}` }, "push")}>
        {w("slowest")}
      </Button>
      <Button size="compact-xs" variant={chosen?.kind === "failed" ? "light" : "default"} onClick={() => change({ sel: "failed" }, "push")}>
        {w("whyFailed")}
      </Button>
      <Source sql={sql} />
    </>
  );
  const box = chosen?.kind === "region" ? chosen.region : chosen?.kind === "slow" ? { ...span, shortest: chosen.atLeast, longest: 1e15 } : null;
  return (
    <>
      <PageHead title={w("title")} />
      <Filters />
      <Panel title={w("heat")} about={w("about")} actions={choices} flush>
        <Answered of={counts} lines={9}>
          {() => grid && <HeatMap of={grid} chosen={box} onChoose={(region) => change({ sel: writeRegion(region) }, "push")} />}
        </Answered>
      </Panel>
      {chosen && (
        <Differences
          window={window}
          filter={filter}
          chosen={chosen}
          actions={
            <>
              {chosen.kind === "region" && (
                <Button size="compact-xs" variant="default" onClick={() => set({ from: iso(chosen.region.from), to: iso(chosen.region.to) })}>
                  {w("zoom")}
                </Button>
              )}
              <Button size="compact-xs" variant="default" onClick={() => change({ sel: null }, "push")}>
                {w("clear")}
              </Button>
            </>
          }
        />
      )}
      <Panel title={chosen ? w("listChosen") : w("list")} actions={<Source url={tracesUrl(asked.window, asked.filter)} sql={tracesSql(asked.window, filterSql(asked.filter))} />} flush>
        <Answered
          of={firstPage(traces)}
          isEmpty={() => items.length === 0}
          missing={{ title: w("none"), about: w("noneAbout"), command: "stormglass demo" }}
          lines={8}
        >
          {() => <TraceList traces={items} />}
        </Answered>
        {traces.hasNextPage && (
          <div className="row" style={{ justifyContent: "center", padding: 10 }}>
            <Button size="compact-sm" variant="default" loading={traces.isFetchingNextPage} onClick={() => void traces.fetchNextPage()}>
              {w("more")}
            </Button>
          </div>
        )}
      </Panel>
    </>
  );
}
