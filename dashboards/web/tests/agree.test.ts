// The answers of alerting and the demo as this app names them hold the fields that the server describes, and no others
// are read: checked by the compiler, so that a field that was renamed there cannot be missed here.
import { expect, test } from "vitest";
import type { Rule, Silence } from "../src/api/alerting";
import type { Cause, ChangeVerdict, Evidence, Incident, IncidentAlert, IncidentHead, MergeReason, Told } from "../src/api/incidents";
import type { components } from "../src/api/schema";

type Described = components["schemas"];
/** Fields that this app reads and the server does not describe. */
type Unknown<Ours, Theirs> = Exclude<keyof Ours, keyof Theirs>;
type Agrees<Ours, Theirs> = [Unknown<Ours, Theirs>] extends [never] ? true : Unknown<Ours, Theirs>;

const agreed: [
  Agrees<IncidentHead, Described["IncidentSummary"]>,
  Agrees<Incident, Described["IncidentDetail"]>,
  Agrees<Cause, Described["CauseShown"]>,
  Agrees<Evidence, Described["EvidenceShown"]>,
  Agrees<IncidentAlert, Described["AlertShown"]>,
  Agrees<MergeReason, Described["ReasonShown"]>,
  Agrees<ChangeVerdict, Described["ChangeShown"]>,
  Agrees<Told, Described["MessageShown"]>,
  Agrees<Rule, Described["RuleShown"]>,
  Agrees<Silence, Described["SilenceShown"]>,
] = [true, true, true, true, true, true, true, true, true, true];

test("what is read of alerting is what the server describes", () => expect(agreed.every(Boolean)).toBe(true));
