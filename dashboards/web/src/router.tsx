// Addresses to pages. Each page is a file of its own that comes when it is first opened.
import { Button } from "@mantine/core";
import { type ErrorComponentProps, Outlet, createRootRoute, createRoute, createRouter, lazyRouteComponent } from "@tanstack/react-router";
import { parseSearch, stringifySearch } from "./base/address";
import { Empty } from "./components/Answered";
import { Go } from "./components/Go";
import { Panel } from "./components/Panel";
import { Shell } from "./components/shell/Shell";
import { useShellWords } from "./components/shell/words";
import { PAGES, type Page } from "./pages/pages";

/** Idle or not, the next page is fetched after so long. */
const IDLE_MS = 2_000;
const ENTRIES = PAGES.flatMap((page) => (page.nav ? [{ path: page.path, ...page.nav }] : []));

function Frame() {
  return (
    <Shell entries={ENTRIES}>
      <Outlet />
    </Shell>
  );
}

function NoPage() {
  const w = useShellWords();
  return (
    <Panel>
      <h1 className="said-only">{w("noPage")}</h1>
      <Empty title={w("noPage")} about={w("noPageAbout")} action={<Go to="/">{w("home")}</Go>} />
    </Panel>
  );
}

function Broken({ error }: ErrorComponentProps) {
  const w = useShellWords();
  return (
    <Panel>
      <h1 className="said-only">{w("broken")}</h1>
      <Empty
        title={w("broken")}
        about={
          <>
            {w("brokenAbout")} <span className="mono wrap">{error instanceof Error ? error.message : String(error)}</span>
          </>
        }
        action={
          <Button size="xs" variant="default" onClick={() => window.location.reload()}>
            {w("reload")}
          </Button>
        }
      />
    </Panel>
  );
}

/** A page is fetched once; one that could not be fetched is tried again when it is opened. */
const fetched = new Map<Page, ReturnType<Page["load"]>>();
const once = (page: Page) => () => {
  const coming = fetched.get(page) ?? page.load();
  fetched.set(page, coming);
  coming.catch(() => fetched.delete(page));
  return coming;
};

/** Brings the other pages while nothing else is to do, one after the other, so that a click waits for no file. */
export function fetchPages(): void {
  const rest = PAGES.filter((page) => !fetched.has(page));
  const next = (): void => {
    const page = rest.shift();
    if (page) void once(page)().then(idle, () => undefined);
  };
  const idle = (): void => {
    if ("requestIdleCallback" in window) window.requestIdleCallback(next, { timeout: IDLE_MS });
    else setTimeout(next, IDLE_MS);
  };
  idle();
}

export function makeRouter() {
  const root = createRootRoute({ component: Frame, notFoundComponent: NoPage });
  const routes = PAGES.map((page) =>
    createRoute({ getParentRoute: () => root, path: page.path, component: lazyRouteComponent(once(page)), errorComponent: Broken }),
  );
  return createRouter({
    routeTree: root.addChildren(routes),
    parseSearch: (text) => parseSearch(text.replace(/^\?/, "")),
    stringifySearch,
    defaultErrorComponent: Broken,
    defaultPreload: false,
    scrollRestoration: true,
  });
}
