// Work on the pages over the company's telemetry: a region of the heat map, traces that belong together, a rule tried on
// the past, a silence, and the statements that pages show.
import { assert, openPage, test, until } from "./harness.mjs";
import { PAGES } from "./pages.mjs";

const RULE = `name: orders-are-placed
kind: red
selector: {service: order-service}
condition: {measure: latency_p50, above: 1ms, by: service}
for: 1m
severity: low
`;

/** The statements behind the buttons of a page, opened one by one. */
async function statements(page) {
  const found = [];
  const buttons = page.locator("main button:has-text('SQL / curl')");
  for (let at = 0; at < (await buttons.count()); at += 1) {
    await buttons.nth(at).click();
    const opened = page.locator("[role=dialog]:has(h3)").last();
    await opened.waitFor();
    if ((await opened.locator("h3:has-text('The same by SQL')").count()) > 0) found.push(await opened.locator("pre").first().innerText());
    await page.keyboard.press("Escape");
    await opened.waitFor({ state: "detached" });
  }
  return found;
}

export function workTests(browser, base, ask) {
  const traceOf = (operation) => async () => (await ask(`/api/v1/traces?from=now-15m&operation=${encodeURIComponent(operation)}&limit=5`)).items.find(({ whole }) => whole !== false);

  test("every_statement_that_a_page_shows_can_be_asked", async () => {
    const view = await openPage(browser, base, { quiet: [/^503 .*scorecard/] });
    const [one, other] = [await until("a trace of an order", traceOf("POST /orders")), await until("a trace of a menu", traceOf("GET /api/v2/menu/{storeId}"))];
    const paths = [...PAGES.map(({ path }) => path), `/traces/${one.trace_id}`, `/traces/compare?a=${one.trace_id}&b=${other.trace_id}`, `/operations?trace_id=${one.trace_id}`, "/operations?key=store.id&value=S10001", "/operations/entity?type=sku&id=SKU-1001", "/map?node=service:order-service"];
    const refused = [];
    let asked = 0;
    for (const path of paths) {
      await view.go(path);
      for (const sql of await statements(view.page)) {
        asked += 1;
        const answer = await fetch(`${base}/api/v1/sql`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ sql, limit: 1 }) });
        if (!answer.ok) refused.push(`${path}: ${(await answer.json()).detail} in: ${sql}`);
      }
    }
    console.log(`  ${asked} statements of ${paths.length} pages`);
    assert(asked > 20 && refused.length === 0, `of ${asked} statements are refused: ${refused.join("\n")}`);
    await view.sound("statements");
    await view.close();
  });

  test("a_region_of_the_heat_map_tells_what_its_spans_have_in_common", async () => {
    const view = await openPage(browser, base);
    const { page } = view;
    await view.go("/traces");
    const box = await page.locator("main canvas").first().boundingBox();
    await page.mouse.move(box.x + box.width * 0.85, box.y + 10);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.99, box.y + box.height * 0.3, { steps: 8 });
    await page.mouse.up();
    await page.waitForURL(/sel=/);
    const section = page.locator("section", { has: page.locator("h2", { hasText: "What sets the selection apart" }) });
    await section.locator("li").first().waitFor();
    await view.shot("heat-differences");
    // What is special becomes a filter by one click.
    await section.locator("li button").first().click();
    await page.waitForURL((url) => !url.searchParams.has("sel") && [...url.searchParams.keys()].length > 0);
    await view.sound("differences");
    await view.close();
  });

  test("a_trace_leads_to_those_before_and_after_it", async () => {
    const trace = await until("a trace of a message", traceOf("process ORDER_CREATED"));
    const view = await openPage(browser, base);
    const { page } = view;
    await view.go(`/traces/${trace.trace_id}`);
    await page.waitForSelector("[role=treeitem]");
    await page.getByRole("tab", { name: /Before and after [1-9]/ }).click();
    const before = page.locator("section", { has: page.locator("h2", { hasText: "Traces of the same story" }) }).locator("a[href^='/traces/']").first();
    await before.waitFor();
    await view.shot("before-and-after");
    await before.click();
    await page.waitForURL((url) => url.pathname.startsWith("/traces/") && !url.pathname.endsWith(trace.trace_id));
    await page.waitForSelector("[role=treeitem]");
    await view.sound("before and after");
    await view.close();
  });

  test("a_rule_is_tried_on_the_past_before_it_is_saved", async () => {
    const view = await openPage(browser, base, { quiet: [/^400 /] });
    const { page } = view;
    await view.go("/rules");
    await page.getByRole("button", { name: "New rule" }).click();
    const text = page.getByLabel("In YAML or JSON");
    await text.fill(RULE.replace("above: 1ms", "above: soon"));
    await page.waitForSelector("main [role=alert]:has-text('line')");
    await text.fill(RULE);
    await page.waitForSelector("main :text('This reads well: orders-are-placed')");
    await page.getByRole("button", { name: "Play over the past" }).click();
    await page.waitForSelector("main :text('it would have rung')");
    assert((await page.locator("main li svg").count()) > 0, "each time it would have rung has its picture");
    await view.shot("backtest");
    assert((await text.inputValue()) === RULE, "the rule is still as it was written");
    await view.accessible("a rule that was tried");
    await view.sound("back-test");
    await view.close();
  });

  test("a_silence_begins_when_it_is_told_to_and_is_ended_by_hand", async () => {
    const view = await openPage(browser, base);
    const { page } = view;
    await view.go("/silences");
    await page.getByLabel("Which alerts").fill('{service="browser-test"}');
    await page.getByLabel("Why").fill("stocktaking");
    await page.waitForSelector("main [role=status]:has-text('No alert that fires now')");
    const begins = page.locator("input[type=datetime-local]");
    await begins.fill("2020-01-01T00:00");
    await page.waitForSelector("main :text('one that is over')");
    assert(await page.getByRole("button", { name: "Hold back" }).isDisabled(), "what is over cannot begin");
    await begins.fill("2099-01-01T00:00");
    await page.getByRole("button", { name: "Hold back" }).click();
    const row = page.locator("main tbody tr", { hasText: "stocktaking" });
    await row.getByText("pending").waitFor();
    await view.shot("silence");
    await row.getByRole("button", { name: "End now" }).click();
    await until("the silence to be over", async () => (await row.count()) === 0 || (await row.getByText("over").count()) > 0);
    await view.sound("silences");
    await view.close();
  });
}
