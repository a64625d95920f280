// What holds on every page: a click opens the next one at once, the keyboard, the address, language and theme, and a
// server that goes away under the page.
import { Server, assert, openPage, test } from "./harness.mjs";
import { PAGES } from "./pages.mjs";

/** A page may take so long to follow a click; printed, not failed: machines differ. */
const PAGE_MS = 200;

export function shellTests(browser, base) {
  test("a_click_opens_the_next_page_at_once", async () => {
    const view = await openPage(browser, base);
    await view.go("/");
    const times = [];
    for (const round of [0, 1]) {
      for (const { path } of PAGES.filter(({ path }) => path.split("/").length === 2 && path !== "/")) {
        const link = view.page.locator(`aside nav a[href^="${path}"]`).first();
        if ((await link.count()) === 0) continue;
        const before = await view.page.locator("h1").first().innerText();
        const from = Date.now();
        await link.click();
        await view.page.waitForFunction((title) => document.querySelector("h1") && document.querySelector("h1").innerText !== title, before, { polling: "raf" });
        if (round === 1) times.push({ path, ms: Date.now() - from });
      }
    }
    const sorted = times.map(({ ms }) => ms).sort((a, b) => a - b);
    const median = sorted[Math.floor(sorted.length / 2)];
    console.log(`  page change: median ${median} ms, longest ${sorted.at(-1)} ms (${times.find(({ ms }) => ms === sorted.at(-1))?.path}), goal ${PAGE_MS} ms`);
    assert(times.length > 8, "the navigation leads to the pages");
    await view.sound("after walking through all pages");
    await view.close();
  });

  test("the_keyboard_reaches_search_help_and_rows", async () => {
    const view = await openPage(browser, base);
    const { page } = view;
    await view.go("/health");
    await page.keyboard.press("/");
    await page.keyboard.type("order-s");
    await page.waitForSelector("[role=option]:has-text('order-service')");
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/services\/order-service/);
    await page.keyboard.press("?");
    await page.waitForSelector("[role=dialog] kbd");
    await page.keyboard.press("Escape");
    await page.waitForSelector("[role=dialog]", { state: "detached" });
    await view.go("/services/order-service");
    await page.keyboard.press("j");
    await page.keyboard.press("j");
    await page.waitForSelector("tr[data-row='1'][aria-selected=true]");
    await page.keyboard.press("k");
    await page.keyboard.press("Enter");
    await page.waitForURL(/operation=/);
    await page.keyboard.press("g");
    await page.keyboard.press("m");
    await page.waitForURL(/\/map/);
    await view.sound("keyboard");
    await view.close();
  });

  test("what_is_seen_stands_in_the_address", async () => {
    const view = await openPage(browser, base);
    const { page } = view;
    await view.go("/map?from=now-1h");
    await page.locator(".react-flow__node", { hasText: "order-service" }).first().click();
    await page.waitForURL(/node=/);
    const copied = page.url();
    const other = await openPage(browser, base);
    await other.go(copied.slice(base.length));
    await other.page.waitForSelector("aside h2:has-text('order-service')");
    assert(new URL(other.page.url()).searchParams.get("from") === "now-1h", "the window of time came along");
    await other.page.locator("aside a", { hasText: "Service page" }).click();
    await other.page.waitForURL(/\/services\/order-service\?from=now-1h/);
    await page.goBack();
    await other.close();
    await view.close();
  });

  test("theme_and_language_are_kept", async () => {
    const view = await openPage(browser, base);
    await view.go("/");
    await view.page.locator("header button[lang=zh-CN]").click();
    await view.page.waitForSelector("h1:has-text('总览')");
    await view.page.locator("header button[aria-label='切换明暗']").click();
    await view.page.reload();
    await view.page.waitForSelector("h1:has-text('总览')");
    assert((await view.page.locator("html").getAttribute("data-mantine-color-scheme")) === "dark", "the page is dark after it was loaded again");
    await view.close();
  });

  test("the_server_goes_away_and_comes_back_under_the_page", async () => {
    const server = await new Server("serve").start();
    try {
      const view = await openPage(browser, server.url, { quiet: [/ERR_CONNECTION/, /^5\d\d /] });
      const { page } = view;
      await view.go("/connect?sender=curl");
      await page.getByLabel("Name of the service").fill("checkout");
      await server.stop();
      await page.waitForSelector("[role=alert]:has-text('does not answer')");
      assert((await page.getByLabel("Name of the service").inputValue()) === "checkout", "what was typed is still there");
      await view.shot("server-away");
      await server.start();
      await page.waitForSelector("[role=alert]:has-text('does not answer')", { state: "detached" });
      assert((await page.getByLabel("Name of the service").inputValue()) === "checkout", "what was typed is still there after the server came back");
      await view.close();
    } finally {
      await server.remove();
    }
  });
}
