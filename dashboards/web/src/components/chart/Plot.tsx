// uPlot in our colours: series over time, a band, marks for changes and onsets, one crosshair for all charts of a
// page, and a drag that chooses a window of time.
import { useComputedColorScheme } from "@mantine/core";
import { useEffect, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { type Unit, measure } from "../../base/format";
import { useLanguage } from "../../base/language";
import { clock } from "../../base/time";
import style from "./Plot.module.css";

export interface ChartSeries {
  name: string;
  /** One value per time; null leaves a gap. */
  values: (number | null)[];
  /** A CSS variable of the look; the next free one when not given. */
  colour?: string;
  dashed?: boolean;
  filled?: boolean;
  bars?: boolean;
}

export interface ChartMark {
  /** Milliseconds since 1970. */
  time: number;
  colour?: string;
  label?: string;
}

export interface ChartProps {
  /** Milliseconds since 1970, rising. */
  times: number[];
  series: ChartSeries[];
  unit: Unit;
  height?: number;
  /** Lower and upper edge of what is usual, drawn as a band. */
  band?: { low: (number | null)[]; high: (number | null)[]; name: string };
  marks?: ChartMark[];
  /** Charts with the same name share their crosshair. */
  together?: string;
  onWindow?: (from: number, to: number) => void;
  legend?: boolean;
}

const css = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const resolveColour = (colour: string): string => (colour.startsWith("--") ? css(colour) : colour);

/** Lines at instants, each with a flag above that tells what it is of. */
function drawMarks(marks: ChartMark[]): uPlot.Plugin {
  const flags = marks.map(({ label, time }) => {
    const flag = document.createElement("div");
    flag.className = style.flag ?? "";
    flag.title = label ? `${label} · ${clock(time)}` : clock(time);
    return flag;
  });
  return {
    hooks: {
      init: (plot) => plot.over.append(...flags),
      draw: (plot) => {
        const { ctx, bbox } = plot;
        ctx.save();
        for (const [at, mark] of marks.entries()) {
          const x = plot.valToPos(mark.time / 1e3, "x", true);
          const flag = flags[at];
          const within = x >= bbox.left && x <= bbox.left + bbox.width;
          if (flag) {
            flag.hidden = !within;
            flag.style.left = `${plot.valToPos(mark.time / 1e3, "x")}px`;
          }
          if (!within) continue;
          ctx.strokeStyle = resolveColour(mark.colour ?? "--series-3");
          ctx.lineWidth = 1.5 * devicePixelRatio;
          ctx.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio]);
          ctx.beginPath();
          ctx.moveTo(x, bbox.top);
          ctx.lineTo(x, bbox.top + bbox.height);
          ctx.stroke();
        }
        ctx.restore();
      },
    },
  };
}

function options({ series, unit, height = 160, band, marks, together, onWindow, legend = true }: ChartProps, width: number): uPlot.Options {
  const axis = { stroke: css("--ink-3"), font: `11px ${css("--mantine-font-family")}`, ticks: { show: false } };
  const line = (entry: ChartSeries, at: number): uPlot.Series => {
    const stroke = resolveColour(entry.colour ?? `--series-${(at % 6) + 1}`);
    return {
      label: entry.name,
      stroke,
      width: 1.6,
      dash: entry.dashed ? [5, 4] : undefined,
      fill: entry.filled || entry.bars ? `${stroke}${entry.bars ? "cc" : "22"}` : undefined,
      paths: entry.bars ? uPlot.paths.bars?.({ size: [0.8, 24] }) : undefined,
      points: { show: false },
      spanGaps: false,
      value: (_, value) => (value === null || value === undefined ? "" : measure(value, unit)),
    };
  };
  const edge = (label: string): uPlot.Series => ({ label, stroke: "transparent", points: { show: false }, value: (_, value) => (value === null || value === undefined ? "" : measure(value, unit)) });
  const drawn = series.map(line);
  // The legend shows a line as it is drawn: of two with one colour the dashed one is told apart.
  const dashes = (stroke: string): string => `repeating-linear-gradient(90deg, ${stroke} 0 4px, transparent 4px 6px)`;
  const markers = {
    width: 0,
    fill: (_: uPlot, at: number) => {
      const stroke = String(drawn[at - 1]?.stroke ?? "transparent");
      return series[at - 1]?.dashed ? dashes(stroke) : stroke;
    },
  };
  return {
    width,
    height,
    series: [{ value: (_, value) => (value === null ? "" : clock(value * 1e3)) }, ...drawn, ...(band ? [edge(band.name), edge("")] : [])],
    bands: band ? [{ series: [drawn.length + 2, drawn.length + 1], fill: `${css("--series-6")}2e` }] : undefined,
    axes: [
      { ...axis, grid: { show: false }, space: 48, size: 28, values: (_, ticks) => ticks.map((tick) => clock(tick * 1e3).replace(/:00$/, "")) },
      { ...axis, grid: { stroke: css("--line"), width: 1 }, size: 58, values: (_, ticks) => ticks.map((tick) => (tick === 0 ? "0" : measure(tick, unit))) },
    ],
    scales: { x: { time: true }, y: { range: (_, low, high) => [Math.min(0, low ?? 0), high && high > 0 ? high * 1.08 : 1] } },
    cursor: { sync: together ? { key: together } : undefined, drag: { x: !!onWindow, y: false, setScale: false }, points: { size: 6 } },
    legend: { show: legend && (series.length > 1 || !!band), live: true, markers },
    plugins: marks?.length ? [drawMarks(marks)] : [],
    hooks: {
      setSelect: [
        (plot) => {
          if (!onWindow || plot.select.width < 6) return;
          const [from, to] = [plot.posToVal(plot.select.left, "x"), plot.posToVal(plot.select.left + plot.select.width, "x")];
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          onWindow(from * 1e3, to * 1e3);
        },
      ],
    },
  };
}

export default function Plot(props: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const scheme = useComputedColorScheme("light");
  const spoken = useLanguage();
  const { times, series, band } = props;
  useEffect(() => {
    const place = box.current;
    if (!place) return undefined;
    const data = [times.map((time) => time / 1e3), ...series.map((entry) => entry.values), ...(band ? [band.high, band.low] : [])];
    const plot = new uPlot(options(props, Math.max(place.clientWidth, 120)), data as uPlot.AlignedData, place);
    const watch = new ResizeObserver(() => plot.setSize({ width: Math.max(place.clientWidth, 120), height: props.height ?? 160 }));
    watch.observe(place);
    return () => {
      watch.disconnect();
      plot.destroy();
    };
    // Drawn again for new data, theme and language; handlers are those of that moment.
  }, [times, series, band, props.marks, scheme, spoken, props.height, props.unit]);
  return <div ref={box} className={style.plot} role="img" aria-label={series.map((entry) => entry.name).join(", ")} />;
}
