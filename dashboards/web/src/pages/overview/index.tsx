// The estate at a glance: is anything burning, where, since which change, who feels it, and is all data there.
import { useIncidents } from "../../api/incidents";
import { useRead } from "../../api/read";
import { useRed } from "../../api/red";
import type { Service } from "../../api/types";
import { useWindow } from "../../base/address";
import { count, duration, percent, rate } from "../../base/format";
import { resolve } from "../../base/time";
import { Answered } from "../../components/Answered";
import { ChangeList, once, useMarks } from "../../components/ChangeList";
import { Figure, Figures } from "../../components/Figure";
import { Go } from "../../components/Go";
import { IncidentLine } from "../../components/IncidentLine";
import { PageHead, Panel } from "../../components/Panel";
import { RedCharts } from "../../components/RedCharts";
import { Business } from "./Business";
import { HealthBoard } from "./HealthBoard";
import { Tenants } from "./Tenants";
import { useOverviewWords } from "./words";
import style from "./overview.module.css";

const CHANGES_SHOWN = 4;
const INCIDENTS_SHOWN = 4;
const NOW_BUCKETS = 3;
/** A mean over the window is said when so much of it has telemetry. */
const WHOLE = 0.8;

function estate(services: Service[]) {
  const calls = services.reduce((sum, service) => sum + service.calls, 0);
  const errors = services.reduce((sum, service) => sum + service.errors, 0);
  const slowest = services.reduce<Service | null>((worst, service) => ((service.p99_ns ?? 0) > (worst?.p99_ns ?? 0) ? service : worst), null);
  return {
    failing: services.filter((service) => service.health === "failing").length,
    degraded: services.filter((service) => service.health === "degraded").length,
    rate: services.reduce((sum, service) => sum + service.rate, 0),
    errorShare: calls > 0 ? errors / calls : null,
    slowest,
  };
}

/** The newest full buckets of the charts below: what the whole window says is too late, and too little in its first minutes. */
function useNow(): { rate: number; errorShare: number | null; whole: boolean } | null {
  const { window } = useWindow();
  const { series } = useRed(window, {});
  const rates = series?.rate.slice(-NOW_BUCKETS) ?? [];
  if (!series || rates.length === 0) return null;
  const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0);
  const [calls, errors] = [sum(rates), sum(series.errorRate.slice(-NOW_BUCKETS))];
  const { from, to } = resolve(window, Date.now());
  return { rate: calls / rates.length, errorShare: calls > 0 ? errors / calls : null, whole: series.times.length * series.width * 1e3 >= WHOLE * (to - from) };
}

/** Figures are dashes until they are known: a nought would be a statement. */
function Headline({ known, open }: { known: Service[] | undefined; open: number | null }) {
  const w = useOverviewWords();
  const services = known ?? [];
  const ledger = useRead("/api/v1/ledger", { every: "live" });
  const now = useNow();
  const { failing, degraded, rate: perSecond, errorShare, slowest } = estate(services);
  const sums = (ledger.data?.items ?? []).reduce(
    (sum, account) => ({
      received: sum.received + account.received,
      behind: sum.behind + account.received - account.refused - account.repeated - account.queryable,
      refused: sum.refused + account.refused,
    }),
    { received: 0, behind: 0, refused: 0 },
  );
  const note = sums.behind !== 0 ? w("ledgerGap", { count: count(sums.behind) }) : sums.refused > 0 ? w("ledgerRefused", { count: count(sums.refused) }) : w("ledgerGood");
  return (
    <Figures>
      <Figure
        name={w("services")}
        value={known ? count(services.length) : "–"}
        tone={failing > 0 ? "bad" : degraded > 0 ? "warn" : "plain"}
        note={failing + degraded > 0 ? [failing && w("failingNote", { count: failing }), degraded && w("degradedNote", { count: degraded })].filter(Boolean).join(" · ") : services.length > 0 ? w("allWell") : undefined}
      />
      <Figure name={w("incidents")} value={open === null ? "–" : count(open)} tone={open ? "bad" : "plain"} note={open !== 0 ? undefined : failing + degraded > 0 ? w("incidentsSoon") : w("incidentsNone")} />
      <Figure name={w("rate")} value={now ? rate(now.rate) : "–"} note={known && now?.whole ? w("rateNote", { rate: rate(perSecond) }) : undefined} />
      <Figure
        name={w("errors")}
        value={percent(now?.errorShare)}
        tone={(now?.errorShare ?? 0) > 0.01 ? "bad" : "plain"}
        note={errorShare === null || !now?.whole ? undefined : w("errorsNote", { share: percent(errorShare) })}
      />
      <Figure name={w("slow")} value={duration(slowest?.p99_ns)} note={slowest?.name} />
      <Figure name={w("ledger")} value={ledger.data ? count(sums.received) : "–"} tone={!ledger.data ? "plain" : sums.behind !== 0 ? "warn" : "good"} note={ledger.data && note} />
    </Figures>
  );
}

function OpenIncidents({ incidents }: { incidents: ReturnType<typeof useIncidents> }) {
  const w = useOverviewWords();
  return (
    <Panel title={w("openIncidents")} actions={<Go to="/incidents">{w("allIncidents")}</Go>}>
      <Answered of={incidents} isEmpty={(data) => data.items.length === 0} missing={{ title: w("noIncidents"), about: w("noIncidentsAbout") }}>
        {(data) => data.items.slice(0, INCIDENTS_SHOWN).map((incident) => <IncidentLine key={incident.id} of={incident} />)}
      </Answered>
    </Panel>
  );
}

export default function Overview() {
  const w = useOverviewWords();
  const { window } = useWindow();
  const services = useRead("/api/v1/services", { query: { ...window }, every: "live" });
  const incidents = useIncidents({ state: "live", limit: 20 }, { every: 5_000 });
  const changes = useRead("/api/v1/changes", { query: { ...window, limit: 100 }, every: "live" });
  const marks = useMarks(changes.data?.items);
  return (
    <>
      <PageHead title={w("title")} />
      <Headline known={services.data?.items} open={incidents.data?.items.length ?? null} />
      <div className={style.top}>
        <div className={style.news}>
          <OpenIncidents incidents={incidents} />
          <Panel title={w("changes")} about={w("changesAbout")}>
            <Answered of={changes} isEmpty={(data) => data.items.length === 0} missing={{ title: w("noChanges"), about: w("noChangesAbout") }}>
              {(data) => <ChangeList changes={once(data.items).slice(0, CHANGES_SHOWN)} />}
            </Answered>
          </Panel>
          <Tenants />
        </div>
        <div className={style.estate}>
          <HealthBoard services={services} />
          <Business />
        </div>
      </div>
      <RedCharts marks={marks} />
    </>
  );
}
