// Signing in: the first start, wrong passwords, and a session that ends under the page.
import { Server, assert, openPage, test, until } from "./harness.mjs";

const PASSWORD = "correct horse battery";
const NEW_PASSWORD = "staple the horse again";
/** Answers that are wanted here: nobody is signed in, or the password is wrong. */
const QUIET = [/^40[13] /];

/** A closed server with one administrator, made by its API. */
async function closedServer() {
  const server = await new Server("serve", ["--setup"]).start();
  const token = /^setup (\S+)$/m.exec(server.said)?.[1];
  assert(token, `the server printed a token: ${server.said.slice(-300)}`);
  return { server, token };
}

async function signIn(page, user, password, button = "Sign in") {
  const gate = page.getByRole("dialog");
  await gate.getByLabel("Name").fill(user);
  await gate.getByRole("textbox", { name: "Password" }).fill(password);
  await gate.getByRole("button", { name: button }).click();
}

const gone = (page) => page.getByRole("dialog").waitFor({ state: "detached" });

export function peopleTests(browser) {
  test("the_first_start_makes_the_administrator_in_the_page", async () => {
    const { server, token } = await closedServer();
    try {
      const view = await openPage(browser, server.url, { quiet: QUIET });
      const { page } = view;
      await page.goto("/incidents", { waitUntil: "domcontentloaded" });
      await page.waitForSelector("[role=dialog]:has-text('First start')");
      await view.accessible("first start");
      await view.shot("first-start");
      await page.getByRole("dialog").getByLabel("Setup token").fill("not-the-token");
      await signIn(page, "alice", PASSWORD, "Make and sign in");
      await page.waitForSelector("[role=dialog] [role=alert]");
      assert((await page.getByRole("dialog").getByLabel("Name").inputValue()) === "alice", "what was typed is kept after a wrong token");
      await page.getByRole("dialog").getByLabel("Setup token").fill(token);
      await page.getByRole("dialog").getByRole("button", { name: "Make and sign in" }).click();
      await gone(page);
      await page.waitForSelector("h1:has-text('Incidents')");
      await page.waitForSelector("button[aria-label=alice]");
      await view.settled();
      // Out, and in again: once with a wrong password.
      await page.locator("button[aria-label=alice]").click();
      await page.getByRole("menuitem", { name: "Sign out" }).click();
      await page.waitForSelector("[role=dialog]:has-text('Sign in')");
      await signIn(page, "alice", "wrong horse battery");
      await page.waitForSelector("[role=dialog]:has-text('Name or password is wrong')");
      await view.shot("wrong-password");
      await signIn(page, "alice", PASSWORD);
      await gone(page);
      await page.waitForSelector("h1:has-text('Incidents')");
      await view.sound("first start");
      await view.close();
    } finally {
      await server.remove();
    }
  });

  test("a_session_that_ends_keeps_what_was_typed_and_goes_on", async () => {
    const { server, token } = await closedServer();
    try {
      const alice = await server.call("POST", "/api/v1/setup", { token, user: "alice", password: PASSWORD });
      const hers = { cookie: alice.cookie, "x-csrf-token": alice.body.csrf };
      await server.call("POST", "/api/v1/users", { name: "bob", password: PASSWORD, role: "operator" }, hers);
      const view = await openPage(browser, server.url, { quiet: QUIET });
      const { page } = view;
      await page.goto("/silences", { waitUntil: "domcontentloaded" });
      await page.waitForSelector("[role=dialog]");
      await signIn(page, "bob", PASSWORD);
      await gone(page);
      await page.getByLabel("Which alerts").fill('{service="checkout"}');
      await page.getByLabel("Why").fill("stocktaking");
      // A new password, set by somebody else, ends every session of his.
      await server.call("POST", "/api/v1/users/bob/password", { password: NEW_PASSWORD }, hers);
      await page.waitForSelector("[role=dialog]:has-text('Your session has ended')");
      await view.shot("session-ended");
      await signIn(page, "bob", NEW_PASSWORD);
      await gone(page);
      assert((await page.getByLabel("Why").inputValue()) === "stocktaking", "what was typed before the session ended is there");
      await page.getByRole("button", { name: "Hold back" }).click();
      await page.waitForSelector("main table :text('stocktaking')");
      const { body } = await server.call("GET", "/api/v1/silences", undefined, { cookie: hers.cookie });
      assert(body.items.some(({ comment, created_by }) => comment === "stocktaking" && created_by === "bob"), "the silence is made in his name");
      await view.sound("session");
      await view.close();
    } finally {
      await server.remove();
    }
  });

  test("a_viewer_is_told_that_the_role_may_not", async () => {
    const { server, token } = await closedServer();
    try {
      const alice = await server.call("POST", "/api/v1/setup", { token, user: "alice", password: PASSWORD });
      await server.call("POST", "/api/v1/users", { name: "vera", password: PASSWORD, role: "viewer" }, { cookie: alice.cookie, "x-csrf-token": alice.body.csrf });
      const view = await openPage(browser, server.url, { quiet: QUIET });
      const { page } = view;
      await page.goto("/people", { waitUntil: "domcontentloaded" });
      await page.waitForSelector("[role=dialog]");
      await signIn(page, "vera", PASSWORD);
      await gone(page);
      await page.waitForSelector("main [role=alert]:has-text('Your role may not')");
      await until("the page to stand still", async () => (await page.locator("[aria-busy=true]").count()) === 0);
      await view.accessible("forbidden");
      await view.shot("forbidden");
      await view.sound("forbidden");
      await view.close();
    } finally {
      await server.remove();
    }
  });
}
