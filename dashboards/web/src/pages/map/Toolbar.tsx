// What of the map is shown: all of it in the address.
import { Autocomplete, Button, SegmentedControl, Select, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { useState } from "react";
import { useSql } from "../../api/read";
import { useAddress, useWindow } from "../../base/address";
import { entity } from "../../base/links";
import { sqlWindow } from "../../base/time";
import { Icon } from "../../components/Icon";
import style from "./map.module.css";
import { useMapWords } from "./words";

const HOPS = ["1", "2", "3", "4"];

/** Two groups of requests by an attribute each; asked when both are written. */
function Cohorts() {
  const w = useMapWords();
  const [search, change] = useAddress();
  const [a, setA] = useState(search.a ?? "");
  const [b, setB] = useState(search.b ?? "");
  const put = useDebouncedCallback((next: { a: string; b: string }) => change(next), 400);
  return (
    <>
      <TextInput size="xs" w={148} leftSection="A" placeholder={w("cohortA")} aria-label={w("cohortA")} value={a} onChange={(event) => { setA(event.currentTarget.value); put({ a: event.currentTarget.value, b }); }} />
      <TextInput size="xs" w={148} leftSection="B" placeholder={w("cohortB")} aria-label={w("cohortB")} value={b} onChange={(event) => { setB(event.currentTarget.value); put({ a, b: event.currentTarget.value }); }} />
    </>
  );
}

const LANES_MAX = 50;

/** The lanes that had calls in the window, looked for when somebody wants to choose; any other can be typed. */
function Lane() {
  const w = useMapWords();
  const [search, change] = useAddress();
  const { window } = useWindow();
  const [wanted, setWanted] = useState(false);
  const [text, setText] = useState(search.lane ?? "");
  const put = useDebouncedCallback((lane: string) => change({ lane }), 400);
  const found = useSql(`SELECT lane, sum(calls) AS calls FROM red WHERE lane <> '' AND ${sqlWindow(window)} GROUP BY 1 ORDER BY 2 DESC LIMIT ${LANES_MAX}`, { when: wanted });
  return (
    <Autocomplete
      size="xs"
      w={150}
      placeholder={`${w("lane")}: ${w("laneHint")}`}
      aria-label={w("lane")}
      value={text}
      onFocus={() => setWanted(true)}
      onChange={(lane) => {
        setText(lane);
        put(lane);
      }}
      data={(found.data?.rows ?? []).map(([lane]) => String(lane))}
      limit={LANES_MAX}
      clearable
    />
  );
}

export function Toolbar() {
  const w = useMapWords();
  const [search, change] = useAddress();
  const find = useDebouncedCallback((text: string) => change({ find: text }), 200);
  const level = search.level ?? "service";
  return (
    <div className={style.toolbar}>
      <TextInput
        size="xs"
        w={190}
        leftSection={<Icon name="search" size={13} />}
        placeholder={w("search")}
        aria-label={w("search")}
        defaultValue={search.find ?? ""}
        onChange={(event) => find(event.currentTarget.value)}
      />
      <SegmentedControl
        size="xs"
        aria-label={w("level")}
        value={level}
        onChange={(value) => change({ level: value === "service" ? null : value, node: null, focus: null }, "push")}
        data={(["service", "operation", "infrastructure"] as const).map((value) => ({ value, label: w(value) }))}
      />
      {level === "service" && (
        <Select
          size="xs"
          w={165}
          aria-label={w("collapse")}
          value={search.collapse ?? ""}
          onChange={(value) => change({ collapse: value, node: null }, "push")}
          allowDeselect={false}
          data={[
            { value: "", label: `${w("collapse")}: ${w("collapseNone")}` },
            { value: "namespace", label: w("collapseNamespace") },
            { value: "team", label: w("collapseTeam") },
          ]}
        />
      )}
      <Select
        size="xs"
        w={205}
        aria-label={w("compare")}
        value={search.base ?? ""}
        onChange={(value) => change({ base: value }, "push")}
        allowDeselect={false}
        data={[
          { value: "", label: `${w("compare")}: ${w("compareOff")}` },
          { value: "previous", label: w("comparePrevious") },
          { value: "1h", label: w("compareHour") },
          { value: "1d", label: w("compareDay") },
          { value: "7d", label: w("compareWeek") },
          { value: "cohorts", label: w("compareCohorts") },
        ]}
      />
      {search.base === "cohorts" && <Cohorts />}
      {search.base !== "cohorts" && <Lane />}
      {search.focus && (
        <div className="row" style={{ gap: 6 }}>
          <span className="nowrap">
            {w("focus")}: <strong>{entity(search.focus).name}</strong>
          </span>
          <SegmentedControl
            size="xs"
            aria-label={w("focus")}
            value={search.hops ?? "1"}
            onChange={(value) => change({ hops: value })}
            data={HOPS.map((value) => ({ value, label: w("hops", { count: Number(value) }) }))}
          />
          <Button size="compact-xs" variant="default" onClick={() => change({ focus: null, hops: null }, "push")}>
            {w("focusOff")}
          </Button>
        </div>
      )}
    </div>
  );
}
