// One number with its name, in the large.
import type { ReactNode } from "react";
import style from "./Figure.module.css";

interface FigureProps {
  name: ReactNode;
  value: ReactNode;
  note?: ReactNode;
  tone?: "plain" | "good" | "warn" | "bad";
}

export function Figure({ name, value, note, tone = "plain" }: FigureProps) {
  return (
    <div className={style.figure} data-tone={tone}>
      <div className={style.name}>{name}</div>
      <div className={`${style.value} num`}>{value}</div>
      {note && <div className={style.note}>{note}</div>}
    </div>
  );
}

export function Figures({ children }: { children: ReactNode }) {
  return <div className={style.figures}>{children}</div>;
}
