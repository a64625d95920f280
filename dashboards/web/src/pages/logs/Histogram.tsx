// How many records of each gravity there were over time; a drag looks closer, a name of the legend filters.
import { type PointerEvent, useState } from "react";
import { useAddress } from "../../base/address";
import { count } from "../../base/format";
import { clock } from "../../base/time";
import { type Bin, LEVELS, type Level } from "./bins";
import style from "./Histogram.module.css";
import { useLogsWords } from "./words";

const HEIGHT = 100;
/** A drag over fewer bins than this is a click. */
const BINS_MIN = 1;

export function Histogram({ of, width, onWindow }: { of: Bin[]; width: number; onWindow: (from: number, to: number) => void }) {
  const w = useLogsWords();
  const [, change] = useAddress();
  const [over, setOver] = useState<number | null>(null);
  const [began, setBegan] = useState<number | null>(null);
  const most = of.reduce((high, { total }) => Math.max(high, total), 1);
  const totals = new Map<Level, number>();
  for (const bin of of) for (const level of LEVELS) totals.set(level, (totals.get(level) ?? 0) + (bin.counts[level] ?? 0));
  const spot = (event: PointerEvent): number => {
    const box = event.currentTarget.getBoundingClientRect();
    return Math.max(0, Math.min(of.length - 1, Math.floor(((event.clientX - box.left) / box.width) * of.length)));
  };
  const bin = over === null ? undefined : of[over];
  const [left, right] = began !== null && over !== null ? [Math.min(began, over), Math.max(began, over)] : [0, -1];
  return (
    <div className={style.box}>
      <svg
        viewBox={`0 0 ${of.length} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${w("histogram")}: ${w("total", { count: of.reduce((sum, { total }) => sum + total, 0) })}`}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          setBegan(spot(event));
          setOver(spot(event));
        }}
        onPointerMove={(event) => setOver(spot(event))}
        onPointerUp={() => {
          const [from, to] = [of[left], of[right]];
          if (from && to && right - left >= BINS_MIN) onWindow(from.time, to.time + width * 1e3);
          setBegan(null);
        }}
        onPointerCancel={() => setBegan(null)}
        onPointerLeave={() => began === null && setOver(null)}
      >
        {over !== null && began === null && <rect className={style.over} x={over} y={0} width={1} height={HEIGHT} />}
        {of.map((one, at) => {
          let top = HEIGHT;
          return LEVELS.map((level) => {
            const number = one.counts[level];
            if (!number) return null;
            const high = Math.max(1, (number / most) * (HEIGHT - 4));
            top -= high;
            return <rect key={`${at}${level}`} className={style[level]} x={at + 0.08} y={top} width={0.84} height={high} />;
          });
        })}
        {right > left && <rect className={style.drag} x={left} y={0} width={right - left + 1} height={HEIGHT} />}
      </svg>
      <div className={style.foot} aria-hidden="true">
        {of[0] && <span>{clock(of[0].time)}</span>}
        <span>
          {w("peak", { count: count(most), width })}
        </span>
        {of.at(-1) && <span>{clock((of.at(-1) as Bin).time + width * 1e3)}</span>}
      </div>
      <div className={style.legend}>
        {LEVELS.filter((level) => totals.get(level)).map((level) => (
          <button key={level} type="button" className={style.key} disabled={level === "other"} onClick={() => change({ severity: level }, "push")}>
            <svg viewBox="0 0 9 9" aria-hidden="true">
              <rect className={style[level]} width={9} height={9} rx={2} />
            </svg>
            {w(level)} <span className="num dim">{count(totals.get(level))}</span>
          </button>
        ))}
      </div>
      {bin && began === null && over !== null && (
        <div className={style.tip} style={over > of.length / 2 ? { right: `${(1 - over / of.length) * 100 + 2}%` } : { left: `${((over + 1) / of.length) * 100 + 2}%` }}>
          {clock(bin.time)} · <strong>{w("total", { count: bin.total })}</strong>
          {LEVELS.filter((level) => bin.counts[level]).map((level) => ` · ${w(level)} ${count(bin.counts[level])}`)}
        </div>
      )}
    </div>
  );
}
