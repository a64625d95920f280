#!/usr/bin/env bash
# Fuzzes each target for a time: `tests/fuzz/run.sh [SECONDS]`, by default STORMGLASS_FUZZ_SECONDS. Without
# either it is skipped: the instrumented build takes minutes. The same entry points run under proptest always.
# Needs a nightly compiler and a C++ compiler; where one is missing it says so and counts as skipped.
# `cargo fuzz run --fuzz-dir tests/fuzz TARGET` works as well; this script needs no cargo-fuzz.
#
# What it finds lies under the corpus and artifact folders beside the build, outside the clone.
set -uo pipefail
cd "$(dirname "$0")" || exit 1
seconds=${1:-${STORMGLASS_FUZZ_SECONDS:-0}}
targets=(protobuf_decode json_decode wal_record)

skip() {
  echo "SKIPPED fuzz: $1"
  exit 0
}

cargo +nightly --version > /dev/null 2>&1 || skip "no nightly toolchain (rustup toolchain install nightly)"
command -v c++ > /dev/null 2>&1 || skip "no C++ compiler, which the fuzzing engine is built with"
[ "$seconds" -gt 0 ] 2> /dev/null || skip "no time was given: set STORMGLASS_FUZZ_SECONDS (the instrumented build takes minutes)"

base=${CARGO_TARGET_DIR:-$HOME/.cache/stormglass/target}-fuzz
host=$(rustc +nightly -vV | awk '/^host: / { print $2 }')
export CARGO_TARGET_DIR=$base CARGO_INCREMENTAL=0
log=$base/build.log
mkdir -p "$base"

# The seeds are made by an ordinary build: only the targets are instrumented.
if ! cargo +nightly run --quiet --package seeds -- "$base/seeds" > "$log" 2>&1; then
  tail -n 40 "$log"
  grep -qE 'failed to (download|fetch|get)|Could not resolve' "$log" && skip "the crates it needs cannot be fetched"
  exit 1
fi

# What cargo-fuzz passes, without the address sanitizer: there is no unsafe code to watch.
flags='-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4'
flags+=' -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table'
flags+=' -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing -Cdebug-assertions'
if ! RUSTFLAGS=$flags cargo +nightly build --quiet --bins --package fuzz --target "$host" > "$log" 2>&1; then
  tail -n 40 "$log"
  grep -qE 'failed to (download|fetch|get)|Could not resolve' "$log" && skip "the crates it needs cannot be fetched"
  exit 1
fi

failed=0
for target in "${targets[@]}"; do
  corpus=$base/corpus/$target artifacts=$base/artifacts/$target/
  mkdir -p "$corpus" "$artifacts"
  if "$base/$host/debug/$target" -max_total_time="$seconds" -max_len=65536 -rss_limit_mb=2048 -timeout=20 \
    -artifact_prefix="$artifacts" -print_final_stats=1 "$corpus" "$base/seeds/$target" > "$base/$target.log" 2>&1; then
    runs=$(awk '/stat::number_of_executed_units/ { print $2 }' "$base/$target.log")
    echo "test result: ok. 1 passed; 0 failed; 0 ignored; fuzz $target: ${runs:-?} inputs in $seconds s"
  else
    grep -aE 'panicked|ERROR|artifact|Base64' "$base/$target.log" | head -n 20
    echo "test result: FAILED. 0 passed; 1 failed; 0 ignored; fuzz $target: what broke it is in $artifacts"
    failed=1
  fi
done
exit $failed
