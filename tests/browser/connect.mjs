// A server that nobody sends to yet: pages say how to begin, and Connect turns green on the first span or says why not.
import { execFileSync } from "node:child_process";
import { Server, assert, openPage, test } from "./harness.mjs";
import { largeTrace } from "./telemetry.mjs";

export function connectTests(browser) {
  test("connect_turns_green_on_the_first_span", async () => {
    const server = await new Server("serve").start();
    try {
      const view = await openPage(browser, server.url);
      await view.go("/connect?service=large-service");
      await view.page.waitForSelector("[role=status]:has-text('Nothing from large-service yet')");
      const { messages } = largeTrace(3, Date.now());
      await server.send("traces", messages[0]);
      await view.page.waitForSelector("[role=status]:has-text('large-service is connected')");
      await view.shot("connect-green");
      // What the page gives to be copied works as it stands, whatever port the server has.
      await view.go("/connect?sender=curl&service=copied");
      await view.page.waitForSelector("[role=status]:has-text('Nothing from copied yet')");
      execFileSync("bash", ["-c", await view.page.locator("main pre").innerText()]);
      await view.page.waitForSelector("[role=status]:has-text('copied is connected')");
      // What cannot be read is refused, and the page says why.
      const refused = await fetch(`http://${server.ports.otlp_http}/v1/traces`, { method: "POST", headers: { "content-type": "application/json" }, body: "{ this is no message" });
      assert(refused.status === 400, `a broken message is refused: ${refused.status}`);
      await view.page.waitForSelector("main :text('What came is no OTLP message')");
      await view.shot("connect-refused");
      await view.sound("connect");
      await view.close();
    } finally {
      await server.remove();
    }
  });

  test("an_empty_server_says_what_is_missing_and_how_to_fill_it", async () => {
    const server = await new Server("serve").start();
    try {
      const view = await openPage(browser, server.url);
      for (const path of ["/", "/map", "/health"]) {
        await view.go(path);
        await view.page.waitForSelector("code:has-text('stormglass demo')");
      }
      await view.shot("empty");
      await view.sound("an empty server");
      await view.close();
    } finally {
      await server.remove();
    }
  });
}
