// A small word on a coloured ground.
import type { ReactNode } from "react";
import style from "./Tag.module.css";

export type Tone = "plain" | "good" | "warn" | "bad" | "info";

export function Tag({ tone = "plain", title, children }: { tone?: Tone; title?: string; children: ReactNode }) {
  return (
    <span className={style.tag} data-tone={tone} title={title}>
      {children}
    </span>
  );
}
