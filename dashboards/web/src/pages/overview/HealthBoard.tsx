// Every service as a tile, worst first within its group: with names while they fit, as small marks for hundreds.
import { SegmentedControl, Tooltip } from "@mantine/core";
import type { UseQueryResult } from "@tanstack/react-query";
import { useStretch } from "../../api/covered";
import type { Service } from "../../api/types";
import { useAddressText } from "../../base/address";
import { duration, percent, rate } from "../../base/format";
import { asHealth, byHealth } from "../../base/health";
import { serviceHref } from "../../base/links";
import { Answered } from "../../components/Answered";
import { Go } from "../../components/Go";
import { HealthShape } from "../../components/HealthMark";
import { Panel } from "../../components/Panel";
import style from "./HealthBoard.module.css";
import { useOverviewWords } from "./words";

/** More services than this in one group are drawn as marks without names. */
const NAMED_MAX = 80;

type Grouping = "namespace" | "team" | "health";

function grouped(services: Service[], by: Grouping): [string, Service[]][] {
  const groups = new Map<string, Service[]>();
  for (const service of services) {
    const group = service[by] ?? "";
    groups.set(group, [...(groups.get(group) ?? []), service]);
  }
  const worstFirst = (a: Service, b: Service): number =>
    byHealth(asHealth(a.health), asHealth(b.health)) || (b.error_rate ?? 0) - (a.error_rate ?? 0) || a.name.localeCompare(b.name);
  for (const services of groups.values()) services.sort(worstFirst);
  return [...groups].sort(([nameA, [a]], [nameB, [b]]) => byHealth(asHealth(a?.health), asHealth(b?.health)) || nameA.localeCompare(nameB));
}

function Tile({ service, named, stretch }: { service: Service; named: boolean; stretch: number }) {
  const health = asHealth(service.health);
  const about = `${service.name}: ${rate(service.rate * stretch)}, ${percent(service.error_rate)}, p99 ${duration(service.p99_ns)}`;
  return (
    <Tooltip label={about} withArrow openDelay={200}>
      <span>
        <Go to={serviceHref(service.name)} className={named ? style.tile : style.mark} data-health={health} aria-label={about}>
          <HealthShape health={health} size={named ? 10 : 12} />
          {named && <span className="clip">{service.name}</span>}
          {named && (health === "failing" || health === "degraded") && <span className={`${style.fault} num`}>{percent(service.error_rate)}</span>}
        </Go>
      </span>
    </Tooltip>
  );
}

export function HealthBoard({ services }: { services: UseQueryResult<{ items: Service[] }, Error> }) {
  const w = useOverviewWords();
  const [by, setBy] = useAddressText("by", "namespace");
  const stretch = useStretch();
  return (
    <Panel
      title={w("board")}
      about={w("boardAbout")}
      actions={
        <SegmentedControl
          size="xs"
          value={by}
          onChange={setBy}
          aria-label={w("by")}
          data={[
            { value: "namespace", label: w("namespace") },
            { value: "team", label: w("team") },
            { value: "health", label: w("healthGroup") },
          ]}
        />
      }
    >
      <Answered
        of={services}
        isEmpty={(data) => data.items.length === 0}
        missing={{
          title: w("noServices"),
          about: w("noServicesAbout"),
          command: "stormglass demo",
          action: <Go to="/connect">{w("connect")}</Go>,
        }}
      >
        {(data) => (
          <div className="stack">
            {grouped(data.items, by as Grouping).map(([group, members]) => (
              <div key={group}>
                <div className={style.group}>
                  {group || w("ungrouped")} <span className="dim num">{members.length}</span>
                </div>
                <div className={members.length > NAMED_MAX ? style.marks : style.tiles}>
                  {members.map((service) => (
                    <Tile key={service.name} service={service} named={members.length <= NAMED_MAX} stretch={stretch} />
                  ))}
                </div>
              </div>
            ))}
          </div>
        )}
      </Answered>
    </Panel>
  );
}
