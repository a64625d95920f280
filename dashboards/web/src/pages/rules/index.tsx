// The rules: what is watched, how each stands, and an editor that plays a rule over the past.
import { Button } from "@mantine/core";
import { RULES, type Rule, useRules } from "../../api/alerting";
import { useAddress } from "../../base/address";
import { count } from "../../base/format";
import { asSeverity, bySeverity } from "../../base/health";
import { useKeys } from "../../base/keys";
import { Answered } from "../../components/Answered";
import { type Column, DataTable } from "../../components/DataTable";
import { Icon } from "../../components/Icon";
import { PageHead, Panel } from "../../components/Panel";
import { Severity } from "../../components/Severity";
import { Source } from "../../components/Source";
import { Tag } from "../../components/Tag";
import { When } from "../../components/When";
import { Editor } from "./Editor";
import { useRuleWords } from "./words";

/** What the address says while a rule is being made. */
const NEW = "+";

function State({ of }: { of: Rule }) {
  const w = useRuleWords();
  if (!of.enabled) return <Tag>{w("off")}</Tag>;
  if (of.problem) return <Tag tone="warn" title={of.problem}>{w("problem")}</Tag>;
  if (of.firing > 0) return <Tag tone="bad">{w("firing", { count: of.firing })}</Tag>;
  if (of.pending > 0) return <Tag tone="warn">{w("pending", { count: of.pending })}</Tag>;
  if (of.warming_up > 0) return <Tag tone="info">{w("learning", { count: of.warming_up })}</Tag>;
  return <Tag tone="good">{w("quiet")}</Tag>;
}

export default function Rules() {
  const w = useRuleWords();
  const [search, change] = useAddress();
  const rules = useRules();
  const close = (): void => change({ rule: null });
  useKeys({ Escape: close });
  const columns: Column<Rule>[] = [
    { key: "name", title: w("name"), value: (row) => row.name, cell: (row) => <strong className="wrap">{row.name}</strong> },
    { key: "kind", title: w("kind"), value: (row) => row.kind, cell: (row) => w(row.kind as "red"), wide: true },
    { key: "severity", title: w("severity"), value: (row) => bySeverity("low", asSeverity(row.severity)), cell: (row) => <Severity of={row.severity} /> },
    { key: "state", title: w("state"), value: (row) => row.firing, cell: (row) => <State of={row} /> },
    { key: "series", title: w("series"), value: (row) => row.series, align: "right", cell: (row) => count(row.series), wide: true },
    { key: "evaluated", title: w("evaluated"), value: (row) => row.evaluated_at, align: "right", cell: (row) => <When time={row.evaluated_at} />, wide: true },
    { key: "origin", title: w("origin"), value: (row) => row.origin, cell: (row) => <span className="dim">{w(row.origin as "default")}</span>, wide: true },
  ];
  const chosen = rules.data?.items.find((rule) => rule.name === search.rule) ?? null;
  return (
    <>
      <PageHead
        title={w("title")}
        about={w("about")}
        actions={
          <>
            <Source url={RULES} />
            <Button size="xs" leftSection={<Icon name="plus" size={13} />} onClick={() => change({ rule: NEW }, "push")}>
              {w("add")}
            </Button>
          </>
        }
      />
      {(chosen || search.rule === NEW) && <Editor key={chosen?.name ?? NEW} rule={chosen} onClose={close} />}
      <Panel flush>
        <Answered of={rules} isEmpty={(data) => data.items.length === 0} missing={{ title: w("none"), command: "stormglass rules check my-rules.yaml" }}>
          {(data) => (
            <DataTable
              name="rules"
              label={w("title")}
              columns={columns}
              rows={data.items}
              rowKey={(row) => row.name}
              onOpen={(row) => change({ rule: row.name }, "push")}
              sort="-state"
              height={720}
            />
          )}
        </Answered>
      </Panel>
    </>
  );
}
