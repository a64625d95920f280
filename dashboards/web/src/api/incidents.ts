// Incidents, alerts, rules, silences, routes, receivers and deliveries as the server answers them.
import type { UseQueryResult } from "@tanstack/react-query";
import type { Bilingual } from "../base/language";
import type { Query } from "./client";
import { type Asking, useAnswer } from "./read";

export interface Page<T> {
  items: T[];
  next_cursor: string | null;
  complete: boolean;
  incomplete_reason: string | null;
}

export type IncidentState = "open" | "acknowledged" | "mitigated" | "resolved";

export interface Clocks {
  fault_at: string | null;
  detected_at: string | null;
  notified_at: string | null;
  acknowledged_at: string | null;
  located_at: string | null;
  mitigated_at: string | null;
  resolved_at: string | null;
}

export interface CauseHead {
  entity: string;
  kind: string;
  score: number;
  /** low, medium or high. */
  confidence: string | null;
}

export interface IncidentHead {
  id: string;
  title: Bilingual;
  state: IncidentState;
  severity: string;
  opened_at: string;
  updated_at: string;
  resolved_at: string | null;
  cause: CauseHead | null;
  undetermined: boolean;
  /** Different alerts in it. */
  alert_count: number;
  firing: number;
  /** Times any of them was told. */
  told: number;
  services: string[];
  owner: string | null;
  team: string | null;
  assignee: string | null;
  reopened: number;
  /** The incident that this one became part of. */
  merged_into: string | null;
  clocks: Partial<Clocks>;
}

export interface Evidence {
  kind: string;
  entity: string;
  text: Bilingual;
  /** How much it tells, in bits. */
  bits: number;
  now: number | null;
  reference: number | null;
  unit: string | null;
  /** SQL that shows it again. */
  query: string | null;
  points: [string | number, number | null][];
  traces: string[];
}

export interface Cause extends CauseHead {
  rank: number;
  since: string | null;
  /** Began later than the first symptom: a follower. */
  later: boolean;
  change: string | null;
  evidence: Evidence[];
  against: Evidence[];
}

export interface MergeReason {
  rule: string;
  text: Bilingual;
  /** From the alert's entity to the one it joined by. */
  via: string[];
  affinity: number | null;
}

export interface IncidentAlert {
  fingerprint: string;
  name: string;
  entity: string | null;
  severity: string;
  state: "pending" | "firing" | "flapping" | "resolved";
  starts_at: string;
  ends_at: string | null;
  count: number;
  source: string;
  role: "cause" | "symptom";
  reason: MergeReason | null;
  joined_at: string;
  /** The entity that explains it. */
  explained_by?: string | null;
  labels: Record<string, string>;
  annotations: Record<string, string>;
}

export interface IncidentImpact {
  operations: { entity: string; calls: number; failed: number; share: number }[];
  tenants: { key: string; value: string; failed: number }[];
  users: number | null;
  business_operations: number;
  complete: boolean;
  items_url: string | null;
}

export interface ChangeVerdict {
  id: string;
  time: string;
  kind: string;
  target: string;
  version: string | null;
  previous_version: string | null;
  author: string | null;
  title: string | null;
  /** Held to be the culprit, or cleared. */
  suspect: boolean;
  score: number;
  reason: Bilingual;
}

export interface Incident extends IncidentHead {
  causes: Cause[];
  undetermined_reason: Bilingual | null;
  missing: Bilingual[];
  alerts: IncidentAlert[];
  /** False where alerts are more than are shown. */
  alerts_complete: boolean;
  impact: IncidentImpact | null;
  changes: ChangeVerdict[];
  advice: { kind: string; text: Bilingual; url: string | null }[];
  timeline: { time: string; kind: string; text: Bilingual; actor: string | null }[];
  similar: { id: string; title: Bilingual; score: number; helped: string | null }[];
  notifications: Told[];
  feedback: { time?: string; actor?: string | null; verdict: string; entity?: string | null }[];
}

/** One message to one receiver, as it stands. */
export interface Told {
  id: string;
  time: string;
  incident_id: string | null;
  receiver: string;
  channel: string;
  occasion: string;
  state: string;
  attempts: number;
  planned_at: string;
  sent_at: string | null;
  error: string | null;
  digest: string | null;
  stands_for: string | null;
}

export const INCIDENTS = "/api/v1/incidents";

export const useIncidents = (query: Query, asking: Omit<Asking, "query"> = {}): UseQueryResult<Page<IncidentHead>, Error> =>
  useAnswer<Page<IncidentHead>>(INCIDENTS, { ...asking, query });

export const useIncident = (id: string): UseQueryResult<Incident, Error> =>
  useAnswer<Incident>("/api/v1/incidents/{id}", { place: { id }, every: 5_000 });
