// The state of a page is its address: read and written here, so that a copied link shows what was seen.
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback, useMemo } from "react";
import { DEFAULT_WINDOW, type Window, isLive } from "./time";

export type AddressState = Record<string, string | undefined>;
type Patch = Record<string, string | number | null | undefined>;

/** `?a=1&b=x` as text by key. A key that stands twice has its last value. */
export const parseSearch = (text: string): AddressState => Object.fromEntries(new URLSearchParams(text));

export function stringifySearch(search: Record<string, unknown>): string {
  const parameters = new URLSearchParams();
  for (const [key, value] of Object.entries(search)) {
    if (value !== undefined && value !== null && value !== "") parameters.set(key, String(value));
  }
  const text = parameters.toString();
  return text ? `?${text}` : "";
}

/** What the address says, and how to change some of it. `push` makes a step that the back button undoes. */
export function useAddress(): [AddressState, (patch: Patch, how?: "push" | "replace") => void] {
  const search = useSearch({ strict: false }) as AddressState;
  const navigate = useNavigate();
  const change = useCallback(
    (patch: Patch, how: "push" | "replace" = "replace") => {
      const next = (previous: AddressState): AddressState => {
        const merged: AddressState = { ...previous };
        for (const [key, value] of Object.entries(patch)) {
          merged[key] = value === undefined || value === null || value === "" ? undefined : String(value);
        }
        return merged;
      };
      // The page stays the same: what is scrolled in it stays where it is.
      void navigate({ to: ".", search: next, replace: how === "replace", resetScroll: false } as never);
    },
    [navigate],
  );
  return [search, change];
}

/** One text of the address with what stands when it is not there. */
export function useAddressText(key: string, otherwise = ""): [string, (value: string) => void] {
  const [search, change] = useAddress();
  const set = useCallback((value: string) => change({ [key]: value === otherwise ? null : value }), [change, key, otherwise]);
  return [search[key] ?? otherwise, set];
}

export interface WindowState {
  window: Window;
  /** Moves on with the present. */
  live: boolean;
  set: (window: Window) => void;
  setLive: (live: boolean) => void;
}

/** The window of time that all pages share. */
export function useWindow(): WindowState {
  const [search, change] = useAddress();
  const from = search.from ?? DEFAULT_WINDOW.from;
  const to = search.to ?? DEFAULT_WINDOW.to;
  const window = useMemo(() => ({ from, to }), [from, to]);
  const set = useCallback(
    (next: Window) => change({ from: next.from, to: next.to === "now" ? null : next.to }, "push"),
    [change],
  );
  const setLive = useCallback((live: boolean) => change({ live: live ? null : "off" }), [change]);
  return { window, live: isLive(window) && search.live !== "off", set, setLive };
}
