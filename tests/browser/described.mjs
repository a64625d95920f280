// The types of the app are made from a server's description of itself: what they name must still be there.
import { readFileSync } from "node:fs";
import { assert, test } from "./harness.mjs";

const schema = process.env.STORMGLASS_UI_SCHEMA;
const PATHS_MIN = 40;
const SCHEMAS_MIN = 80;

/** Names at one depth of the generated text, each with the names one step deeper. */
function namesIn(text, from, indent) {
  const lines = text.slice(text.indexOf(from)).split("\n").slice(1);
  const found = new Map();
  let current = null;
  for (const line of lines) {
    if (/^ {0,4}\}/.test(line) && line.length - line.trimStart().length < indent) break;
    const at = line.length - line.trimStart().length;
    const name = /^("[^"]+"|\w+)\??:/.exec(line.trim())?.[1]?.replaceAll('"', "");
    if (!name) continue;
    if (at === indent) found.set(name, (current = new Set()));
    else if (at === indent + 4) current?.add(name);
  }
  return found;
}

/** The fields of a schema of the description, also of one that is made of several. */
function fieldsOf(of, all, depth = 0) {
  if (!of || depth > 8) return [];
  if (of.$ref) return fieldsOf(all[of.$ref.split("/").at(-1)], all, depth + 1);
  return [...Object.keys(of.properties ?? {}), ...(of.allOf ?? []).flatMap((part) => fieldsOf(part, all, depth + 1))];
}

export function describedTests(ask) {
  test("what_the_app_reads_is_what_the_server_describes", async () => {
    if (!schema) {
      console.log("  skipped: STORMGLASS_UI_SCHEMA names no file");
      return;
    }
    const text = readFileSync(schema, "utf8");
    const described = await ask("/api/v1/openapi.json");
    const paths = [...namesIn(text, "export interface paths {", 4).keys()];
    assert(paths.length > PATHS_MIN, `paths are found in the types: ${paths.length}`);
    const gone = paths.filter((path) => !described.paths[path]);
    assert(gone.length === 0, `the server knows no ${gone.join(", ")}: run dashboards/web/types`);
    const schemas = namesIn(text, "    schemas: {", 8);
    assert(schemas.size > SCHEMAS_MIN, `schemas are found in the types: ${schemas.size}`);
    const missing = [];
    for (const [name, fields] of schemas) {
      const of = described.components.schemas[name];
      if (!of) missing.push(name);
      // Lists and choices have no fields of their own.
      else if (of.properties) missing.push(...[...fields].filter((field) => !fieldsOf(of, described.components.schemas).includes(field)).map((field) => `${name}.${field}`));
    }
    assert(missing.length === 0, `the server describes no ${missing.slice(0, 20).join(", ")}: run dashboards/web/types`);
  });
}
