// What a page does when the server fails, is slow, refuses a statement, or answers with more than can be drawn.
import { Server, assert, openPage, test, until } from "./harness.mjs";
import { largeTrace } from "./telemetry.mjs";

const SPANS = 20_000;
/** So many copies of each span make more rows than the page ever takes. */
const COPIES = 10;
const ROWS_MAX = 100_000;

const refusal = (status, detail) => ({ status, contentType: "application/problem+json", body: JSON.stringify({ type: "urn:stormglass:problem:test", title: "Something failed here", status, detail }) });

/** Writes a statement into the editor in place of the one that is there. */
async function write(page, sql) {
  await page.locator(".cm-content").click();
  await page.keyboard.press("Control+A");
  await page.keyboard.press("Delete");
  await page.keyboard.insertText(sql);
  await page.keyboard.press("Escape");
}

export function troubleTests(browser, base) {
  test("a_failing_api_is_said_in_words_and_asked_again", async () => {
    const view = await openPage(browser, base, { quiet: [/^50\d /] });
    const { page } = view;
    let failing = true;
    await page.route(/\/api\/v1\/(services|incidents|changes)\b/, (route) => (failing ? route.fulfill(refusal(500, "the index is on fire <b>here</b>")) : route.continue()));
    await page.goto("/", { waitUntil: "domcontentloaded" });
    await page.waitForSelector("main [role=alert]:has-text('The server failed on this question')");
    assert((await page.locator("main [role=alert] b").count()) === 0, "what the server says is text only");
    await page.waitForSelector("main [role=alert]:has-text('the index is on fire')");
    // The rest of the page goes on.
    await page.waitForSelector("h2:has-text('Calls per second')");
    await view.accessible("failing");
    await view.shot("api-fails");
    failing = false;
    await page.locator("main [role=alert] button:has-text('Try again')").first().click();
    await page.waitForSelector("main a[href^='/services/']");
    await page.waitForSelector("main [role=alert]", { state: "detached" });
    await view.sound("after the failure");
    await view.close();
  });

  test("a_busy_server_is_asked_again_without_a_word", async () => {
    const view = await openPage(browser, base, { quiet: [/^503 /] });
    const { page } = view;
    let refused = 0;
    await page.route(/\/api\/v1\/traces\?/, (route) => {
      refused += 1;
      return refused <= 2 ? route.fulfill(refusal(503, "busy")) : route.continue();
    });
    await page.goto("/traces", { waitUntil: "domcontentloaded" });
    await page.waitForSelector("main a[href^='/traces/']");
    assert(refused >= 3, `the question was put again: ${refused} times`);
    assert((await page.locator("main [role=alert]").count()) === 0, "nothing is said of what passed by itself");
    await view.close();
  });

  test("a_slow_answer_shows_that_it_is_worked_on_and_keeps_the_page_alive", async () => {
    const view = await openPage(browser, base);
    const { page } = view;
    let answer;
    const held = new Promise((go) => (answer = go));
    await page.route(/\/api\/v1\/services\b/, async (route) => {
      await held;
      await route.continue();
    });
    await page.goto("/", { waitUntil: "domcontentloaded" });
    await page.waitForSelector("main :text('Still working on it')");
    await page.keyboard.press("g");
    await page.keyboard.press("i");
    await page.waitForURL(/\/incidents/);
    answer();
    await page.waitForSelector("h1:has-text('Incidents')");
    await view.sound("slow");
    await view.close();
  });

  test("a_wrong_statement_is_kept_with_what_is_wrong_and_can_be_mended", async () => {
    const view = await openPage(browser, base, { quiet: [/^400 /, /style-src-attr/] });
    const { page } = view;
    await view.go("/sql");
    await page.waitForSelector(".cm-content");
    await write(page, "SELECT servise, count(*) FROM spans GROUP BY 1");
    await page.getByRole("button", { name: "Run", exact: true }).click();
    await page.waitForSelector("main [role=alert]:has-text('servise')");
    assert((await page.locator(".cm-content").innerText()).includes("servise"), "the statement is still there");
    await view.accessible("a wrong statement");
    await view.shot("sql-wrong");
    // Loaded again, the address brings the same statement and the same words.
    await page.reload({ waitUntil: "domcontentloaded" });
    await page.waitForSelector("main [role=alert]:has-text('servise')");
    await write(page, "SELECT service, count(*) AS spans FROM spans GROUP BY 1 ORDER BY 2 DESC");
    await page.keyboard.press("Control+Enter");
    await page.waitForSelector("main tbody tr");
    assert((await page.locator("main [role=alert]").count()) === 0, "the trouble is gone with its statement");
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert(wide <= 1 && view.faults.length === 0, `the page is sound: ${view.faults.join("; ")}`);
    await view.close();
  });

  test("a_statement_is_saved_completed_and_drawn", async () => {
    const view = await openPage(browser, base);
    const { page } = view;
    await view.go(`/sql?q=${encodeURIComponent("SELECT date_bin(INTERVAL '1 minute', time) AS t, count(*) AS spans FROM spans GROUP BY 1 ORDER BY 1")}`);
    await page.waitForSelector("main tbody tr");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByLabel("Name for it").or(page.getByPlaceholder("Name")).first().fill("spans by minute");
    await page.keyboard.press("Enter");
    await page.waitForSelector("main aside :text('spans by minute'), main :text('spans by minute')");
    await page.locator("label:has-text('Chart')").first().click();
    await page.waitForSelector("main .uplot canvas");
    await page.reload({ waitUntil: "domcontentloaded" });
    await page.waitForSelector("main :text('spans by minute')");
    await page.locator(".cm-content").click();
    await page.keyboard.press("Control+A");
    await page.keyboard.press("Delete");
    await page.keyboard.type("SELECT serv");
    // The columns come from the server: who asks before they are here asks again.
    await until("the column among the completions", async () => {
      await page.keyboard.press("Control+Space");
      return page.locator(".cm-tooltip-autocomplete :text('service')").first().waitFor({ timeout: 2_000 }).then(() => true, () => false);
    }, 60_000);
    await view.shot("sql-completion");
    assert(view.faults.length === 0, view.faults.join("; "));
    await view.close();
  });

  test("a_huge_result_is_cut_in_words_and_stays_quick_to_scroll", async () => {
    const server = await new Server("serve").start();
    try {
      const { messages } = largeTrace(SPANS, Date.now());
      for (const message of messages) await server.send("traces", message);
      const sql = `SELECT a.span_id, a.operation, a.duration_ns, b.span_id AS other FROM spans a CROSS JOIN (SELECT span_id FROM spans LIMIT ${COPIES}) b`;
      const asked = async () => (await server.call("POST", "/api/v1/sql", { sql: "SELECT count(*) FROM spans" })).body.rows[0][0];
      await until("the spans to be there", async () => (await asked()) === SPANS, 60_000);
      const view = await openPage(browser, server.url);
      const { page } = view;
      const from = Date.now();
      await page.goto(`/sql?limit=${ROWS_MAX}&q=${encodeURIComponent(sql)}`, { waitUntil: "domcontentloaded" });
      await page.waitForSelector("main tbody tr", { timeout: 120_000 });
      await page.waitForSelector("main [role=status]:has-text('Not everything is shown')");
      const drawn = await page.evaluate(() => document.querySelectorAll("main *").length);
      console.log(`  ${ROWS_MAX} rows of ${SPANS * COPIES}: ${Date.now() - from} ms to the first, ${drawn} elements`);
      assert(drawn < 5_000, `only rows in sight are drawn: ${drawn} elements`);
      const first = await page.locator("main tbody tr").first().innerText();
      await page.locator("main tbody tr").first().hover();
      for (let turn = 0; turn < 20; turn += 1) await page.mouse.wheel(0, 20_000);
      await until("other rows after scrolling", async () => (await page.locator("main tbody tr").nth(5).innerText()) !== first);
      await view.shot("sql-huge");
      await view.sound("a huge result");
      await view.close();
    } finally {
      await server.remove();
    }
  });
}
