// The waterfall: spans as a tree over time, only the lines in sight drawn, walked by keys, folded and searched.
import { ActionIcon, Button, Checkbox, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useRef, useState } from "react";
import type { Analysis, TraceLog } from "../../api/traces";
import { useAddress } from "../../base/address";
import { duration } from "../../base/format";
import { useKeys } from "../../base/keys";
import type { Instant } from "../../base/nanos";
import { Icon } from "../../components/Icon";
import { Minimap } from "./Minimap";
import { Row, type Scene } from "./Row";
import { type Placed, criticalStretches, find, insides, lines, logsBySpan, readZoom, stretches, ticks, unfoldTo } from "./tree";
import style from "./Waterfall.module.css";
import { useTraceWords } from "./words";

const ROW_HEIGHT = 27;
/** A span shorter than this share of what is shown is hard to see: looking closer is offered. */
const SMALL_SHARE = 0.4;

interface WaterfallProps {
  spans: Placed[];
  start: Instant;
  duration: number;
  count: number;
  analysis: Analysis | null | undefined;
  logs: TraceLog[];
  tints: Map<string, string>;
}

function Axis({ from, to }: { from: number; to: number }) {
  return (
    <div className={style.axis} aria-hidden="true">
      {ticks(from, to).map((at) => {
        const left = ((at - from) / (to - from || 1)) * 100;
        return left > 92 ? null : (
          <span key={at} style={{ left: `${left}%` }}>
            {at === 0 ? "0" : duration(at)}
          </span>
        );
      })}
    </div>
  );
}

function Legend() {
  const w = useTraceWords();
  return (
    <div className={style.legend} aria-hidden="true">
      <span>
        <i className={style.swatch} style={{ background: "var(--ink)", height: 3 }} />
        {w("legendCritical")}
      </span>
      <span>
        <i className={style.swatch} style={{ background: "var(--series-1)" }} />
        {w("legendSelf")}
      </span>
      <span>
        <i className={style.swatch} style={{ border: "1px dashed var(--degraded)" }} />
        {w("legendGap")}
      </span>
      <span>
        <i className={style.swatch} style={{ background: "var(--failing-fill)" }} />
        {w("legendError")}
      </span>
    </div>
  );
}

function Find({ found, at, onFind, onStep, first }: { found: number[]; at: number; first: string; onFind: (text: string) => void; onStep: (by: number) => void }) {
  const w = useTraceWords();
  const later = useDebouncedCallback(onFind, 200);
  return (
    <div className="row" style={{ gap: 4 }}>
      <TextInput
        size="xs"
        w={210}
        leftSection={<Icon name="search" size={13} />}
        placeholder={w("find")}
        aria-label={w("find")}
        defaultValue={first}
        onChange={(event) => later(event.currentTarget.value)}
        onKeyDown={(event) => event.key === "Enter" && onStep(event.shiftKey ? -1 : 1)}
      />
      {first !== "" && <span className="dim small num nowrap">{found.length === 0 ? w("notFound") : w("found", { at: at + 1, count: found.length })}</span>}
    </div>
  );
}

export function Waterfall({ spans, start, duration: whole, count, analysis, logs, tints }: WaterfallProps) {
  const w = useTraceWords();
  const [search, change] = useAddress();
  const [folded, setFolded] = useState<ReadonlySet<string>>(new Set());
  const [foundAt, setFoundAt] = useState(0);
  const box = useRef<HTMLDivElement>(null);
  const withLogs = search.logs !== "off";
  const zoom = useMemo(() => readZoom(search.zoom, whole), [search.zoom, whole]);
  const paths = useMemo(() => criticalStretches(spans, analysis?.critical_path, start), [spans, analysis, start]);
  const gaps = useMemo(() => stretches(analysis?.gaps.items ?? [], start), [analysis, start]);
  const bySpan = useMemo(() => (withLogs ? logsBySpan(logs) : null), [logs, withLogs]);
  const seen = useMemo(() => lines(spans, folded, bySpan, start), [spans, folded, bySpan, start]);
  const found = useMemo(() => find(spans, search.find ?? ""), [spans, search.find]);
  const foundSet = useMemo(() => new Set(found), [found]);
  const virtual = useVirtualizer({ count: seen.length, getScrollElement: () => box.current, estimateSize: () => ROW_HEIGHT, overscan: 14 });

  const select = (id: string | null): void => change({ span: id });
  const [goal, setGoal] = useState<number | null>(null);
  /** Opens what hides the span, selects it and brings it into sight. */
  const show = (at: number): void => {
    const span = spans[at]?.span;
    if (!span) return;
    setFolded((now) => unfoldTo(spans, at, now));
    select(span.span_id);
    setGoal(at);
  };
  useEffect(() => {
    if (goal === null) return;
    const line = seen.findIndex((one) => one.kind === "span" && one.at === goal);
    if (line >= 0 && box.current) box.current.scrollTop = line * ROW_HEIGHT - box.current.clientHeight / 2;
    setGoal(null);
  }, [goal, seen]);
  // A link may name a span: it is brought into sight once it is here.
  const first = useRef(search.span);
  useEffect(() => {
    if (!first.current) return;
    const at = spans.findIndex(({ span }) => span.span_id === first.current);
    if (at < 0) return;
    first.current = undefined;
    setGoal(at);
  }, [spans]);
  const step = (by: number): void => {
    if (found.length === 0) return;
    const at = (foundAt + by + found.length) % found.length;
    setFoundAt(at);
    show(found[at] as number);
  };
  const errors = useMemo(() => spans.flatMap(({ span }, at) => (span.status === "error" ? [at] : [])), [spans]);
  const selected = spans.findIndex(({ span }) => span.span_id === search.span);
  const chosenIsSmall = selected >= 0 && (spans[selected]?.span.duration_ns ?? 0) < (zoom.to - zoom.from) * SMALL_SHARE;
  const nextError = (): void => {
    const at = errors.find((number) => number > selected) ?? errors[0];
    if (at !== undefined) show(at);
  };
  const fold = (id: string): void =>
    setFolded((now) => {
      const next = new Set(now);
      if (!next.delete(id)) next.add(id);
      return next;
    });
  /** Lines are of one height, so that their place is known without drawing them. */
  const keepInSight = (line: number): void => {
    const frame = box.current;
    if (!frame) return;
    const top = line * ROW_HEIGHT;
    if (top < frame.scrollTop) frame.scrollTop = top;
    else if (top + ROW_HEIGHT > frame.scrollTop + frame.clientHeight) frame.scrollTop = top + ROW_HEIGHT - frame.clientHeight;
  };
  const walk = (by: number): void => {
    const here = seen.findIndex((line) => line.kind === "span" && line.at === selected);
    for (let at = here + by; at >= 0 && at < seen.length; at += by) {
      const line = seen[at];
      if (line?.kind !== "span") continue;
      select(spans[line.at]?.span.span_id ?? null);
      keepInSight(at);
      return;
    }
  };
  const foldSelected = (closed: boolean): void => {
    const one = spans[selected];
    if (!one) return;
    if (one.below > 0 && folded.has(one.span.span_id) !== closed) fold(one.span.span_id);
    else if (closed && one.parent >= 0) show(one.parent);
  };
  useKeys({
    j: () => walk(1),
    k: () => walk(-1),
    ArrowDown: (event) => box.current?.contains(event.target as Node) && (event.preventDefault(), walk(1)),
    ArrowUp: (event) => box.current?.contains(event.target as Node) && (event.preventDefault(), walk(-1)),
    ArrowLeft: () => foldSelected(true),
    ArrowRight: () => foldSelected(false),
    e: nextError,
    z: () => zoomTo(),
    n: () => step(1),
    N: () => step(-1),
    Escape: () => (search.span ? select(null) : change({ zoom: null })),
  });
  /** Looks at the selected span alone, with a little on both sides. */
  const zoomTo = (): void => {
    const one = spans[selected];
    if (!one) return;
    const margin = Math.max(1_000, Math.round(one.span.duration_ns * 0.1));
    change({ zoom: `${Math.max(0, one.offset - margin)}~${Math.min(whole, one.offset + one.span.duration_ns + margin)}` });
  };
  const scene: Scene = { spans, zoom, start, paths, gaps, tints, folded, found: foundSet, selected: search.span, onFold: fold, onSelect: select };
  return (
    <div className={style.frame}>
      <Minimap
        spans={spans}
        paths={paths}
        duration={whole}
        count={count}
        zoom={zoom}
        onZoom={(next) => change({ zoom: next && `${next.from}~${next.to}` })}
      />
      <div className={style.tools}>
        <Find
          found={found}
          at={foundAt}
          first={search.find ?? ""}
          onFind={(text) => {
            setFoundAt(-1);
            change({ find: text });
          }}
          onStep={step}
        />
        {errors.length > 0 && (
          <Button size="compact-xs" variant="default" leftSection={<Icon name="incidents" size={12} />} onClick={nextError}>
            {w("nextError")} <kbd className="dim">&nbsp;e</kbd>
          </Button>
        )}
        <Button.Group>
          <Button size="compact-xs" variant="default" onClick={() => setFolded(new Set())}>
            {w("expand")}
          </Button>
          <Button size="compact-xs" variant="default" onClick={() => setFolded(insides(spans))}>
            {w("foldTo")}
          </Button>
          <Button size="compact-xs" variant="default" onClick={() => setFolded(new Set(spans.filter(({ below }) => below > 0).map(({ span }) => span.span_id)))}>
            {w("collapse")}
          </Button>
        </Button.Group>
        {logs.length > 0 && <Checkbox size="xs" label={w("withLogs")} checked={withLogs} onChange={(event) => change({ logs: event.currentTarget.checked ? null : "off" })} />}
        {chosenIsSmall && (
          <Button size="compact-xs" variant="default" onClick={zoomTo}>
            {w("zoomTo")} <kbd className="dim">&nbsp;z</kbd>
          </Button>
        )}
        {search.zoom && (
          <Button size="compact-xs" variant="light" onClick={() => change({ zoom: null })}>
            {w("wholeTime")}
          </Button>
        )}
        <Legend />
      </div>
      <Axis from={zoom.from} to={zoom.to} />
      <div ref={box} className={style.scroll} tabIndex={0} role="tree" aria-label={w("rows")}>
        <div className={style.rows} style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map((item) => {
            const line = seen[item.index];
            return line && <Row key={item.key} line={line} top={item.start} scene={scene} />;
          })}
        </div>
      </div>
    </div>
  );
}

export const CloseButton = ({ onClick }: { onClick: () => void }) => {
  const w = useTraceWords();
  return (
    <ActionIcon variant="subtle" color="gray" onClick={onClick} aria-label={w("close")}>
      <Icon name="close" />
    </ActionIcon>
  );
};
