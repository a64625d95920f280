// One rule as text: checked while it is typed, played over the past before it is saved.
import { Button, SegmentedControl, Textarea } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useState } from "react";
import { RULES, type Rule, useChange, useCheckedRules, useReplay } from "../../api/alerting";
import { Typed } from "../../api/client";
import { TroubleNote } from "../../components/Answered";
import { Icon } from "../../components/Icon";
import { Panel } from "../../components/Panel";
import { Replayed } from "./Replayed";
import style from "./rules.module.css";
import { useRuleWords } from "./words";

const TEMPLATE = `name: orders-failing
kind: red
selector: {service: order-service}
condition: {measure: error_rate, above: 5%}
for: 1m
severity: high
`;

const pathOf = (name: string): string => `${RULES}/${encodeURIComponent(name)}`;

function Verdict({ text }: { text: string }) {
  const w = useRuleWords();
  const [settled] = useDebouncedValue(text, 400);
  const checked = useCheckedRules(settled);
  if (checked.error) return <TroubleNote error={checked.error} />;
  if (!checked.data) return null;
  if (checked.data.problems.length === 0) return <p className={style.good}>{w("good", { names: checked.data.good.join(", ") })}</p>;
  return (
    <ul className={style.problems} role="alert">
      {checked.data.problems.map((problem) => (
        <li key={problem.at + problem.what + problem.line} className="wrap">
          {problem.line !== null && <strong className="num">{w("line", { line: problem.line, column: problem.column ?? 1 })}: </strong>}
          {problem.at && <span className="mono">{problem.at}: </span>}
          {problem.what}
        </li>
      ))}
    </ul>
  );
}

export function Editor({ rule, onClose }: { rule: Rule | null; onClose: () => void }) {
  const w = useRuleWords();
  const [text, setText] = useState(rule ? JSON.stringify(rule.rule, null, 2) : TEMPLATE);
  const [back, setBack] = useState("now-1d");
  const change = useChange();
  const replay = useReplay();
  const save = (): void => change.mutate(rule ? { method: "PUT", path: pathOf(rule.name), body: new Typed(text) } : { method: "POST", path: RULES, body: new Typed(text) });
  const turn = (): void => {
    if (rule) change.mutate({ method: "PUT", path: pathOf(rule.name), body: { ...rule.rule, name: rule.name, enabled: !rule.enabled } }, { onSuccess: onClose });
  };
  return (
    <Panel
      title={rule ? `${w("editTitle")}: ${rule.name}` : w("newTitle")}
      actions={
        <Button size="compact-sm" variant="subtle" color="gray" onClick={onClose} leftSection={<Icon name="close" size={13} />}>
          {w("close")}
        </Button>
      }
    >
      <div className="stack">
        {rule?.problem && <p className={style.problems}>{rule.problem}</p>}
        <Textarea
          label={w("text")}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          rows={Math.min(22, Math.max(8, text.split("\n").length))}
          spellCheck={false}
          classNames={{ input: style.text }}
        />
        <Verdict text={text} />
        <div className="row">
          <Button size="xs" onClick={save} loading={change.isPending}>
            {w("save")}
          </Button>
          {rule && (
            <Button size="xs" variant="default" onClick={turn} loading={change.isPending}>
              {rule.enabled ? w("disable") : w("enable")}
            </Button>
          )}
          {rule?.origin === "api" && (
            <Button size="xs" variant="default" color="red" onClick={() => change.mutate({ method: "DELETE", path: pathOf(rule.name) }, { onSuccess: onClose })}>
              {w("remove")}
            </Button>
          )}
          <span className="grow" />
          <SegmentedControl
            size="xs"
            value={back}
            onChange={setBack}
            data={[
              { value: "now-1d", label: w("day") },
              { value: "now-3d", label: w("days") },
              { value: "now-14d", label: w("fortnight") },
            ]}
          />
          <Button size="xs" variant="light" onClick={() => replay.mutate({ text, from: back })} loading={replay.isPending}>
            {w("backtest")}
          </Button>
        </div>
        {change.error && <TroubleNote error={change.error} />}
        {change.isSuccess && <p className={style.good}>{w("saved")}</p>}
        {replay.isPending && <p className="dim">{w("playing")}</p>}
        {replay.error && <TroubleNote error={replay.error} />}
        {replay.data?.results.map((result) => <Replayed key={result.rule} of={result} from={replay.data.from} to={replay.data.to} />)}
      </div>
    </Panel>
  );
}
