// Addresses to pages. Each page is a file of its own that comes when it is first opened.
import { Button } from "@mantine/core";
import { type ErrorComponentProps, Outlet, createRootRoute, createRoute, createRouter, lazyRouteComponent } from "@tanstack/react-router";
import { parseSearch, stringifySearch } from "./base/address";
import { Empty } from "./components/Answered";
import { Go } from "./components/Go";
import { Panel } from "./components/Panel";
import { Shell } from "./components/shell/Shell";
import { useShellWords } from "./components/shell/words";
import { PAGES } from "./pages/pages";

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

export function makeRouter() {
  const root = createRootRoute({ component: Frame, notFoundComponent: NoPage });
  const routes = PAGES.map((page) =>
    createRoute({ getParentRoute: () => root, path: page.path, component: lazyRouteComponent(page.load), errorComponent: Broken }),
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
