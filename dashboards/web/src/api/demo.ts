// The built-in company: its faults, and the card that holds verdicts against its answer key.
import type { UseQueryResult } from "@tanstack/react-query";
import type { Bilingual } from "../base/language";
import type { Page } from "./incidents";
import { useAnswer } from "./read";

export interface AnswerKey {
  entities: string[];
  kinds: string[];
  hurts: string[];
  change: string | null;
}

export interface Fault {
  name: string;
  title: Bilingual;
  description: Bilingual;
  parts: string[];
  state: "on" | "off";
  started_at: string | null;
  ends_at: string | null;
  answers: AnswerKey[];
}

export interface Scored {
  fault: string;
  title: Bilingual;
  started_at: string;
  ended_at: string | null;
  acts: boolean;
  truth: AnswerKey;
  verdict: "waiting" | "missed" | "undetermined" | "wrong" | "kind_only" | "entity_only" | "right";
  shown: { incident: string; state: string; entity: string | null; kind: string | null; confidence: string | null; alerts: number } | null;
  clocks: { detect_ns: number | null; locate_ns: number | null; recover_ns: number | null };
}

export interface Scorecard {
  items: Scored[];
  judged: number;
  right: number;
  unexplained: number;
}

export const FAULTS = "/api/v1/demo/faults";
const SCORECARD = "/api/v1/demo/scorecard";

/** A server without the company has no faults. */
export const useFaults = (every: number | false = 3_000): UseQueryResult<Page<Fault>, Error> => useAnswer<Page<Fault>>(FAULTS, { every });

export const useScorecard = (when: boolean, every = 3_000): UseQueryResult<Scorecard, Error> => useAnswer<Scorecard>(SCORECARD, { every, when });
