// A table that sorts (kept in the address), walks by j and k, opens by Enter, and draws only the rows in sight.
import {
  type ColumnDef,
  createSortedRowModel,
  rowSortingFeature,
  sortFn_alphanumeric,
  sortFn_basic,
  tableFeatures,
  useTable,
} from "@tanstack/react-table";
import { useVirtualizer } from "@tanstack/react-virtual";
import { type ReactNode, useEffect, useMemo, useRef, useState } from "react";
import { useAddressText } from "../base/address";
import { useKeys } from "../base/keys";
import { useGo } from "./Go";
import style from "./DataTable.module.css";

const features = tableFeatures({
  rowSortingFeature,
  sortedRowModel: createSortedRowModel(),
  sortFns: { alphanumeric: sortFn_alphanumeric, basic: sortFn_basic },
});

export interface Column<T> {
  key: string;
  title: ReactNode;
  /** What is sorted by; absent values go last. */
  value: (row: T) => string | number | null | undefined;
  cell?: (row: T) => ReactNode;
  align?: "left" | "right";
  /** A CSS width; columns without one share the rest. */
  width?: string;
  /** Left out on narrow screens. */
  wide?: boolean;
}

interface DataTableProps<T> {
  /** For the address and those who listen: `?sort.NAME=-calls`. */
  name: string;
  label: string;
  columns: Column<T>[];
  rows: T[];
  rowKey: (row: T) => string;
  /** Where a row leads. */
  to?: (row: T) => string;
  onOpen?: (row: T) => void;
  /** `-calls` for the largest first; none keeps the order of the rows. */
  sort?: string;
  /** The table scrolls in itself beyond this height. */
  height?: number;
  marked?: (row: T) => boolean;
}

const ROW_HEIGHT = 37;
/** Fewer rows than this are drawn at once, so that the browser's own search finds them. */
const DRAWN_AT_ONCE = 80;

export function DataTable<T extends object>(props: DataTableProps<T>) {
  const { name, columns, rows, rowKey, to, onOpen, height = 560 } = props;
  const [sort, setSort] = useAddressText(`sort.${name}`, props.sort ?? "");
  const definitions = useMemo(
    () =>
      columns.map((column) => ({
        id: column.key,
        accessorFn: (row: T) => column.value(row) ?? undefined,
        sortUndefined: "last" as const,
        sortFn: "basic" as const,
      })),
    [columns],
  ) as unknown as ColumnDef<typeof features, T>[];
  const sorting = sort ? [{ id: sort.replace(/^-/, ""), desc: sort.startsWith("-") }] : [];
  const table = useTable({ features, data: rows, columns: definitions, state: { sorting }, enableSortingRemoval: false });
  const sorted = table.getRowModel().rows.map((row) => row.original);

  const box = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({ count: sorted.length, getScrollElement: () => box.current, estimateSize: () => ROW_HEIGHT, overscan: 12 });
  const whole = sorted.length <= DRAWN_AT_ONCE;
  const drawn = whole ? null : virtual.getVirtualItems();
  const first = drawn?.[0]?.start ?? 0;
  const last = drawn ? virtual.getTotalSize() - (drawn.at(-1)?.end ?? 0) : 0;

  const go = useGo();
  const [at, setAt] = useState(-1);
  const open = (row: T): void => (onOpen ? onOpen(row) : to && go(to(row)));
  const walkable = !!(to || onOpen) && sorted.length > 0;
  /** Keys are of the table that has the focus, or of the first one on the page. */
  const isMine = (): boolean => {
    const held = document.activeElement?.closest("[data-walk]");
    return (held ?? document.querySelector("[data-walk]")) === box.current;
  };
  const walk = (by: number): void => {
    if (isMine()) setAt((place) => Math.max(0, Math.min(sorted.length - 1, place + by)));
  };
  const enter = (): void => {
    const row = sorted[at];
    if (row && isMine()) open(row);
  };
  useKeys({ j: () => walk(1), k: () => walk(-1), Enter: enter }, walkable);
  useEffect(() => {
    if (at < 0) return;
    if (whole) box.current?.querySelector(`[data-row="${at}"]`)?.scrollIntoView({ block: "nearest" });
    else virtual.scrollToIndex(at);
  }, [at, whole, virtual]);

  const line = (row: T, place: number): ReactNode => (
    <tr
      key={rowKey(row)}
      data-row={place}
      aria-selected={place === at || undefined}
      data-marked={props.marked?.(row) || undefined}
      className={to || onOpen ? style.open : undefined}
      onClick={(event) => {
        if ((event.target as HTMLElement).closest("a,button,input,label")) return;
        if (window.getSelection()?.toString()) return;
        open(row);
      }}
    >
      {columns.map((column) => (
        <td key={column.key} data-align={column.align} data-wide={column.wide || undefined}>
          {column.cell ? column.cell(row) : column.value(row)}
        </td>
      ))}
    </tr>
  );

  return (
    <div ref={box} className={style.box} style={{ maxHeight: height }} tabIndex={0} role="region" aria-label={props.label} data-walk={walkable || undefined}>
      <table className={style.table}>
        <thead>
          <tr>
            {columns.map((column) => {
              const active = sort.replace(/^-/, "") === column.key;
              const descending = sort.startsWith("-");
              const next = active ? (descending ? column.key : `-${column.key}`) : column.align === "right" ? `-${column.key}` : column.key;
              return (
                <th
                  key={column.key}
                  style={{ width: column.width }}
                  data-align={column.align}
                  data-wide={column.wide || undefined}
                  aria-sort={active ? (descending ? "descending" : "ascending") : undefined}
                >
                  {column.title === "" ? null : (
                    <button type="button" onClick={() => setSort(next)}>
                      {column.title}
                      <span aria-hidden="true">{active ? (descending ? " ↓" : " ↑") : ""}</span>
                    </button>
                  )}
                </th>
              );
            })}
          </tr>
        </thead>
        <tbody>
          {first > 0 && <tr aria-hidden="true" style={{ height: first }} />}
          {drawn
            ? drawn.map((item) => {
                const row = sorted[item.index];
                return row ? line(row, item.index) : null;
              })
            : sorted.map(line)}
          {last > 0 && <tr aria-hidden="true" style={{ height: last }} />}
        </tbody>
      </table>
    </div>
  );
}
