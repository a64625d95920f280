// Fields that filter lists, each kept in the address: texts taken over by Enter or on leaving, and attributes as
// key=value that stand as chips.
import { Autocomplete, TextInput } from "@mantine/core";
import { type ReactNode, useEffect, useState } from "react";
import { useAttributeKeys } from "../api/tables";
import { useAddress } from "../base/address";
import { phrases } from "../base/language";
import style from "./FilterBar.module.css";
import { Icon, type IconName } from "./Icon";

const useWords = phrases("filter", {
  filters: ["Filters", "筛选条件"],
  remove: ["Remove {{name}}", "移除 {{name}}"],
  attribute: ["attribute=value", "属性=值"],
  attributeHint: ["Write it as key=value, such as order.id=O123", "请写成 键=值，例如 order.id=O123"],
});

export function FilterBar({ children }: { children: ReactNode }) {
  const w = useWords();
  return (
    <div className={style.bar} role="search" aria-label={w("filters")}>
      {children}
    </div>
  );
}

interface FieldProps {
  /** The key of the address. */
  name: string;
  label: string;
  width?: number;
  icon?: IconName;
  /** Names that can be chosen; others can be typed. */
  choices?: string[];
  /** From what is typed to what the address holds; null refuses it. */
  read?: (text: string) => string | null;
  write?: (held: string) => string;
  fault?: string;
}

/** A field whose text stands in the address once it is entered. */
export function FilterField({ name, label, width = 170, icon, choices, read = (text) => text, write = (held) => held, fault }: FieldProps) {
  const [search, change] = useAddress();
  const held = search[name] ?? "";
  const [typed, setTyped] = useState(() => (held ? write(held) : ""));
  const [wrong, setWrong] = useState(false);
  useEffect(() => {
    setTyped(held ? write(held) : "");
    setWrong(false);
  }, [held]);
  const enter = (text: string): void => {
    const trimmed = text.trim();
    const value = trimmed === "" ? "" : read(trimmed);
    setWrong(value === null);
    if (value !== null && value !== held) change({ [name]: value }, "push");
  };
  const shared = {
    size: "xs" as const,
    w: width,
    placeholder: label,
    "aria-label": label,
    value: typed,
    error: wrong ? fault : undefined,
    leftSection: icon ? <Icon name={icon} size={13} /> : undefined,
    onBlur: () => enter(typed),
  };
  if (!choices) {
    return <TextInput {...shared} onChange={(event) => setTyped(event.currentTarget.value)} onKeyDown={(event) => event.key === "Enter" && enter(typed)} />;
  }
  return (
    <Autocomplete
      {...shared}
      data={choices}
      limit={60}
      onChange={setTyped}
      onOptionSubmit={(chosen) => enter(chosen)}
      onKeyDown={(event) => event.key === "Enter" && enter(typed)}
      comboboxProps={{ width: "max-content", position: "bottom-start" }}
    />
  );
}

/** Chips for what the address says under `attr.` and `resource.`. */
export function FilterChips({ names = [] }: { names?: string[] }) {
  const w = useWords();
  const [search, change] = useAddress();
  const keys = Object.keys(search).filter((key) => search[key] !== undefined && (key.startsWith("attr.") || key.startsWith("resource.") || names.includes(key)));
  return keys.map((key) => (
    <span key={key} className={style.chip}>
      <span className="clip">
        {key.replace(/^attr\./, "")}={search[key]}
      </span>
      <button type="button" aria-label={w("remove", { name: key })} onClick={() => change({ [key]: null }, "push")}>
        <Icon name="close" size={11} />
      </button>
    </span>
  ));
}

/** What is no attribute but a column of its own. */
const COLUMNS = { spans: ["service", "operation", "request_id"], logs: ["service", "request_id", "trace_id", "span_id"] };

/** The key of the address for a key that was typed. */
export const parameter = (key: string, table: "spans" | "logs"): string =>
  key.startsWith("resource.") || key.startsWith("attr.") || COLUMNS[table].includes(key) ? key : key === "request.id" ? "request_id" : `attr.${key}`;

/** Adds an attribute to the filter. */
export function AttributeField({ table }: { table: "spans" | "logs" }) {
  const w = useWords();
  const [, change] = useAddress();
  const [typed, setTyped] = useState("");
  const [wrong, setWrong] = useState(false);
  const [near, setNear] = useState(false);
  const keys = useAttributeKeys(table, near).data ?? [];
  const add = (): void => {
    const pair = /^\s*([^=\s]+)\s*=\s*(.+?)\s*$/.exec(typed);
    setWrong(!pair && typed.trim() !== "");
    if (!pair?.[1] || !pair[2]) return;
    change({ [parameter(pair[1], table)]: pair[2] }, "push");
    setTyped("");
  };
  return (
    <Autocomplete
      size="xs"
      w={150}
      placeholder={w("attribute")}
      aria-label={w("attribute")}
      value={typed}
      error={wrong ? w("attributeHint") : undefined}
      data={typed.includes("=") ? [] : keys}
      limit={40}
      onFocus={() => setNear(true)}
      onChange={setTyped}
      onOptionSubmit={(key) => setTimeout(() => setTyped(`${key}=`))}
      onKeyDown={(event) => event.key === "Enter" && typed.includes("=") && add()}
      comboboxProps={{ width: "max-content", position: "bottom-start" }}
    />
  );
}
