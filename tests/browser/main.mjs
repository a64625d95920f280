// The tests of the web UI in a real browser: one browser, one company at work, and the stories told over them.
import { alertingTests } from "./alerting.mjs";
import { connectTests } from "./connect.mjs";
import { describedTests } from "./described.mjs";
import { Server, openBrowser, runAll } from "./harness.mjs";
import { hostileTests } from "./hostile.mjs";
import { largeTests } from "./large.mjs";
import { pageTests } from "./pages.mjs";
import { peopleTests } from "./people.mjs";
import { writePictures } from "./pictures.mjs";
import { shellTests } from "./shell.mjs";
import { storyTests } from "./story.mjs";
import { troubleTests } from "./trouble.mjs";
import { workTests } from "./work.mjs";

const given = process.env.STORMGLASS_UI_URL;
const browser = await openBrowser();
const company = given ? null : new Server("demo", ["--speed", "1"]);
const started = Date.now();
if (company) await company.start();
const base = given ?? company.url;
/** A server that was given may be anybody's: faults are made only where that is wanted. */
const own = !given || Boolean(process.env.STORMGLASS_UI_STORY);

/** The answer of an address, for stories that need an id. */
const ask = async (path, at = base) => (await fetch(at + path)).json();

// In this order: the map is timed from the start of the company, and the story breaks it after the pages were seen well.
storyTests.first(browser, { base, started });
pageTests(browser, base, ask);
shellTests(browser, base);
workTests(browser, base, ask);
connectTests(browser);
hostileTests(browser, ask);
largeTests(browser, ask);
storyTests.whole(browser, { base, ask, own });
describedTests(ask);
peopleTests(browser);
alertingTests(browser);
troubleTests(browser, base);

const good = await runAll(process.argv.slice(2));
if (good && process.env.STORMGLASS_PICTURES) await writePictures(browser, process.env.STORMGLASS_PICTURES);
await browser.close();
await company?.remove();

process.exit(good ? 0 : 1);
