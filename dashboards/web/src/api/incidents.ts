// Incidents, their alerts, causes and messages under short names, out of the server's own description.
import type { UseQueryResult } from "@tanstack/react-query";
import type { Query } from "./client";
import { type Asking, useRead } from "./read";
import type { components } from "./schema";

type Described = components["schemas"];

/** A list of anything as every list of the API is answered. */
export type Page<T> = Omit<Described["Page_IncidentSummary"], "items"> & { items: T[] };

export type IncidentHead = Described["IncidentSummary"];
export type Incident = Described["IncidentDetail"];
export type IncidentState = "open" | "acknowledged" | "mitigated" | "resolved";
export type Clocks = Described["ClocksShown"];
export type Cause = Described["CauseShown"];
export type Evidence = Described["EvidenceShown"];
export type IncidentAlert = Described["AlertShown"];
export type ChangeVerdict = Described["ChangeShown"];
/** One message to one receiver, as it stands. */
export type Told = Described["MessageShown"];

/** Something that is left to do after an incident. */
export type FollowUp = Described["FollowUpShown"];

export const FOLLOW_UPS = "/api/v1/follow-ups";
export const INCIDENTS = "/api/v1/incidents";

export const useIncidents = (query: Query, asking: Omit<Asking, "query"> = {}): UseQueryResult<Page<IncidentHead>, Error> =>
  useRead(INCIDENTS, { ...asking, query });

export const useIncident = (id: string): UseQueryResult<Incident, Error> =>
  useRead("/api/v1/incidents/{id}", { place: { id }, every: 5_000 });

export const useFollowUps = (query: Query): UseQueryResult<Page<FollowUp>, Error> => useRead(FOLLOW_UPS, { query, every: 60_000 });
