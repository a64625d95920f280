// The incidents that a story fell into, in the reader's language: the server's list holds their English titles only.
import { useIncident } from "../../api/incidents";
import { say } from "../../base/language";
import { incidentHref } from "../../base/links";
import { Go } from "../../components/Go";
import { Severity } from "../../components/Severity";
import { type Folded, incidentOf } from "./fold";
import style from "./operations.module.css";
import { useStoryWords } from "./words";

/** More than this are not named beside the answer. */
const NAMED = 3;

export function IncidentName({ id, title }: { id: string; title: string }) {
  const incident = useIncident(id);
  return (
    <span className={style.incident}>
      {incident.data && <Severity of={incident.data.severity} />}
      <Go to={incidentHref(id)} className="wrap">
        {incident.data ? say(incident.data.title) : title}
      </Go>
    </span>
  );
}

export function Behind({ of }: { of: Folded[] }) {
  const w = useStoryWords();
  const incidents = of.filter(incidentOf).slice(0, NAMED);
  if (incidents.length === 0) return null;
  return (
    <div className={style.behind}>
      <span>{w("partOf")}</span>
      {incidents.map((item) => (
        <IncidentName key={incidentOf(item)} id={incidentOf(item) ?? ""} title={item.name ?? ""} />
      ))}
    </div>
  );
}
