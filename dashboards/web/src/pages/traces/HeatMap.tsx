// The duration heat map on a canvas: darker is more spans, with a red foot where some failed. A drag chooses a box.
import { useComputedColorScheme } from "@mantine/core";
import { type PointerEvent, useEffect, useRef, useState } from "react";
import type { Region } from "../../api/traces";
import { count, duration } from "../../base/format";
import { useLanguage } from "../../base/language";
import { clock } from "../../base/time";
import { type Cell, type Heat, edge, place, ROWS_PER_DECADE, region, timeTicks } from "./heat";
import style from "./HeatMap.module.css";
import { useTracesWords } from "./words";

const LEFT = 58;
const BOTTOM = 20;
const TOP = 4;
/** Closer than this, times on the axis would touch. */
const TIME_LABEL = 92;

const css = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

interface Size {
  width: number;
  height: number;
}

const inner = ({ width, height }: Size) => ({ width: Math.max(1, width - LEFT), height: Math.max(1, height - BOTTOM - TOP) });

function drawAxes(ctx: CanvasRenderingContext2D, of: Heat, size: Size): void {
  const { width, height } = inner(size);
  ctx.font = `11px ${css("--mantine-font-family")}`;
  ctx.fillStyle = css("--ink-3");
  ctx.strokeStyle = css("--line");
  ctx.textBaseline = "middle";
  ctx.textAlign = "right";
  const first = Math.ceil(of.lowest / ROWS_PER_DECADE) * ROWS_PER_DECADE;
  for (let row = first; row <= of.lowest + of.rows; row += ROWS_PER_DECADE) {
    const y = TOP + height - ((row - of.lowest) / of.rows) * height;
    ctx.beginPath();
    ctx.moveTo(LEFT, y);
    ctx.lineTo(LEFT + width, y);
    ctx.stroke();
    ctx.fillText(axisDuration(edge(row)), LEFT - 7, Math.max(8, Math.min(y, TOP + height - 4)));
  }
  ctx.textBaseline = "alphabetic";
  ctx.textAlign = "left";
  for (const { column, time } of timeTicks(of, Math.floor(width / TIME_LABEL))) {
    const x = LEFT + (column / of.columns) * width;
    if (x + 50 > LEFT + width) break;
    ctx.fillText(clock(time).replace(/:00$/, ""), x, TOP + height + 15);
  }
}

function drawCells(ctx: CanvasRenderingContext2D, of: Heat, size: Size): void {
  const { width, height } = inner(size);
  const [wide, high] = [width / of.columns, height / of.rows];
  const gap = wide > 4 && high > 4 ? 1 : 0;
  const [many, failing] = [css("--series-1"), css("--failing-fill")];
  for (const { column, row, count: spans, errors } of of.cells) {
    const x = LEFT + column * wide;
    const y = TOP + height - (row - of.lowest + 1) * high;
    ctx.globalAlpha = 0.16 + 0.84 * (Math.log(spans + 1) / Math.log(of.most + 1));
    ctx.fillStyle = many;
    ctx.fillRect(x, y, wide - gap, high - gap);
    if (errors === 0) continue;
    ctx.globalAlpha = 1;
    ctx.fillStyle = failing;
    const foot = Math.max(2, (high - gap) * (errors / spans));
    ctx.fillRect(x, y + high - gap - foot, wide - gap, foot);
  }
  ctx.globalAlpha = 1;
}

function drawBox(ctx: CanvasRenderingContext2D, of: Heat, size: Size, box: Region): void {
  const { width, height } = inner(size);
  const at = place(of, box);
  const x = LEFT + (at.left / of.columns) * width;
  const y = TOP + (at.top / of.rows) * height;
  const [w, h] = [((at.right - at.left) / of.columns) * width, ((at.bottom - at.top) / of.rows) * height];
  if (w <= 0 || h <= 0) return;
  ctx.fillStyle = css("--series-2");
  ctx.globalAlpha = 0.14;
  ctx.fillRect(x, y, w, h);
  ctx.globalAlpha = 1;
  ctx.strokeStyle = css("--series-2");
  ctx.lineWidth = 2;
  ctx.strokeRect(x + 1, y + 1, Math.max(2, w - 2), Math.max(2, h - 2));
}

/** Powers of ten stay short: `100 s`, not a minute and forty seconds. */
const axisDuration = (ns: number): string => (ns >= 60e9 ? `${count(ns / 1e9)} s` : duration(ns));

type Spot = { column: number; row: number };

interface HeatMapProps {
  of: Heat;
  chosen: Region | null;
  onChoose: (region: Region) => void;
}

export function HeatMap({ of, chosen, onChoose }: HeatMapProps) {
  const w = useTracesWords();
  const scheme = useComputedColorScheme("light");
  const language = useLanguage();
  const canvas = useRef<HTMLCanvasElement>(null);
  const [size, setSize] = useState<Size>({ width: 0, height: 0 });
  const [began, setBegan] = useState<Spot | null>(null);
  const [over, setOver] = useState<Spot | null>(null);
  const dragged = began && over ? region(of, began, over) : null;

  useEffect(() => {
    const place = canvas.current?.parentElement;
    if (!place) return undefined;
    const watch = new ResizeObserver(() => setSize({ width: place.clientWidth, height: place.clientHeight }));
    watch.observe(place);
    return () => watch.disconnect();
  }, []);
  useEffect(() => {
    const ctx = canvas.current?.getContext("2d");
    if (!ctx || !canvas.current || size.width === 0) return;
    const scale = window.devicePixelRatio || 1;
    canvas.current.width = size.width * scale;
    canvas.current.height = size.height * scale;
    ctx.scale(scale, scale);
    drawAxes(ctx, of, size);
    drawCells(ctx, of, size);
    const box = dragged ?? chosen;
    if (box) drawBox(ctx, of, size, box);
  });

  const spot = (event: PointerEvent): Spot => {
    const bounds = event.currentTarget.getBoundingClientRect();
    const { width, height } = inner(size);
    const limit = (value: number, most: number): number => Math.max(0, Math.min(most - 1, Math.floor(value)));
    return {
      column: limit(((event.clientX - bounds.left - LEFT) / width) * of.columns, of.columns),
      row: of.lowest + of.rows - 1 - limit(((event.clientY - bounds.top - TOP) / height) * of.rows, of.rows),
    };
  };
  const cell: Cell | undefined = over && !began ? of.cells.find(({ column, row }) => column === over.column && row === over.row) : undefined;
  const right = over ? over.column > of.columns / 2 : false;
  const { width, height } = inner(size);
  return (
    <div className={style.box} data-scheme={scheme} data-language={language}>
      <canvas
        ref={canvas}
        role="img"
        aria-label={w("heatLabel")}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          setBegan(spot(event));
          setOver(spot(event));
        }}
        onPointerMove={(event) => setOver(spot(event))}
        onPointerUp={() => {
          if (dragged) onChoose(dragged);
          setBegan(null);
        }}
        onPointerCancel={() => setBegan(null)}
        onPointerLeave={() => !began && setOver(null)}
      />
      {over && cell && (
        <div
          className={style.tip}
          style={{
            top: Math.max(0, TOP + height - ((over.row - of.lowest + 1) / of.rows) * height - 34),
            ...(right ? { right: size.width - LEFT - (over.column / of.columns) * width + 8 } : { left: LEFT + ((over.column + 1) / of.columns) * width + 8 }),
          }}
        >
          {w("cell", { time: clock(of.from + over.column * of.width), from: duration(edge(over.row)), to: duration(edge(over.row + 1)) })} ·{" "}
          <strong>{w("spans", { count: cell.count })}</strong>
          {cell.errors > 0 && <span className={style.failed}> · {w("spansFailed", { count: count(cell.errors) })}</span>}
        </div>
      )}
    </div>
  );
}
