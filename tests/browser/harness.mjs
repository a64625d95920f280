// The little that the browser tests stand on: named tests that are counted, a page that notes every fault, a server
// that can be stopped and started again, and telemetry to be sent.
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { serveFolder } from "./dist.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const START_MS = 120_000;
const WAIT_MS = 90_000;
const PICTURE_PX_MAX = 6_000;

export const artefacts = join(process.env.STORMGLASS_TEST_LOGS ?? tmpdir(), "screenshots");
mkdirSync(artefacts, { recursive: true });

export function assert(condition, sentence) {
  if (!condition) throw new Error(sentence);
}

/** Waits until `look` gives something; says what was waited for when it never does. */
export async function until(what, look, within = WAIT_MS) {
  const end = Date.now() + within;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited ${within / 1000} s for ${typeof what === "function" ? what() : what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** A server of ours on free ports, over its own directory. */
export class Server {
  constructor(command, args = []) {
    this.command = command;
    this.args = args;
    this.folder = mkdtempSync(join(tmpdir(), "stormglass-browser-"));
    this.ports = {};
  }

  async start() {
    const address = (name) => this.ports[name] ?? "127.0.0.1:0";
    const environment = {
      ...process.env,
      STORMGLASS_LISTEN__HTTP: address("http"),
      STORMGLASS_LISTEN__OTLP_HTTP: address("otlp_http"),
      STORMGLASS_LISTEN__OTLP_GRPC: address("otlp_grpc"),
    };
    this.process = spawn(process.env.STORMGLASS_BIN, [this.command, "--data-dir", this.folder, ...this.args], { env: environment });
    this.said = "";
    const hear = (bytes) => {
      this.said += bytes;
      for (const [, name, at] of this.said.matchAll(/^(http|otlp_http|otlp_grpc) (127\.0\.0\.1:\d+)$/gm)) this.ports[name] = at;
    };
    this.process.stdout.on("data", hear);
    this.process.stderr.on("data", hear);
    await until(() => `the server to be ready; it said: ${this.said.slice(-400)}`, () => /^ready$/m.test(this.said), START_MS);
    return this;
  }

  get url() {
    return `http://${this.ports.http}`;
  }

  async stop() {
    if (!this.process || this.process.exitCode !== null) return;
    const gone = new Promise((resolve) => this.process.once("exit", resolve));
    this.process.kill("SIGTERM");
    await Promise.race([gone, new Promise((resolve) => setTimeout(resolve, 10_000))]);
    if (this.process.exitCode === null) this.process.kill("SIGKILL");
  }

  async remove() {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** A call of the API, in the name of whose cookie and token are given; gives the answer's body. */
  async call(method, path, body, headers = {}) {
    const response = await fetch(this.url + path, {
      method,
      headers: { "content-type": "application/json", ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    assert(response.ok, `${method} ${path}: ${response.status} ${text.slice(0, 300)}`);
    return { body: text ? JSON.parse(text) : null, cookie: response.headers.get("set-cookie")?.split(";")[0] };
  }

  async send(signal, body) {
    const response = await fetch(`http://${this.ports.otlp_http}/v1/${signal}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    assert(response.ok, `the server took the ${signal}: ${response.status} ${await response.clone().text()}`);
  }
}

export async function openBrowser() {
  return chromium.launch({ executablePath: process.env.STORMGLASS_CHROMIUM, args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] });
}

/** Pages that no test has closed yet: of a test that fails they are kept as pictures. */
const opened = new Set();

async function leave(name) {
  for (const [at, page] of [...opened].entries()) {
    await page.screenshot({ path: join(artefacts, `failed-${name}${at || ""}.png`) }).catch(() => undefined);
    await page.context().close().catch(() => undefined);
  }
  opened.clear();
}

/** A page that keeps what went wrong in it: errors, refusals of the policy, dialogs, words that were not found. */
export async function openPage(browser, base, { language = "en", dark = false, phone = false, quiet = [] } = {}) {
  const context = await browser.newContext({
    baseURL: base,
    viewport: phone ? { width: 390, height: 844 } : { width: 1440, height: 900 },
    colorScheme: dark ? "dark" : "light",
    locale: language === "zh" ? "zh-CN" : "en-GB",
    timezoneId: "Asia/Shanghai",
    hasTouch: phone,
    isMobile: phone,
  });
  // Tests say what must come, not how soon: a loaded machine is waited for.
  context.setDefaultTimeout(WAIT_MS);
  await serveFolder(context, base);
  const page = await context.newPage();
  opened.add(page);
  const faults = [];
  const expected = (text) => quiet.some((pattern) => pattern.test(text));
  page.on("pageerror", (error) => faults.push(`error: ${String(error).slice(0, 300)}`));
  page.on("dialog", (dialog) => {
    faults.push(`a dialog was opened: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("console", (message) => {
    const text = message.text();
    // Refused requests are noted below, by their address.
    if (message.type() === "error" && !text.startsWith("Failed to load resource") && !expected(text)) faults.push(`console: ${text.slice(0, 300)}`);
  });
  page.on("response", (response) => {
    const line = `${response.status()} ${response.url().slice(base.length)}`;
    if (response.status() >= 400 && !expected(line)) faults.push(line.slice(0, 200));
  });
  await page.addInitScript(() => {
    window.refusedByPolicy = [];
    document.addEventListener("securitypolicyviolation", (event) => window.refusedByPolicy.push(`${event.violatedDirective} ${event.blockedURI}`));
  });
  return {
    page,
    faults,
    async go(path) {
      await page.goto(path, { waitUntil: "domcontentloaded" });
      await this.settled().catch((error) => {
        throw new Error(`${path}: ${error.message.split("\n")[0]}; ${faults.join("; ")}`);
      });
    },
    /** Until nothing is asked of the server for half a second, or for as long as live pages allow. */
    async settled() {
      await page.waitForSelector("h1");
      await page.waitForFunction(() => !document.querySelector("[aria-busy=true]"), null, { timeout: 30_000 }).catch(() => undefined);
      await page.waitForTimeout(250);
    },
    async sound(where) {
      const refused = await page.evaluate(() => window.refusedByPolicy);
      assert(refused.length === 0, `${where}: the policy refused ${refused.join(", ")}`);
      assert(faults.length === 0, `${where}: ${faults.join("; ")}`);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert(wide <= 1, `${where}: the page is ${wide} px wider than the window`);
    },
    async accessible(where) {
      await page.evaluate(AXE);
      const found = await page.evaluate(async () => {
        const result = await window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa"] });
        return result.violations
          .filter((violation) => violation.impact === "serious" || violation.impact === "critical")
          .map((violation) => `${violation.id} (${violation.nodes.length}): ${violation.nodes[0]?.target.join(" ")} ${violation.nodes[0]?.any[0]?.message ?? ""}`);
      });
      assert(found.length === 0, `${where}: axe says ${found.join("; ")}`);
    },
    /** A picture of what is in sight, or of the whole page in a window that is as high as it. */
    async shot(name, whole = false) {
      const path = join(artefacts, `${name}.png`);
      if (!whole) return page.screenshot({ path });
      const size = page.viewportSize();
      const height = await page.evaluate(() => document.documentElement.scrollHeight);
      await page.setViewportSize({ width: size.width, height: Math.max(size.height, Math.min(height, PICTURE_PX_MAX)) });
      await page.waitForTimeout(400);
      await page.screenshot({ path });
      return page.setViewportSize(size);
    },
    /** A picture of one part of the page, cut at its end. */
    async shotOf(name, part) {
      await part.scrollIntoViewIfNeeded();
      await part.screenshot({ path: join(artefacts, `${name}.png`) });
    },
    close: () => {
      opened.delete(page);
      return context.close();
    },
  };
}

const tests = [];
export const test = (name, run) => tests.push({ name, run });

/** Runs the tests whose name has one of the words, and prints what tests/run counts. */
export async function runAll(words) {
  let [passed, failed] = [0, 0];
  for (const { name, run } of tests.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)))) {
    const started = Date.now();
    try {
      await run();
      passed += 1;
      console.log(`test ${name} ... ok (${((Date.now() - started) / 1000).toFixed(1)} s)`);
    } catch (error) {
      failed += 1;
      console.log(`test ${name} ... FAILED\n  ${error.message}`);
      await leave(name);
    }
  }
  console.log(`screenshots are in ${artefacts}`);
  console.log(`test result: ${failed === 0 ? "ok" : "FAILED"}. ${passed} passed; ${failed} failed; 0 ignored`);
  return failed === 0;
}
