// Some of those who were hurt, by order or request, each with its whole story a click away.
import type { Incident } from "../../api/incidents";
import { useSql } from "../../api/read";
import { hurtOf, hurtQuestion } from "../../base/hurt";
import { Go } from "../../components/Go";
import { When } from "../../components/When";
import style from "./incident.module.css";
import { useIncidentWords } from "./words";

export function Hurt({ of }: { of: Incident }) {
  const w = useIncidentWords();
  const { fault_at, mitigated_at } = of.clocks;
  const question = hurtQuestion(of.impact?.operations ?? [], fault_at ?? of.opened_at, mitigated_at ?? of.resolved_at ?? null);
  const found = useSql(question ?? "", { when: question !== null });
  const hurt = hurtOf(found.data?.rows ?? []);
  if (hurt.length === 0) return null;
  return (
    <div>
      <h3>{w("someOfThem")}</h3>
      <ul className={style.plain}>
        {hurt.map((one) => (
          <li key={one.to} className={style.line}>
            <When time={one.time} as="clock" />
            <span className="wrap grow">
              <span className="dim small">{one.key === "request_id" || one.key === "trace_id" ? one.key : one.key.replace(/\.id$/, "")}</span>{" "}
              <Go to={one.to} className="mono">
                {one.value}
              </Go>{" "}
              <span className="dim small">{one.what}</span>
            </span>
            <span className="dim small mono">{one.place}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}
