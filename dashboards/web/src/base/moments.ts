// Instants as the server spells them in different places: RFC 3339, or Unix nanoseconds as number or text.
import { instant } from "./time";

/** Milliseconds since 1970; null for what is no instant. */
export function moment(time: string | number | null | undefined): number | null {
  if (time === null || time === undefined || time === "") return null;
  if (typeof time === "string") return instant(time, 0);
  // Numbers above this are nanoseconds, as milliseconds they would be in the year 33658.
  return time > 1e15 ? time / 1e6 : time;
}
