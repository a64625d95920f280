// The demo as a stranger meets it: a live map soon after the start, then the first ten minutes as one story.
import { readFileSync } from "node:fs";
import { assert, openPage, test, until } from "./harness.mjs";

/** The goal from the start of the demo to a live map; printed. */
const DEMO_MS = 10_000;
const PICTURED_ALERTS = 5;

function liveMap(browser, { base, started }) {
  test("demo_shows_a_live_map_soon_after_its_start", async () => {
    // There is no card before the company has opened, which may be a moment after the server.
    const view = await openPage(browser, base, { quiet: [/^503 .*scorecard/] });
    await view.page.goto("/map", { waitUntil: "domcontentloaded" });
    await until("nodes on the map", async () => (await view.page.locator(".react-flow__node").count()) > 5, 60_000);
    console.log(`  demo to a live map: ${((Date.now() - started) / 1000).toFixed(1)} s of ${DEMO_MS / 1000} s`);
    await view.sound("map");
    await view.close();
  });
}

function firstTenMinutes(browser, { base, ask, own }) {
  test("the_first_ten_minutes_as_one_story", async () => {
    assert(own, "the story needs a demo of its own");
    const view = await openPage(browser, base);
    const { page } = view;
    const from = Date.now();
    await view.go("/");
    // The line under the bar leads from page to page.
    const path = page.getByRole("navigation", { name: "The first ten minutes" });
    const step = (name) => path.getByRole("link", { name });
    await step("Break something").click();
    await page.waitForURL(/\/demo/);
    const fault = page.locator("li", { has: page.getByText("config", { exact: true }) }).first();
    await fault.locator("button").click();
    await page.waitForSelector("text=acting");
    // One incident, with the cause that the answer key names.
    const named = async () => {
      // A fault mends itself after minutes; a machine that is busy with other things may take longer to see it.
      const { items: faults } = await ask("/api/v1/demo/faults");
      if (faults.find(({ name }) => name === "config").state === "off") {
        await fetch(`${base}/api/v1/demo/faults/config`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ duration: "5m" }) });
      }
      const { items } = await ask("/api/v1/incidents?state=live");
      return items.filter((item) => item.cause?.entity === "service:coupon-service").sort((a, b) => b.alert_count - a.alert_count)[0] ?? null;
    };
    await until("an incident with its cause", named, 900_000);
    const located = Date.now() - from;
    // The picture is of an incident that has gathered what belongs to it; a slow machine has fewer alerts in it.
    await until("more alerts", async () => ((await named())?.alert_count ?? 0) >= PICTURED_ALERTS, 60_000).catch(() => undefined);
    const incident = await until("the incident that gathered most", named);
    console.log(`  fault to cause: ${(located / 1000).toFixed(0)} s; ${incident.alert_count} alerts in ${incident.id}`);
    await view.go("/");
    await view.shot("overview-incident", true);
    await view.go("/map");
    await page.waitForSelector(".react-flow__node");
    await page.waitForTimeout(1_000);
    await view.shot("map-incident");
    // One message, in words, although nobody has set up a receiver.
    await step("Read the message").click();
    await page.waitForURL(/\/incidents\/I-.*message=/);
    await page.waitForSelector("main article :text('coupon-service')");
    await view.accessible("the message");
    await view.shot("message");
    // Rows of the tree have a button of that name too, without a text.
    await page.locator("main button", { hasText: "Close" }).click();
    await view.go("/");
    await page.locator(`main section a[href^="/incidents/${incident.id}"]`).first().click();
    await page.waitForSelector("h2:has-text('What is behind it')");
    await view.settled();
    await page.waitForSelector("main a:has-text('coupon-service')");
    assert((await page.locator("h2:has-text('alert')").count()) > 0, "why many are one is told");
    await view.accessible("the incident");
    await view.shot("incident", true);
    await view.shot("incident-top");
    await view.shotOf("why", page.locator("section", { has: page.locator("h2", { hasText: "one incident" }) }));
    // Whom it hurt can be taken along.
    const [taken] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Export the list" }).click()]);
    assert(taken.suggestedFilename() === `${incident.id}.csv`, `the list of the hurt is a file: ${taken.suggestedFilename()}`);
    assert(readFileSync(await taken.path(), "utf8").split("\n").length > 1, "whoever was hurt stands in the file");
    await page.getByRole("button", { name: "Acknowledge" }).click();
    await page.waitForSelector("text=acknowledged");
    // Who was hurt, and one of their orders.
    const sql = "SELECT attributes['order.id'] FROM spans WHERE status = 'error' AND attributes['order.id'] IS NOT NULL ORDER BY time DESC LIMIT 1";
    const answer = await fetch(`${base}/api/v1/sql`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ sql }) });
    const order = (await answer.json()).rows[0]?.[0];
    assert(order, "a failed span names its order");
    await page.keyboard.press("/");
    await page.keyboard.type(`order.id=${order}`);
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/operations/);
    await page.waitForSelector(`main :text("${order}")`);
    await view.settled();
    await view.shot("order");
    for (const name of ["Break something", "Read the message", "See cause and impact", "Follow one order"]) {
      await path.locator("li[data-done]", { hasText: name }).waitFor();
    }
    // Mended, and the verdict confirmed.
    await view.go("/demo");
    await fault.locator("button").click();
    let said = "nothing";
    await until(
      () => `the verdict to be right; the scorecard says ${said}`,
      async () => {
        const { items } = await ask("/api/v1/demo/scorecard");
        said = JSON.stringify(items);
        return items.some(({ fault: name, verdict }) => name === "config" && verdict === "right");
      },
    );
    await page.waitForSelector("table tbody tr :text('right')");
    await path.getByText("followed and confirmed").waitFor();
    await view.shot("scorecard");
    // It goes when it is told to, and stays away.
    await path.getByRole("button", { name: "Hide this path" }).focus();
    await page.keyboard.press("Enter");
    await path.waitFor({ state: "detached" });
    await page.reload();
    await page.waitForSelector("table tbody tr :text('right')");
    assert((await path.count()) === 0, "the path stays away");
    await view.sound("the story");
    await view.close();
  });
}

export const storyTests = { first: liveMap, whole: firstTenMinutes };
