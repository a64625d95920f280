// A link inside the app: a real address that opens in a new tab like any other, followed without loading the
// page again. The window of time goes along unless the address has its own.
import { useRouter } from "@tanstack/react-router";
import { type AnchorHTMLAttributes, type MouseEvent, type ReactNode, useCallback } from "react";
import { parseSearch, stringifySearch, useAddress } from "../base/address";

const KEPT = ["from", "to", "live"];

/** The address with the window of time that is looked at now. */
export function useAddressOf(): (to: string) => string {
  const [search] = useAddress();
  return useCallback(
    (to: string) => {
      const [path = "/", own = ""] = to.split("?");
      const wanted = parseSearch(own);
      const kept = wanted.from ? {} : Object.fromEntries(KEPT.map((key) => [key, search[key]]));
      return path + stringifySearch({ ...kept, ...wanted });
    },
    [search],
  );
}

/** Goes to an address of ours. */
export function useGo(): (to: string) => void {
  const { history } = useRouter();
  const addressOf = useAddressOf();
  return useCallback((to: string) => history.push(addressOf(to)), [history, addressOf]);
}

type GoProps = { to: string; children: ReactNode } & Omit<AnchorHTMLAttributes<HTMLAnchorElement>, "href">;

export function Go({ to, children, onClick, ...rest }: GoProps) {
  const router = useRouter();
  const address = useAddressOf()(to);
  const follow = (event: MouseEvent<HTMLAnchorElement>): void => {
    onClick?.(event);
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    router.history.push(address);
  };
  return (
    <a href={address} onClick={follow} {...rest}>
      {children}
    </a>
  );
}
