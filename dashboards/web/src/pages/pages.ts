// The pages: their addresses, their place in the navigation, and the file that is loaded when one is opened.
import type { ComponentType } from "react";
import type { IconName } from "../components/Icon";

export type Group = "observe" | "respond" | "system";

export interface Page {
  path: string;
  load: () => Promise<{ default: ComponentType }>;
  /** Where it stands in the navigation; pages without are reached by links. */
  nav?: { name: string; icon: IconName; group: Group };
}

export const PAGES: Page[] = [
  { path: "/", load: () => import("./overview"), nav: { name: "overview", icon: "overview", group: "observe" } },
  { path: "/services/$name", load: () => import("./service") },
  { path: "/map", load: () => import("./map"), nav: { name: "map", icon: "map", group: "observe" } },
  { path: "/traces", load: () => import("./traces"), nav: { name: "traces", icon: "traces", group: "observe" } },
  { path: "/traces/compare", load: () => import("./compare") },
  { path: "/traces/$id", load: () => import("./trace") },
  { path: "/logs", load: () => import("./logs"), nav: { name: "logs", icon: "logs", group: "observe" } },
  { path: "/metrics-explorer", load: () => import("./metrics"), nav: { name: "metrics", icon: "metrics", group: "observe" } },
  { path: "/sql", load: () => import("./sql"), nav: { name: "sql", icon: "sql", group: "observe" } },
  { path: "/operations", load: () => import("./operations"), nav: { name: "operations", icon: "operations", group: "observe" } },
  { path: "/operations/entity", load: () => import("./history") },
  { path: "/experience", load: () => import("./experience"), nav: { name: "experience", icon: "experience", group: "observe" } },
  { path: "/incidents", load: () => import("./incidents"), nav: { name: "incidents", icon: "incidents", group: "respond" } },
  { path: "/incidents/$id", load: () => import("./incident") },
  { path: "/rules", load: () => import("./rules"), nav: { name: "rules", icon: "rules", group: "respond" } },
  { path: "/silences", load: () => import("./silences"), nav: { name: "silences", icon: "silences", group: "respond" } },
  { path: "/routes", load: () => import("./routes"), nav: { name: "routes", icon: "routes", group: "respond" } },
  { path: "/connect", load: () => import("./connect"), nav: { name: "connect", icon: "connect", group: "system" } },
  { path: "/health", load: () => import("./health"), nav: { name: "health", icon: "health", group: "system" } },
  { path: "/people", load: () => import("./people"), nav: { name: "users", icon: "users", group: "system" } },
  { path: "/demo", load: () => import("./demo"), nav: { name: "demo", icon: "demo", group: "system" } },
];
