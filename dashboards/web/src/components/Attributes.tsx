// Attributes of telemetry as a list of keys and values: text only, with what can be asked about each.
import { useMemo, useState } from "react";
import { TextInput } from "@mantine/core";
import { phrases } from "../base/language";
import { storyHref } from "../base/links";
import style from "./Attributes.module.css";
import { Go } from "./Go";

const useWords = phrases("attributes", {
  find: ["Find a key or value", "查找键或值"],
  story: ["story", "业务经过"],
  similar: ["find", "查找"],
  none: ["none", "无"],
});

/** From so many on a field to search in them is shown. */
const SEARCHED_FROM = 12;
/** Keys that business people ask by. */
const BUSINESS = /^(order|user|member|sku|store|tenant|coupon|payment)\.id$/;

interface AttributesProps {
  of: Record<string, string | null | undefined>;
  /** The address that finds others with the same value. */
  similar?: (key: string, value: string) => string;
}

function Pair({ name, value, similar }: { name: string; value: string; similar?: AttributesProps["similar"] }) {
  const w = useWords();
  return (
    <div className={style.pair}>
      <dt>{name}</dt>
      <dd>
        <span className={style.value}>{value === "" ? <span className="dim">“”</span> : value}</span>
        <span className={style.actions}>
          {BUSINESS.test(name) && <Go to={storyHref({ key: name, value })}>{w("story")}</Go>}
          {similar && value.length <= 1_000 && <Go to={similar(name, value)}>{w("similar")}</Go>}
        </span>
      </dd>
    </div>
  );
}

export function Attributes({ of, similar }: AttributesProps) {
  const w = useWords();
  const [wanted, setWanted] = useState("");
  const pairs = useMemo(() => Object.entries(of).map(([key, value]) => [key, value ?? ""] as const).sort(([a], [b]) => a.localeCompare(b)), [of]);
  const text = wanted.trim().toLowerCase();
  const shown = text ? pairs.filter(([key, value]) => key.toLowerCase().includes(text) || value.toLowerCase().includes(text)) : pairs;
  if (pairs.length === 0) return <span className="dim small">{w("none")}</span>;
  return (
    <div>
      {pairs.length >= SEARCHED_FROM && (
        <TextInput size="xs" mb={6} placeholder={w("find")} aria-label={w("find")} value={wanted} onChange={(event) => setWanted(event.currentTarget.value)} />
      )}
      <dl className={style.table}>
        {shown.map(([key, value]) => (
          <Pair key={key} name={key} value={value} similar={similar} />
        ))}
      </dl>
    </div>
  );
}
