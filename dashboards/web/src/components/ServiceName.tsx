// A service with the colour that it has among others: the same in the waterfall, its summary and its lists.
import style from "./ServiceName.module.css";

const TINTS = 12;

/** Classes that set `--tint`, one per service; twelve colours, then again from the first. */
export function tints(services: string[]): Map<string, string> {
  const names = [...new Set(services)].sort();
  return new Map(names.map((name, at) => [name, style[`t${at % TINTS}`] ?? ""]));
}

/** The tint of a service that stands alone: by its name, so that it is the same on every page. */
export function tintOf(service: string): string {
  let sum = 0;
  for (let at = 0; at < service.length; at += 1) sum = (sum * 31 + service.charCodeAt(at)) >>> 0;
  return style[`t${sum % TINTS}`] ?? "";
}

export function ServiceName({ name, tint, clip = false }: { name: string; tint?: string; clip?: boolean }) {
  return (
    <span className={`${style.service} ${clip ? style.clipped : ""} ${tint ?? tintOf(name)}`} title={name}>
      <span className={style.mark} aria-hidden="true" />
      <span className={clip ? "clip" : "lines-2"}>{name}</span>
    </span>
  );
}
