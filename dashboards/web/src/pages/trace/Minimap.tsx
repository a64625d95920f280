// The whole trace in small on a canvas; a drag over it looks closer at a part of the time.
import { useComputedColorScheme } from "@mantine/core";
import { type PointerEvent, useEffect, useRef, useState } from "react";
import { type Placed, type Stretch, type Zoom } from "./tree";
import style from "./Waterfall.module.css";
import { useTraceWords } from "./words";

const css = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const HEIGHT = 54;
/** The band at the foot that shows the critical path. */
const FOOT = 6;
/** A drag shorter than this share of the width is a click. */
const DRAG_MIN = 0.004;

interface MinimapProps {
  spans: Placed[];
  paths: Map<string, Stretch[]>;
  duration: number;
  /** Of the whole trace, also where not all are here. */
  count: number;
  zoom: Zoom;
  onZoom: (zoom: Zoom | null) => void;
}

function draw(canvas: HTMLCanvasElement, { spans, paths, duration, count }: MinimapProps): void {
  const ctx = canvas.getContext("2d");
  const width = canvas.parentElement?.clientWidth ?? 0;
  if (!ctx || width === 0) return;
  const scale = window.devicePixelRatio || 1;
  canvas.width = width * scale;
  canvas.height = HEIGHT * scale;
  ctx.scale(scale, scale);
  const room = HEIGHT - FOOT - 4;
  const high = Math.max(0.7, Math.min(6, room / Math.max(count, 1)));
  const [plain, failing, path] = [css("--series-6"), css("--failing-fill"), css("--ink")];
  const x = (offset: number): number => (offset / (duration || 1)) * width;
  spans.forEach(({ span, offset }, at) => {
    const failed = span.status === "error";
    ctx.fillStyle = failed ? failing : plain;
    ctx.globalAlpha = failed ? 0.95 : 0.55;
    ctx.fillRect(x(offset), 2 + (at / Math.max(count, 1)) * room, Math.max(1, x(span.duration_ns)), failed ? Math.max(1.5, high) : high);
  });
  ctx.globalAlpha = 1;
  ctx.fillStyle = path;
  for (const parts of paths.values()) for (const { offset, duration: length } of parts) ctx.fillRect(x(offset), HEIGHT - FOOT + 1, Math.max(1, x(length) - 0.5), FOOT - 3);
}

export function Minimap(props: MinimapProps) {
  const w = useTraceWords();
  const canvas = useRef<HTMLCanvasElement>(null);
  const scheme = useComputedColorScheme("light");
  const [drag, setDrag] = useState<[number, number] | null>(null);
  const [width, setWidth] = useState(0);
  const { spans, paths, zoom, duration } = props;
  useEffect(() => {
    const box = canvas.current?.parentElement;
    if (!box) return undefined;
    const watch = new ResizeObserver(() => setWidth(box.clientWidth));
    watch.observe(box);
    return () => watch.disconnect();
  }, []);
  useEffect(() => {
    if (canvas.current) draw(canvas.current, props);
  }, [spans, paths, duration, width, scheme]);
  const share = (event: PointerEvent): number => {
    const box = event.currentTarget.getBoundingClientRect();
    return Math.max(0, Math.min(1, (event.clientX - box.left) / box.width));
  };
  const [left, right] = drag ? [Math.min(...drag), Math.max(...drag)] : [zoom.from / (duration || 1), zoom.to / (duration || 1)];
  return (
    <div className={style.mini} title={w("zoomHint")}>
      <canvas
        ref={canvas}
        role="img"
        aria-label={w("overview")}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          setDrag([share(event), share(event)]);
        }}
        onPointerMove={(event) => drag && setDrag([drag[0], share(event)])}
        onPointerUp={() => {
          if (drag) props.onZoom(right - left < DRAG_MIN ? null : { from: Math.round(left * duration), to: Math.round(right * duration) });
          setDrag(null);
        }}
        onPointerCancel={() => setDrag(null)}
      />
      {left > 0 && <div className={style.shade} style={{ left: 0, width: `${left * 100}%` }} />}
      {right < 1 && <div className={style.shade} style={{ right: 0, width: `${(1 - right) * 100}%` }} />}
    </div>
  );
}
