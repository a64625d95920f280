#!/usr/bin/env node
// Adds up what a browser fetches before the first page is there, compressed as the server sends it, and fails
// above the budget: node budget.mjs [DIST] [--list]
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const BUDGET_BYTES = 350 * 1000;
const FIRST_PAGE = "src/pages/overview/index.tsx";
const dist = process.argv[2] ?? join(import.meta.dirname, "dist");
const manifest = JSON.parse(readFileSync(join(dist, "manifest.json"), "utf8"));

/** Files that come with a chunk, without those that wait until something is opened. */
function files(name, found = new Set(["index.html", "theme.js"]), seen = new Set()) {
  const chunk = manifest[name];
  if (!chunk || seen.has(name)) return found;
  seen.add(name);
  found.add(chunk.file);
  for (const style of chunk.css ?? []) found.add(style);
  for (const needed of chunk.imports ?? []) files(needed, found, seen);
  return found;
}

const seen = new Set();
const wanted = new Set([...files("index.html", undefined, seen), ...files(FIRST_PAGE, undefined, seen)]);
const sized = [...wanted].map((file) => ({ file, bytes: gzipSync(readFileSync(join(dist, file)), { level: 9 }).length }));
const total = sized.reduce((sum, { bytes }) => sum + bytes, 0);
const kB = (bytes) => `${(bytes / 1000).toFixed(1)} kB`;
if (process.argv.includes("--list")) for (const { file, bytes } of sized.sort((a, b) => b.bytes - a.bytes)) console.log(`${kB(bytes).padStart(10)}  ${file}`);
console.log(`first load: ${kB(total)} gzip of ${kB(BUDGET_BYTES)}, ${sized.length} files`);
if (!manifest[FIRST_PAGE] || total > BUDGET_BYTES) {
  console.error("the first load is above its budget: load what is heavy when it is opened");
  process.exit(1);
}
