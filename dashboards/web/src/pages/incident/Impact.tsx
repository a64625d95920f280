// Who is hurt: operations with their failed calls, tenants, users, business operations, and the list as a file.
import { Button } from "@mantine/core";
import { useState } from "react";
import { address, readJson } from "../../api/client";
import { INCIDENTS, type Incident, type Page } from "../../api/incidents";
import { askSql } from "../../api/read";
import { csv, download } from "../../base/csv";
import { count, percent } from "../../base/format";
import { hurtQuestion } from "../../base/hurt";
import { Empty, Partial, TroubleNote } from "../../components/Answered";
import { EntityLink } from "../../components/EntityLink";
import { Icon } from "../../components/Icon";
import { Panel } from "../../components/Panel";
import { Hurt } from "./Hurt";
import style from "./incident.module.css";
import { useIncidentWords } from "./words";

/** Pages of the list that are written into one file, and rows of one page. */
const PAGES_MAX = 200;
const PAGE_ROWS = 10_000;

async function exportList(url: string, name: string, told: (rows: number) => void): Promise<void> {
  const rows: Record<string, unknown>[] = [];
  let cursor: string | null = null;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const next = cursor ? `${url}${url.includes("?") ? "&" : "?"}cursor=${encodeURIComponent(cursor)}` : url;
    const answer: Page<Record<string, unknown>> = await readJson(next);
    rows.push(...answer.items);
    told(rows.length);
    cursor = answer.next_cursor ?? null;
    if (!cursor) break;
  }
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  download(`${name}.csv`, csv(columns, rows.map((row) => columns.map((column) => row[column]))));
}

/** Failed requests of one file. */
const REQUESTS_MAX = 100_000;

/** The failed requests, with order, tenant and store: where no business operation has told of its failure. Why the list is cut, if it is. */
async function exportRequests(question: string, name: string): Promise<string | null> {
  const { columns, rows, complete, incomplete_reason } = await askSql(question, REQUESTS_MAX);
  download(`${name}.csv`, csv(columns.map((column) => column.name), rows));
  return complete ? null : (incomplete_reason ?? null);
}

export function Impact({ of }: { of: Incident }) {
  const w = useIncidentWords();
  const [rows, setRows] = useState<number | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [cut, setCut] = useState<string | null>(null);
  const { impact } = of;
  const { fault_at, mitigated_at } = of.clocks;
  const question = hurtQuestion(impact?.operations ?? [], fault_at ?? of.opened_at, mitigated_at ?? of.resolved_at ?? null, null);
  const list = address(`${INCIDENTS}/{id}/impact`, { limit: PAGE_ROWS }, { id: of.id });
  const write = async (): Promise<void> => {
    setError(null);
    setCut(null);
    setRows(0);
    try {
      if (impact && impact.business_operations > 0) await exportList(list, of.id, setRows);
      else if (question) setCut(await exportRequests(question, of.id));
    } catch (reason) {
      setError(reason);
    } finally {
      setRows(null);
    }
  };
  const hurt = !!impact && (impact.operations.length > 0 || impact.tenants.length > 0 || impact.business_operations > 0);
  return (
    <Panel
      title={w("impact")}
      actions={
        hurt && (impact.business_operations > 0 || question) && (
          <Button size="compact-sm" variant="default" leftSection={<Icon name="download" size={13} />} onClick={() => void write()} disabled={rows !== null}>
            {rows === null ? w("export") : w("exporting", { count: count(rows) })}
          </Button>
        )
      }
    >
      {!!error && <TroubleNote error={error} />}
      {cut && <Partial reason={cut} />}
      {impact && !impact.complete && <Partial reason={impact.incomplete_reason} />}
      {!hurt || !impact ? (
        <Empty title={w("noImpact")} />
      ) : (
        <div className="stack">
          <div className={style.counts}>
            {impact.business_operations > 0 && (
              <span>
                <strong className="num">{count(impact.business_operations)}</strong> {w("businessOperations")}
              </span>
            )}
            {impact.users != null && (
              <span>
                <strong className="num">{count(impact.users)}</strong> {w("users")}
              </span>
            )}
            <span>
              <strong className="num">{count(impact.tenants_total)}</strong> {w("tenants")}
            </span>
          </div>
          {impact.operations.length > 0 && <table className={style.table}>
            <thead>
              <tr>
                <th>{w("operation")}</th>
                <th>{w("failed")}</th>
                <th>{w("share")}</th>
              </tr>
            </thead>
            <tbody>
              {impact.operations.slice(0, 10).map((operation) => (
                <tr key={operation.entity}>
                  <td>
                    <EntityLink of={operation.entity} kind={false} />
                  </td>
                  <td className="num">{count(operation.failed)}</td>
                  <td className="num">{percent(operation.share)}</td>
                </tr>
              ))}
            </tbody>
          </table>}
          <Hurt of={of} />
          {impact.tenants.length > 0 && (
            <div className="row small" style={{ gap: 5 }}>
              {impact.tenants.slice(0, 24).map((tenant) => (
                <span key={tenant.key + tenant.value} className={`${style.chip} mono`} title={tenant.key}>
                  {tenant.value} <span className="dim num">{count(tenant.failed)}</span>
                </span>
              ))}
            </div>
          )}
        </div>
      )}
    </Panel>
  );
}
