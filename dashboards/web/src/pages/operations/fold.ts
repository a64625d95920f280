// A story without the noise around it: alerts of the services that took part become one step per incident, and a
// release that was told by the pipeline and seen in the telemetry is one change. Pure.
import type { StoryItem } from "../../api/stories";
import { instant } from "../../base/time";

/** A step, with the alerts that it stands for. */
export type Folded = StoryItem & { alerts?: StoryItem[] };

/** Where a step says which incident it belongs to. */
const INCIDENT = "incident.id";
/** The same version at the same place within so long is one change. */
const SAME_MS = 10 * 60e3;

export const incidentOf = (item: StoryItem): string | undefined => (item.kind === "alert" ? (item.keys?.[INCIDENT] ?? undefined) : undefined);

/** Steps that are not the story's own: they stood around it, and may explain it. */
export const isAround = (item: StoryItem): boolean => item.kind === "alert" || item.kind === "change";

const at = (item: StoryItem): number => instant(item.time, 0) ?? 0;

function incidents(items: StoryItem[]): Folded[] {
  const ids = new Set(items.flatMap((item) => incidentOf(item) ?? []));
  return [...ids].map((id) => {
    const all = items.filter((item) => incidentOf(item) === id);
    const itself = all.find(({ source }) => source === "incidents");
    const alerts = all.filter((item) => item !== itself);
    const first = itself ?? { ...(alerts[0] as StoryItem), name: id, text: null, source: "incidents", status: "open", service: "" };
    return { ...first, alerts };
  });
}

function changes(items: StoryItem[]): StoryItem[] {
  const all = items.filter(({ kind }) => kind === "change");
  const same = (a: StoryItem, b: StoryItem): boolean =>
    a.change != null && a.change.target === b.change?.target && a.change.version != null && a.change.version === b.change.version && Math.abs(at(a) - at(b)) <= SAME_MS;
  return all.filter((item, place) => !all.some((other, before) => before < place && same(other, item)));
}

/** The steps of a story, each incident and each change once. Order is left to whoever shows them. */
export function fold(items: StoryItem[]): Folded[] {
  const own = items.filter((item) => item.kind !== "change" && !incidentOf(item));
  return [...own, ...changes(items), ...incidents(items)];
}
