// The built-in company: its faults, and the card that holds verdicts against its answer key.
import type { UseQueryResult } from "@tanstack/react-query";
import { useRead } from "./read";
import type { components } from "./schema";

type Described = components["schemas"];

export type Fault = Described["FaultState"];
export type Scorecard = Described["Scorecard"];
export type Scored = Described["DemoScored"];

export const FAULTS = "/api/v1/demo/faults";

/** A server without the company has no faults. */
export const useFaults = (every: number | false = 3_000): UseQueryResult<Described["Page_FaultState"], Error> => useRead(FAULTS, { every });

export const useScorecard = (when: boolean, every = 3_000): UseQueryResult<Scorecard, Error> => useRead("/api/v1/demo/scorecard", { every, when });
