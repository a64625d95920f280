// Which nodes and edges are lit while the pointer is on something. Only what changes is drawn again: the canvas
// dims everything by one attribute, and each part asks whether it is lit.
import { createContext, useSyncExternalStore } from "react";
import type { Reach } from "./model";

export class Emphasis {
  private lit: Reach | null = null;
  private readonly watchers = new Set<() => void>();

  set(reach: Reach | null): void {
    if (this.lit === reach) return;
    this.lit = reach;
    this.watchers.forEach((watcher) => watcher());
  }

  subscribe = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  };

  any = (): boolean => this.lit !== null;
  node = (id: string): boolean => this.lit?.nodes.has(id) ?? false;
  edge = (id: string): boolean => this.lit?.edges.has(id) ?? false;
}

/** What is lit on the canvas around a part. */
export const Lit = createContext(new Emphasis());

export const useLitNode = (of: Emphasis, id: string): boolean => useSyncExternalStore(of.subscribe, () => of.node(id));
export const useLitEdge = (of: Emphasis, id: string): boolean => useSyncExternalStore(of.subscribe, () => of.edge(id));
export const useAnyLit = (of: Emphasis): boolean => useSyncExternalStore(of.subscribe, of.any);
