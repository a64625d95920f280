// Every page of the app: in both languages, light and dark, by axe, and on a phone where links in messages lead.
import { assert, openPage, test, until } from "./harness.mjs";

/** Every address of the app, and whether links in messages lead there, so that it must do on a phone. */
export const PAGES = [
  { path: "/", name: "overview", phone: true },
  { path: "/map", name: "map" },
  { path: "/services/order-service", name: "service", phone: true },
  { path: "/traces", name: "traces", phone: true },
  { path: "/logs", name: "logs" },
  { path: "/metrics-explorer", name: "metrics" },
  { path: "/sql", name: "sql" },
  { path: "/operations", name: "operations", phone: true },
  { path: "/experience", name: "experience" },
  { path: "/incidents", name: "incidents", phone: true },
  { path: "/rules", name: "rules" },
  { path: "/silences", name: "silences" },
  { path: "/routes", name: "routes" },
  { path: "/connect", name: "connect" },
  { path: "/health", name: "health" },
  { path: "/people", name: "people" },
  { path: "/demo", name: "demo", phone: true },
];

export function pageTests(browser, base, ask) {
  for (const language of ["en", "zh"]) {
    for (const [at, { path, name }] of PAGES.entries()) {
      test(`page_${name}_in_${language}`, async () => {
        // Each page is seen light in one language and dark in the other.
        const dark = (at % 2 === 0) === (language === "zh");
        const view = await openPage(browser, base, { language, dark });
        await view.go(path);
        assert((await view.page.locator("html").getAttribute("lang"))?.startsWith(language), `the page says that it is in ${language}`);
        const chinese = /[\u4e00-\u9fff]/.test(await view.page.locator("h1").first().innerText());
        // Titles that are names of services or say SQL are the same in both.
        assert(name === "service" || name === "sql" || chinese === (language === "zh"), `the title of ${name} is in ${language}`);
        assert(!(await view.page.locator("main").innerText()).match(/\b[a-z]+\.[a-zA-Z]+ ?\{\{/), "no phrase is left with its blanks");
        await view.sound(name);
        await view.accessible(name);
        await view.shot(`${name}-${language}${dark ? "-dark" : ""}`);
        await view.close();
      });
    }
  }

  for (const language of ["en", "zh"]) {
    test(`pages_of_one_thing_in_${language}`, async () => {
      const { items } = await until("traces with an order", async () => {
        const found = await ask("/api/v1/traces?from=now-15m&operation=POST%20%2Forders&limit=20");
        return found.items.length > 1 && found;
      });
      const [a, b] = items.map(({ trace_id }) => trace_id);
      const rows = await fetch(`${base}/api/v1/sql`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ sql: "SELECT attributes['order.id'] FROM spans WHERE attributes['order.id'] IS NOT NULL ORDER BY time LIMIT 1" }) });
      const order = (await rows.json()).rows[0][0];
      const dark = language === "zh";
      const view = await openPage(browser, base, { language, dark });
      const paths = {
        trace: `/traces/${a}`,
        compare: `/traces/compare?a=${a}&b=${b}`,
        story: `/operations?key=order.id&value=${order}`,
        history: `/operations/entity?type=order&id=${order}`,
        "service-operation": `/services/order-service?operation=${encodeURIComponent("POST /orders")}`,
        "map-node": "/map?node=service:order-service",
        "map-operations": "/map?level=operation",
        "map-infrastructure": "/map?level=infrastructure",
        "map-before": "/map?base=previous",
        "map-cohorts": "/map?base=cohorts&a=tenant.id%3DT001&b=tenant.id%3DT002",
        "map-collapsed": "/map?collapse=namespace",
      };
      for (const [name, path] of Object.entries(paths)) {
        await view.go(path);
        await view.sound(path);
        await view.accessible(path);
        await view.shot(`${name}-${language}${dark ? "-dark" : ""}`);
      }
      await view.close();
    });
  }

  for (const { path, name } of PAGES.filter(({ phone }) => phone)) {
    test(`page_${name}_on_a_phone`, async () => {
      const view = await openPage(browser, base, { phone: true, language: "zh" });
      await view.go(path);
      await view.sound(name);
      await view.shot(`${name}-phone`, true);
      await view.close();
    });
  }
}
