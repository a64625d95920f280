// The layers look one way: pages -> components -> api -> base; a page does not use another page.
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { expect, test } from "vitest";

const SOURCES = new URL("../src", import.meta.url).pathname;
const LAYERS = ["base", "api", "components", "pages"];
const files = readdirSync(SOURCES, { recursive: true, encoding: "utf8" }).filter((file) => /\.tsx?$/.test(file));

const layer = (file: string): number => LAYERS.indexOf(file.split("/")[0] ?? "");
const imports = (file: string): string[] =>
  [...readFileSync(join(SOURCES, file), "utf8").matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)].map(([, to]) =>
    relative(SOURCES, resolve(SOURCES, dirname(file), to ?? "")),
  );

test("imports go from pages to components to api to base", () => {
  const offenders = files.flatMap((file) =>
    layer(file) < 0 ? [] : imports(file).filter((to) => layer(to) > layer(file) || layer(to) < 0).map((to) => `${file} -> ${to}`),
  );
  expect(files.length).toBeGreaterThan(30);
  expect(offenders).toEqual([]);
});

test("a page uses no other page", () => {
  const page = (file: string): string => file.split("/")[1] ?? "";
  const offenders = files
    .filter((file) => file.startsWith("pages/") && file !== "pages/pages.ts")
    .flatMap((file) => imports(file).filter((to) => to.startsWith("pages/") && page(to) !== page(file)).map((to) => `${file} -> ${to}`));
  expect(offenders).toEqual([]);
});

test("nothing writes markup, runs text or opens links of telemetry unchecked", () => {
  const banned = /dangerouslySetInnerHTML|\.innerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function\(|javascript:[^`]/;
  const offenders = files.filter((file) => banned.test(readFileSync(join(SOURCES, file), "utf8")));
  expect(offenders).toEqual([]);
});

test("links out of the app carry no way back", () => {
  const offenders = files.filter((file) => {
    const text = readFileSync(join(SOURCES, file), "utf8");
    return /target="_blank"/.test(text) && !/rel="noopener noreferrer"/.test(text);
  });
  expect(offenders).toEqual([]);
});

test("every file says what it is", () => {
  const offenders = files.filter((file) => file !== "api/schema.ts" && !readFileSync(join(SOURCES, file), "utf8").startsWith("//"));
  expect(offenders).toEqual([]);
});
