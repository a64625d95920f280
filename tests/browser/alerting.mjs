// Receivers and incidents by hand: a test message to a robot that answers well or badly, alerts split off and merged.
import { createHmac } from "node:crypto";
import { createServer } from "node:http";
import { Server, assert, openPage, test, until } from "./harness.mjs";

const SECRET = "SECwhat-only-the-robot-and-we-know";

/** A group robot on loopback: keeps what it hears and answers as it is told to. */
async function robot() {
  const heard = [];
  const state = { answer: { errcode: 0, errmsg: "ok" } };
  const server = createServer((request, response) => {
    let text = "";
    request.on("data", (bytes) => (text += bytes));
    request.on("end", () => {
      heard.push({ url: new URL(request.url, "http://robot"), body: JSON.parse(text || "null") });
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify(state.answer));
    });
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  return { heard, state, url: `http://127.0.0.1:${server.address().port}/robot/send?access_token=abc`, close: () => server.close() };
}

export function alertingTests(browser) {
  test("the_test_button_of_a_receiver_says_what_the_robot_said", async () => {
    const [server, group] = [await new Server("serve").start(), await robot()];
    try {
      const view = await openPage(browser, server.url, { quiet: [/^400 /] });
      const { page } = view;
      const add = async () => {
        await page.getByLabel("Name", { exact: false }).first().fill("on-call");
        await page.getByLabel("Address (webhook)").fill(group.url);
        await page.getByLabel("Signing secret").fill(SECRET);
        await page.getByRole("button", { name: "Save", exact: true }).first().click();
      };
      await view.go("/routes");
      // Loopback is refused until somebody allows it, and what was typed stays.
      await add();
      await page.waitForSelector("main form [role=alert]:has-text('network.allow')");
      assert((await page.getByLabel("Address (webhook)").inputValue()) === group.url, "the address is kept when it is refused");
      await view.shot("receiver-refused");
      await server.call("POST", "/api/v1/routes", { network: { allow: ["127.0.0.1"] } });
      await page.getByRole("button", { name: "Save", exact: true }).first().click();
      await page.waitForSelector("main li strong:has-text('on-call')");
      // The robot takes it: signed, and in the form it wants.
      await page.getByRole("button", { name: "Send a test" }).click();
      await page.waitForSelector("main li:has-text('on-call') :text('delivered')");
      const { url, body } = group.heard.at(-1);
      const stamp = url.searchParams.get("timestamp");
      const sign = createHmac("sha256", SECRET).update(`${stamp}\n${SECRET}`).digest("base64");
      assert(url.searchParams.get("sign") === sign, "the message is signed with the secret");
      assert(typeof body.msgtype === "string", `the robot got a message of its kind: ${JSON.stringify(body).slice(0, 200)}`);
      await view.shot("receiver-good");
      // The robot refuses: its words are shown.
      group.state.answer = { errcode: 310000, errmsg: "keywords not in content" };
      await page.getByRole("button", { name: "Send a test" }).click();
      await page.waitForSelector("main li:has-text('on-call') :text('not delivered')");
      assert((await page.locator("main li:has-text('on-call')").first().innerText()).includes("keywords not in content"), "the robot's own words are shown");
      // Nobody listens: that is said too.
      group.close();
      await page.getByRole("button", { name: "Send a test" }).click();
      await page.waitForSelector("main li:has-text('on-call') :text('no connection')");
      const shown = await page.locator("main").innerHTML();
      assert(!shown.includes(SECRET) && !shown.includes("access_token=abc"), "neither secret nor token stands in the page");
      await view.accessible("routes with a receiver");
      await view.sound("receivers");
      await view.close();
    } finally {
      group.close();
      await server.remove();
    }
  });

  test("an_incident_is_split_and_merged_again", async () => {
    const server = await new Server("serve").start();
    try {
      const alert = (alertname, severity) => ({ labels: { alertname, service: "checkout", severity }, annotations: { summary: alertname } });
      await server.call("POST", "/alertmanager/api/v2/alerts", [alert("SlowCheckout", "critical"), alert("CheckoutErrors", "critical"), alert("CheckoutQueue", "warning")]);
      const live = async () => (await server.call("GET", "/api/v1/incidents?state=live")).body.items;
      const [whole] = await until("one incident of three alerts", async () => {
        const items = await live();
        return items.length === 1 && items[0].alert_count === 3 && items;
      });
      const view = await openPage(browser, server.url);
      const { page } = view;
      await view.go(`/incidents/${whole.id}`);
      await page.waitForSelector("h2:has-text('Why 3 alerts are one incident')");
      await page.getByRole("checkbox", { name: "Choose CheckoutQueue" }).check();
      await page.getByRole("button", { name: "Split off 1 chosen" }).click();
      await page.waitForSelector("main [role=status]:has-text('an incident of its own')");
      await page.waitForSelector("h2:has-text('Why 2 alerts are one incident')");
      const other = (await live()).find(({ id }) => id !== whole.id);
      assert(other?.alert_count === 1, "the alert that was chosen is an incident of its own");
      await view.shot("incident-split");
      await page.locator(`main a[href^="/incidents/${other.id}"]`).first().click();
      await page.waitForSelector("h2:has-text('Why 1 alert is one incident')");
      await page.getByRole("button", { name: "Merge into another" }).click();
      await page.getByLabel("Into which incident").first().click();
      await page.getByRole("option", { name: new RegExp(whole.id) }).click();
      await page.waitForSelector("main [role=status]:has-text('became part of')");
      await view.shot("incident-merged");
      const after = await live();
      assert(after.length === 1 && after[0].id === whole.id && after[0].alert_count === 3, `one incident of three alerts again: ${JSON.stringify(after.map(({ id, alert_count }) => [id, alert_count]))}`);
      await page.locator(`main [role=status] a[href^="/incidents/${whole.id}"]`).click();
      await page.waitForSelector("h2:has-text('Why 3 alerts are one incident')");
      await view.accessible("split and merged");
      await view.sound("split and merge");
      await view.close();
    } finally {
      await server.remove();
    }
  });

  test("what_is_left_to_do_is_noted_found_again_and_done", async () => {
    const server = await new Server("serve").start();
    try {
      await server.call("POST", "/alertmanager/api/v2/alerts", [{ labels: { alertname: "SlowCheckout", service: "checkout", severity: "critical" } }]);
      const incident = await until("an incident", async () => (await server.call("GET", "/api/v1/incidents?state=live")).body.items[0]);
      const view = await openPage(browser, server.url, { quiet: [/^400 /] });
      const { page } = view;
      await view.go(`/incidents/${incident.id}`);
      await page.getByLabel("What is to be done").fill("add an index");
      await page.getByLabel("Who", { exact: true }).fill("ann");
      await page.getByLabel("By", { exact: true }).fill("2026-01-05");
      await page.getByLabel(/^Ticket/).fill("javascript:alert(1)");
      await page.getByRole("button", { name: "Add", exact: true }).click();
      await page.waitForSelector("main [role=alert]:has-text('https://')");
      assert((await page.getByLabel("What is to be done").inputValue()) === "add an index", "what was typed stays when it is refused");
      await page.getByLabel(/^Ticket/).fill("https://tickets.example.com/7");
      await page.getByRole("button", { name: "Add", exact: true }).click();
      await page.waitForSelector("main li:has-text('add an index') :text('overdue')");
      assert((await page.locator("main a[href='https://tickets.example.com/7']").count()) === 1, "the ticket is a link");
      await view.shot("follow-up");
      await view.go("/incidents");
      await page.waitForSelector("h2:has-text('Follow-ups still open')");
      await view.shot("follow-ups");
      await view.accessible("follow-ups");
      await page.locator("main a:has-text('add an index')").first().click();
      await page.getByRole("checkbox", { name: "Done: add an index" }).click();
      await until("the server to know it", async () => (await server.call("GET", "/api/v1/follow-ups?state=done")).body.items.length === 1);
      await view.go("/incidents");
      await page.waitForSelector("h1");
      await until("the list to go", async () => (await page.locator("h2:has-text('Follow-ups still open')").count()) === 0);
      await view.sound("follow-ups");
      await view.close();
    } finally {
      await server.remove();
    }
  });
}
