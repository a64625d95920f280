// One line of the waterfall: its place in the tree, and its bar over time with own time, critical path, gaps,
// events and duration.
import type { Line, Placed, Stretch, Zoom } from "./tree";
import { exact, between, type Instant } from "../../base/nanos";
import { duration } from "../../base/format";
import { Icon } from "../../components/Icon";
import style from "./Waterfall.module.css";
import { useTraceWords } from "./words";

/** Deeper than this the tree is not moved further to the right: names stay readable. */
const DEPTH_DRAWN_MAX = 24;
const INDENT = 13;
/** Of one span; more marks would be a wall. */
const MARKS_DRAWN_MAX = 40;

export interface Scene {
  spans: Placed[];
  zoom: Zoom;
  start: Instant;
  paths: Map<string, Stretch[]>;
  gaps: Map<string, Stretch[]>;
  tints: Map<string, string>;
  folded: ReadonlySet<string>;
  found: ReadonlySet<number>;
  selected: string | undefined;
  onFold: (id: string) => void;
  onSelect: (id: string) => void;
}

/** Left edge and width in percent of the axis; null when it is outside. */
function within(zoom: Zoom, offset: number, length: number): { left: number; width: number } | null {
  const whole = zoom.to - zoom.from || 1;
  const left = Math.max(0, (offset - zoom.from) / whole);
  // A clock that was set back ends spans before they start: they are drawn as a point.
  const right = Math.min(1, (offset + Math.max(0, length) - zoom.from) / whole);
  return right < 0 || left > 1 ? null : { left: left * 100, width: Math.max(0, right - left) * 100 };
}

/** Whom a call went to, where its name alone does not tell. */
function target({ kind, attributes }: Placed["span"]): string | undefined {
  if (kind !== "client") return undefined;
  return attributes["peer.service"] ?? attributes["db.namespace"] ?? attributes["server.address"] ?? undefined;
}

const edges = (at: { left: number; width: number }) => ({ left: `${at.left}%`, width: `${at.width}%` });

function Marks({ one, scene }: { one: Placed; scene: Scene }) {
  return one.span.events.slice(0, MARKS_DRAWN_MAX).map((event, number) => {
    const at = within(scene.zoom, between(scene.start, exact(event.time)), 0);
    const kind = event.name === "exception" ? "exception" : "event";
    return at && <span key={number} className={style.dot} data-kind={kind} style={{ left: `${at.left}%` }} title={event.name} />;
  });
}

function Bar({ one, scene }: { one: Placed; scene: Scene }) {
  const w = useTraceWords();
  const { span, offset } = one;
  const at = within(scene.zoom, offset, span.duration_ns);
  if (!at) return <div className={style.time} />;
  const own = span.duration_ns > 0 && one.below > 0 ? (span.self_ns / span.duration_ns) * 100 : 100;
  const ends = at.left + at.width;
  const label = ends < 82 ? { left: `${ends}%` } : at.left > 18 ? { right: `${100 - at.left}%` } : { right: "2%" };
  return (
    <div className={style.time}>
      <div className={style.bar} data-error={span.status === "error"} style={edges(at)} title={`${w("self")} ${duration(span.self_ns)}`}>
        <div className={style.self} style={{ width: `${own}%` }} />
      </div>
      {scene.gaps.get(span.span_id)?.map((gap) => {
        const place = within(scene.zoom, gap.offset, gap.duration);
        return place && <div key={gap.offset} className={style.gap} style={edges(place)} title={w("gap", { duration: duration(gap.duration) })} />;
      })}
      {scene.paths.get(span.span_id)?.map((path) => {
        const place = within(scene.zoom, path.offset, path.duration);
        return place && <div key={path.offset} className={style.path} style={edges(place)} title={`${w("onPath")}: ${duration(path.duration)}`} />;
      })}
      <Marks one={one} scene={scene} />
      <span className={style.took} style={label}>
        {duration(span.duration_ns)}
      </span>
    </div>
  );
}

const indent = (depth: number) => ({ paddingLeft: 4 + Math.min(depth, DEPTH_DRAWN_MAX) * INDENT });

function SpanRow({ at, top, scene }: { at: number; top: number; scene: Scene }) {
  const w = useTraceWords();
  const one = scene.spans[at] as Placed;
  const { span, below } = one;
  const closed = scene.folded.has(span.span_id);
  return (
    <div
      className={`${style.row} ${scene.tints.get(span.service) ?? ""}`}
      style={{ transform: `translateY(${top}px)` }}
      role="treeitem"
      aria-level={span.depth + 1}
      aria-expanded={below > 0 ? !closed : undefined}
      aria-selected={scene.selected === span.span_id}
      data-at={scene.selected === span.span_id}
      data-found={scene.found.has(at)}
      onClick={() => scene.onSelect(span.span_id)}
    >
      <div className={style.name} style={indent(span.depth)}>
        {below > 0 ? (
          <button
            type="button"
            tabIndex={-1}
            className={style.fold}
            aria-label={w(closed ? "unfold" : "fold", { name: span.operation })}
            onClick={(event) => {
              event.stopPropagation();
              scene.onFold(span.span_id);
            }}
          >
            <Icon name={closed ? "right" : "down"} size={12} />
          </button>
        ) : (
          <span className={style.leaf} />
        )}
        {(span.status === "error" || (closed && one.failsBelow)) && (
          <span className={style.error} title={span.status_message ?? w("legendError")}>
            <Icon name="incidents" size={13} />
          </span>
        )}
        <span className={style.text} title={`${span.operation} · ${span.service}`}>
          <span className={style.operation}>{span.operation}</span>{" "}
          <span className={style.service}>
            {span.service}
            {target(span) && ` → ${target(span)}`}
          </span>
        </span>
        {closed && <span className={style.count}>+{below}</span>}
      </div>
      <Bar one={one} scene={scene} />
    </div>
  );
}

export function Row({ line, top, scene }: { line: Line; top: number; scene: Scene }) {
  const w = useTraceWords();
  if (line.kind === "span") return <SpanRow at={line.at} top={top} scene={scene} />;
  const shift = { transform: `translateY(${top}px)` };
  if (line.kind === "missing") {
    return (
      <div className={`${style.row} ${style.missing}`} style={shift}>
        <div className={style.name} style={indent(line.depth)}>
          <Icon name="help" size={14} /> {w("missingRow")} <span className="mono">{line.id}</span>
        </div>
      </div>
    );
  }
  const at = within(scene.zoom, line.offset, 0);
  return (
    <div className={style.row} style={shift} onClick={() => line.log.span_id && scene.onSelect(line.log.span_id)}>
      <div className={style.name} data-kind="log" style={indent(line.depth)}>
        <span className={style.leaf} />
        <Icon name="logs" size={12} />
        <span className={`${style.log} clip`} title={line.log.body ?? ""}>
          {line.log.severity_text && `${line.log.severity_text} `}
          {line.log.body}
        </span>
      </div>
      <div className={style.time}>{at && <span className={style.dot} data-kind={(line.log.severity ?? 0) >= 17 ? "exception" : "event"} style={{ left: `${at.left}%` }} />}</div>
    </div>
  );
}
