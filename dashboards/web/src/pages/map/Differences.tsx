// What differs from the window it is compared with, as a list that leads to the places on the map.
import type { UseQueryResult } from "@tanstack/react-query";
import type { GraphDifference } from "../../api/types";
import { duration, percent, rate } from "../../base/format";
import { Answered } from "../../components/Answered";
import { Tag, type Tone } from "../../components/Tag";
import { When } from "../../components/When";
import style from "./Details.module.css";
import { edgeId, nodeId } from "./model";
import { useMapWords } from "./words";

type Words = ReturnType<typeof useMapWords>;
const BAD = new Set(["removed", "failing", "slower", "limited"]);
/** Of two groups, what only one of them called so few times is chance. */
const CHANCE_CALLS = 5;
const CALLED = new Set(["added", "removed"]);

type Word = Parameters<Words>[0];
/** Between two groups nothing is new or gone: it is with one of them only. */
const wordOf = (change: string, groups: boolean): Word => (groups && change === "added" ? "onlyA" : groups && change === "removed" ? "onlyB" : (change as Word));

interface Differing {
  changes: string[];
  before?: Counted | null;
  after?: Counted | null;
}
const tells = (of: Differing, groups: boolean): boolean =>
  !groups || of.changes.some((change) => !CALLED.has(change)) || Math.max(of.before?.calls ?? 0, of.after?.calls ?? 0) >= CHANCE_CALLS;

/** Where nothing was before, everything would be new: that is no difference worth a word each. */
const baseEmpty = (of: GraphDifference): boolean => of.nodes.length > 1 && of.nodes.every((node) => !node.before);

/** Words by id of node or edge, for the canvas. */
export function differenceWords(of: GraphDifference | undefined, groups: boolean, w: Words): Map<string, string> {
  const words = new Map<string, string>();
  if (of && baseEmpty(of)) return words;
  const join = (changes: string[]): string => changes.map((change) => w(wordOf(change, groups))).join(", ");
  for (const node of (of?.nodes ?? []).filter((one) => tells(one, groups))) words.set(nodeId(node.kind, node.name), join(node.changes));
  for (const edge of (of?.edges ?? []).filter((one) => tells(one, groups))) {
    const id = edgeId(nodeId(edge.caller_kind, edge.caller), nodeId(edge.callee_kind, edge.callee), edge.kind);
    words.set(id, join(edge.changes));
  }
  return words;
}

type Counted = { calls: number; rate: number; error_rate?: number | null; p99_ns?: number | null };
const facts = (counts: Counted | null | undefined): string =>
  counts ? `${rate(counts.rate)}, ${percent(counts.error_rate)}, p99 ${duration(counts.p99_ns)}` : "–";

interface DifferencesProps {
  /** Not asked while the groups are not written. */
  of: UseQueryResult<GraphDifference, Error> | undefined;
  groups: boolean;
  onSelect: (id: string) => void;
}

export function Differences({ of, groups, onSelect }: DifferencesProps) {
  const w = useMapWords();
  return (
    <aside className={style.details}>
      <h2>{w("differences")}</h2>
      {groups && <p className="dim small">{of ? w("cohortsAbout") : w("cohortsWanted")}</p>}
      {of && <Answered of={of}>{(data) => (baseEmpty(data) ? <p className="dim">{w(groups ? "cohortEmpty" : "baseEmpty")}</p> : <List of={data} groups={groups} onSelect={onSelect} />)}</Answered>}
    </aside>
  );
}

function List({ of, groups, onSelect }: { of: GraphDifference; groups: boolean; onSelect: (id: string) => void }) {
  const w = useMapWords();
  const tone = (changes: string[]): Tone => (changes.some((change) => BAD.has(change)) ? "bad" : "info");
  const lines = [
    ...of.nodes.map((node) => ({ ...node, id: nodeId(node.kind, node.name) })),
    ...of.edges.map((edge) => ({
      ...edge,
      id: edgeId(nodeId(edge.caller_kind, edge.caller), nodeId(edge.callee_kind, edge.callee), edge.kind),
      name: `${edge.caller} → ${edge.callee}`,
    })),
  ]
    .filter((one) => tells(one, groups))
    .sort((a, b) => Number(tone(b.changes) === "bad") - Number(tone(a.changes) === "bad"));
  return (
    <>
      {lines.length === 0 && <p className="dim">{w("differencesNone")}</p>}
      {lines.slice(0, 100).map((line) => (
        <button type="button" key={line.id} className={style.neighbour} onClick={() => onSelect(line.id)} style={{ flexWrap: "wrap" }}>
          <strong className="wrap">{line.name}</strong>
          {line.changes.map((change) => (
            <Tag key={change} tone={tone([change])}>
              {w(wordOf(change, groups))}
            </Tag>
          ))}
          <span className="dim small num">
            {groups ? `A ${facts(line.after)} · B ${facts(line.before)}` : `${facts(line.before)} → ${facts(line.after)}`}
            {line.gone_since && !groups && (
              <>
                {" "}
                ({w("gone")} <When time={line.gone_since} />)
              </>
            )}
          </span>
        </button>
      ))}
    </>
  );
}
