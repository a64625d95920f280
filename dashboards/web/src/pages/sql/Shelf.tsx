// Beside the editor: what was saved, examples to begin with, and the tables with their columns.
import { ActionIcon } from "@mantine/core";
import type { Schema } from "../../api/tables";
import { Icon } from "../../components/Icon";
import { Panel } from "../../components/Panel";
import { short } from "./completion";
import type { Saved } from "./saved";
import style from "./sql.module.css";
import { useSqlWords } from "./words";

const EXAMPLES = [
  ["exampleSlow", "SELECT service, operation, count(*) AS calls,\n  p50(duration_ns) / 1e6 AS p50_ms, p99(duration_ns) / 1e6 AS p99_ms\nFROM spans\nWHERE kind = 'server' AND time >= now() - INTERVAL '15 minutes'\nGROUP BY service, operation\nORDER BY p99_ms DESC\nLIMIT 50"],
  ["exampleErrors", "SELECT date_bin(INTERVAL '1 minute', time) AS minute, service, sum(errors) AS errors\nFROM red\nWHERE time >= now() - INTERVAL '1 hour'\nGROUP BY 1, 2\nORDER BY 1"],
  ["exampleSql", "SELECT service, attributes['db.query.text'] AS statement, count(*) AS calls, max(duration_ns) AS slowest_ns\nFROM spans\nWHERE attributes['db.query.text'] IS NOT NULL AND time >= now() - INTERVAL '15 minutes'\nGROUP BY 1, 2\nORDER BY slowest_ns DESC\nLIMIT 50"],
  ["exampleLogs", "SELECT service, severity_text, body, count(*) AS records\nFROM logs\nWHERE severity >= 13 AND time >= now() - INTERVAL '1 hour'\nGROUP BY 1, 2, 3\nORDER BY records DESC\nLIMIT 50"],
  ["exampleBusiness", "SELECT date_bin(INTERVAL '1 minute', time) AS minute, operation, count(*) AS operations\nFROM business_events\nWHERE phase <> 'create' AND time >= now() - INTERVAL '1 hour'\nGROUP BY 1, 2\nORDER BY 1"],
  ["exampleLedger", "SELECT sender, signal, sum(received) AS received, sum(stored) AS stored, sum(queryable) AS queryable, sum(refused) AS refused\nFROM ledger\nGROUP BY sender, signal\nORDER BY received DESC"],
] as const;

interface ShelfProps {
  saved: Saved[];
  schema: Schema | undefined;
  onTake: (sql: string) => void;
  onRemove: (name: string) => void;
}

export function Shelf({ saved, schema, onTake, onRemove }: ShelfProps) {
  const w = useSqlWords();
  return (
    <div className="stack">
      <Panel title={w("examples")}>
        <ul className={style.list}>
          {EXAMPLES.map(([name, sql]) => (
            <li key={name} className={style.entry}>
              <button type="button" onClick={() => onTake(sql)}>
                {w(name)}
              </button>
            </li>
          ))}
        </ul>
      </Panel>
      <Panel title={w("saved")}>
        {saved.length === 0 && <p className="dim small">{w("noSaved")}</p>}
        <ul className={style.list}>
          {saved.map(({ name, sql }) => (
            <li key={name} className={style.entry}>
              <button type="button" onClick={() => onTake(sql)}>
                {name}
              </button>
              <ActionIcon size="sm" variant="subtle" color="gray" aria-label={w("remove", { name })} onClick={() => onRemove(name)}>
                <Icon name="trash" size={13} />
              </ActionIcon>
            </li>
          ))}
        </ul>
      </Panel>
      <Panel title={w("tables")} className={style.tables}>
        {Object.entries(schema?.tables ?? {}).map(([table, columns]) => (
          <details key={table}>
            <summary>{table}</summary>
            <ul className={style.columns}>
              {columns.map(({ name, type }) => (
                <li key={name}>
                  <span className="mono wrap">{name}</span>
                  <span className="dim">{short(type)}</span>
                </li>
              ))}
            </ul>
          </details>
        ))}
      </Panel>
    </div>
  );
}
