// How the app is built: into files with hashed names, each with the variants that the server sends
// compressed. It runs once per change of the sources (./build), never at run time.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

const SERVER = process.env.STORMGLASS_URL ?? "http://127.0.0.1:8080";
const TO_SERVER = ["/api", "/readyz", "/healthz", "^/metrics$", "/alertmanager"];
const COMPRESSIBLE = /\.(html|js|css|svg|json|txt)$/;
/** Smaller files cost more to unpack than to send. */
const COMPRESSED_BYTES_MIN = 512;

function precompress(): Plugin {
  let folder = "dist";
  return {
    name: "precompress",
    apply: "build",
    configResolved(config) {
      folder = config.build.outDir;
    },
    closeBundle() {
      for (const entry of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
        if (!COMPRESSIBLE.test(entry)) continue;
        const path = join(folder, entry);
        const bytes = readFileSync(path);
        if (bytes.length < COMPRESSED_BYTES_MIN) continue;
        writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
        const quality = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
        writeFileSync(`${path}.br`, brotliCompressSync(bytes, { params: quality }));
      }
    },
  };
}

/** The policy that the server sends, so that a preview behaves like the product. */
function policy(): string {
  const source = readFileSync(new URL("../assets/src/lib.rs", import.meta.url), "utf8");
  const found = /CONTENT_SECURITY_POLICY: &str =\s*"([^"]+)"/.exec(source)?.[1];
  if (!found) throw new Error("dashboards/assets/src/lib.rs names no CONTENT_SECURITY_POLICY");
  return found.replace(/\\\n\s*/g, "");
}

const proxy = Object.fromEntries(TO_SERVER.map((prefix) => [prefix, { target: SERVER }]));

export default defineConfig({
  plugins: [react(), precompress()],
  server: { host: "127.0.0.1", proxy },
  preview: { host: "127.0.0.1", proxy, headers: { "content-security-policy": policy() } },
  build: {
    target: "es2022",
    manifest: "manifest.json",
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 800,
  },
  test: { include: ["tests/**/*.test.ts"] },
} as Parameters<typeof defineConfig>[0]);
