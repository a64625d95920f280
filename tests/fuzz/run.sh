#!/usr/bin/env bash
# Fuzzes each target for a time, guided by coverage, from the corpus that is stored here:
#   tests/fuzz/run.sh [SECONDS]   by default STORMGLASS_FUZZ_SECONDS, or 20 for each target
#   tests/fuzz/run.sh keep        puts what earlier runs on this machine found into the stored corpus
# The same entry points run under proptest always. `cargo fuzz run --fuzz-dir tests/fuzz TARGET` works as
# well, with a nightly compiler; this script needs none: coverage is a pass of the compiler that any has,
# and there is no unsafe code for an address sanitizer to watch.
#
# What it finds lies under the corpus and artifact folders beside the build, outside the clone. An input
# that broke something belongs into the stored corpus once it is mended: every run begins with all of them.
set -uo pipefail
cd "$(dirname "$0")" || exit 1
targets=(protobuf_decode json_decode wal_record)
seconds=${1:-${STORMGLASS_FUZZ_SECONDS:-20}}

skip() {
  echo "SKIPPED fuzz: $1"
  exit 0
}

command -v c++ > /dev/null 2>&1 || skip "no C++ compiler, which the fuzzing engine is built with"

base=${CARGO_TARGET_DIR:-$HOME/.cache/stormglass/target}-fuzz
host=$(rustc -vV | awk '/^host: / { print $2 }')
export CARGO_TARGET_DIR=$base CARGO_INCREMENTAL=0
log=$base/build.log
mkdir -p "$base"

# build WHAT...: quietly, unless it fails.
build() {
  "$@" > "$log" 2>&1 && return
  tail -n 40 "$log"
  grep -qE 'failed to (download|fetch|get)|Could not resolve' "$log" && skip "the crates it needs cannot be fetched"
  exit 1
}

# The seeds are made by an ordinary build: only the targets are instrumented.
build cargo run --quiet --package seeds -- "$base/seeds"
flags='-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4'
flags+=' -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table'
flags+=' -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing -Cdebug-assertions'
RUSTFLAGS=$flags build cargo build --quiet --bins --package fuzz --target "$host"

# Inputs of up to 4 KiB reach every path at a speed that is worth it; the log's segments need 8 KiB of head.
length_max() { [ "$1" = wal_record ] && echo 65536 || echo 4096; }

keep() {
  local target=$1 kept
  kept=$(mktemp -d)
  "$base/$host/debug/$target" -merge=1 -max_len="$(length_max "$target")" \
    "$kept" "$base/stored/$target" "$base/seeds/$target" "$base/corpus/$target" > "$base/$target.log" 2>&1 || exit 1
  tar --create --gzip --sort=name --owner=0 --group=0 --mtime=@0 --file "corpus/$target.tar.gz" --directory "$kept" .
  echo "$target: $(find "$kept" -type f | wc -l) inputs are stored"
  rm -r "$kept"
}

failed=0
for target in "${targets[@]}"; do
  corpus=$base/corpus/$target stored=$base/stored/$target artifacts=$base/artifacts/$target/
  rm -rf "$stored"
  mkdir -p "$corpus" "$stored" "$artifacts"
  [ ! -f "corpus/$target.tar.gz" ] || tar --extract --gzip --file "corpus/$target.tar.gz" --directory "$stored"
  if [ "$seconds" = keep ]; then
    keep "$target"
  elif "$base/$host/debug/$target" -max_total_time="$seconds" -max_len="$(length_max "$target")" -rss_limit_mb=2048 \
    -timeout=20 -artifact_prefix="$artifacts" -print_final_stats=1 "$corpus" "$stored" "$base/seeds/$target" \
    > "$base/$target.log" 2>&1; then
    runs=$(awk '/stat::number_of_executed_units/ { print $2 }' "$base/$target.log")
    covered=$(grep -oE 'cov: [0-9]+' "$base/$target.log" | tail -n 1)
    # A build that lost its instrumentation would run on, blind.
    if [ -z "$covered" ] || [ "${covered#cov: }" -lt 100 ]; then
      echo "test result: FAILED. 0 passed; 1 failed; 0 ignored; fuzz $target: no coverage is seen (${covered:-none})"
      failed=1
      continue
    fi
    echo "test result: ok. 1 passed; 0 failed; 0 ignored; fuzz $target: ${runs:-?} inputs in $seconds s, $covered places"
  else
    grep -aE 'panicked|ERROR|artifact|Base64' "$base/$target.log" | head -n 20
    echo "test result: FAILED. 0 passed; 1 failed; 0 ignored; fuzz $target: what broke it is in $artifacts"
    failed=1
  fi
done
exit $failed
