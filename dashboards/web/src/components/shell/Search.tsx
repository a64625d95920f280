// One box for everything: services by name, traces and incidents by id, orders and request ids by their text.
import { Kbd } from "@mantine/core";
import { type KeyboardEvent, useMemo, useRef, useState } from "react";
import { useRead } from "../../api/read";
import { useWindow } from "../../base/address";
import { type Meaning, guesses } from "../../base/guess";
import { useKeys } from "../../base/keys";
import { phrases } from "../../base/language";
import { serviceHref } from "../../base/links";
import { useGo } from "../Go";
import { HealthMark } from "../HealthMark";
import { Icon, type IconName } from "../Icon";
import style from "./Search.module.css";
import { useShellWords } from "./words";

const useWords = phrases("search", {
  trace: ["Trace", "链路"],
  request: ["What happened to request", "查看请求"],
  key: ["What happened to", "查看业务对象"],
  incident: ["Incident", "故障"],
  logs: ["Logs with", "搜索日志"],
  hint: ["A service, order number, request id, trace id, or key=value", "服务名、订单号、请求 ID、链路 ID 或 键=值"],
});

const ICONS: Record<Meaning, IconName> = { trace: "traces", request: "operations", key: "operations", incident: "incidents", logs: "logs" };
const SERVICES_MAX = 6;

interface Choice {
  id: string;
  to: string;
  icon?: IconName;
  health?: string;
  lead?: string;
  text: string;
}

function useChoices(typed: string, open: boolean): Choice[] {
  const w = useWords();
  const { window } = useWindow();
  const services = useRead("/api/v1/services", { query: { from: window.from, to: window.to }, when: open });
  return useMemo(() => {
    const wanted = typed.trim().toLowerCase();
    const named = (services.data?.items as { name: string; health?: string }[] | undefined) ?? [];
    const fitting = named.filter((service) => service.name.toLowerCase().includes(wanted)).slice(0, SERVICES_MAX);
    return [
      ...fitting.map((service) => ({ id: `s:${service.name}`, to: serviceHref(service.name), health: service.health ?? "unknown", text: service.name })),
      ...guesses(typed).map((guess) => ({ id: guess.meaning, to: guess.to, icon: ICONS[guess.meaning], lead: w(guess.meaning), text: guess.text })),
    ];
  }, [services.data, typed, w]);
}

export function Search() {
  const w = useWords();
  const shell = useShellWords();
  const go = useGo();
  const field = useRef<HTMLInputElement>(null);
  const [typed, setTyped] = useState("");
  const [open, setOpen] = useState(false);
  const [at, setAt] = useState(0);
  const choices = useChoices(typed, open);
  useKeys({
    "/": (event) => {
      event.preventDefault();
      field.current?.focus();
    },
  });
  const choose = (choice: Choice | undefined): void => {
    if (!choice) return;
    go(choice.to);
    setTyped("");
    field.current?.blur();
  };
  const press = (event: KeyboardEvent): void => {
    if (event.key === "ArrowDown") setAt((place) => Math.min(place + 1, choices.length - 1));
    else if (event.key === "ArrowUp") setAt((place) => Math.max(place - 1, 0));
    else if (event.key === "Enter") choose(choices[at]);
    else if (event.key === "Escape") field.current?.blur();
    else return;
    event.preventDefault();
  };
  return (
    <div className={style.search} role="search">
      <Icon name="search" size={15} />
      <input
        ref={field}
        value={typed}
        placeholder={shell("search")}
        aria-label={shell("search")}
        role="combobox"
        aria-expanded={open}
        aria-controls="found"
        aria-activedescendant={open && choices[at] ? `found-${at}` : undefined}
        autoComplete="off"
        spellCheck={false}
        onChange={(event) => {
          setTyped(event.currentTarget.value);
          setAt(0);
        }}
        onFocus={() => setOpen(true)}
        onBlur={() => setOpen(false)}
        onKeyDown={press}
      />
      <Kbd size="xs" className={style.key}>
        /
      </Kbd>
      {open && (
        <div id="found" role="listbox" aria-label={shell("search")} className={style.found}>
          {choices.map((choice, place) => (
            <div
              key={choice.id}
              id={`found-${place}`}
              role="option"
              aria-selected={place === at}
              className={style.choice}
              onMouseDown={(event) => {
                event.preventDefault();
                choose(choice);
              }}
              onMouseEnter={() => setAt(place)}
            >
              {choice.icon ? <Icon name={choice.icon} size={14} /> : <HealthMark health={choice.health} />}
              {choice.lead && <span className="dim nowrap">{choice.lead}</span>}
              <span className="clip">{choice.text}</span>
            </div>
          ))}
          <div className={`${style.hint} dim small`}>{w("hint")}</div>
        </div>
      )}
    </div>
  );
}
