// Pages from a folder in place of those in the binary (STORMGLASS_UI_DIST): so that the app can be tested before a
// server is built with it. Everything else is asked of the server.
import { existsSync, readFileSync, statSync } from "node:fs";
import { extname, join } from "node:path";

const folder = process.env.STORMGLASS_UI_DIST;
const TO_SERVER = /^\/(api|readyz|healthz|metrics|alertmanager)(\/|$)/;
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".json": "application/json" };

/** The policy of the server that is asked, from its own page. */
async function policyOf(base) {
  const page = await fetch(base);
  return page.headers.get("content-security-policy") ?? "";
}

export async function serveFolder(context, base) {
  if (!folder) return;
  const policy = await policyOf(base);
  await context.route(
    (url) => url.origin === new URL(base).origin && !TO_SERVER.test(url.pathname),
    (route) => {
      const { pathname } = new URL(route.request().url());
      const wanted = join(folder, decodeURIComponent(pathname));
      const file = wanted.startsWith(folder) && existsSync(wanted) && statSync(wanted).isFile() ? wanted : join(folder, "index.html");
      return route.fulfill({ body: readFileSync(file), contentType: TYPES[extname(file)] ?? "application/octet-stream", headers: { "content-security-policy": policy } });
    },
  );
}
