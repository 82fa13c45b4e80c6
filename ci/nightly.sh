#!/usr/bin/env bash
# Runs what takes too long for every change, and writes the results to docs/nightly.md.
#
#   bash ci/nightly.sh [LANE]...     default: all lanes, one after another
#
#   property      round trips and state machines of tests/property, and of uneven blocks, with 1,000 examples each
#   kills         1,000 processes killed or frozen while jobs run, by two programs, in at most 90 minutes
#   sequences     200 sequences of starts, kills, interrupts and stops, in two processes
#   restarts      50 starts and stops of Spark in one process
#   applications  8 applications at once on one Ray cluster
#   conversions   200 conversions in a store that holds three
#   soak          conversions, registrations, fits and predictions for 10 minutes, in which nothing may grow
#   yarn          raydp.attach on a YARN cluster in one JVM, which also downloads 60 MB of jars
#   marked        the other tests with the marker nightly: notebooks, most examples, benchmarks, second variants
#   fuzz          libFuzzer on the messages that peers send, for 10 minutes (needs Clang)
#
# RAYDP_NIGHTLY_SEED   decides what is killed, and when (default: the date, as YYYYMMDD)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=ci/environment.sh
source ci/environment.sh

seed=${RAYDP_NIGHTLY_SEED:-$(date +%Y%m%d)}
table=docs/nightly.md
logs=build/nightly
all=(property kills sequences restarts applications conversions soak yarn marked fuzz)

run_lane() {
  case $1 in
    property) HYPOTHESIS_PROFILE=nightly bash ci/test-python.sh --timeout 7200 --nightly tests/property tests/exchange/test_uneven_blocks.py ;;
    kills) bash ci/test-python.sh --timeout 7200 tests/faults/test_chaos.py --seed "$seed" --kills 500 \
      --numprocesses 2 --dist each ;; # both processes run the test, each with a seed of its own
    sequences) bash ci/test-python.sh --timeout 36000 tests/faults/test_sequences.py --seed "$seed" --sequences 100 \
      --numprocesses 2 --dist each ;; # both processes run the test, each with a seed of its own
    restarts) bash ci/test-python.sh --timeout 7200 tests/lifecycle/test_restarts.py --restarts 50 ;;
    applications) bash ci/test-python.sh --timeout 3600 tests/lifecycle/test_session.py -k at_once --applications 8 ;;
    conversions) bash ci/test-python.sh --timeout 3600 tests/exchange/test_limits.py -k store_that --conversions 200 ;;
    soak) bash ci/test-python.sh --nightly --soak-minutes 10 tests/faults/test_soak.py ;;
    yarn) bash ci/test-python.sh --timeout 3600 --nightly tests/attach/test_yarn.py ;;
    marked) bash ci/test-python.sh --timeout 3600 --nightly -m nightly --ignore tests/faults/test_soak.py \
      --ignore tests/attach/test_yarn.py ;;
    fuzz) bash ci/test-native.sh fuzz ;;
    *) fail "no such lane: $1; the lanes are ${all[*]}" ;;
  esac
}

# record LANE RESULT MINUTES: replaces the lane's row of the table.
record() {
  local commit
  commit=$(git describe --always --dirty)
  sed -i "/^| $1 |/d" "$table"
  printf '| %s | %s | %s | %s | %s | %s |\n' "$1" "$2" "$3" "$(date +%F)" "$commit" "$seed" >>"$table"
}

if (($# == 0)); then set -- "${all[@]}"; fi
bash ci/build.sh
mkdir -p "$logs"
failed=()
for lane in "$@"; do
  step "Nightly: $lane (log: $logs/$lane.log)"
  began=$SECONDS
  if (run_lane "$lane") >"$logs/$lane.log" 2>&1; then result=passed; else result=failed failed+=("$lane"); fi
  summary=$(grep --text --extended-regexp '^=+ .* in [0-9.]+s' "$logs/$lane.log" | tail -n 1 | tr -d '=' | xargs || true)
  record "$lane" "$result${summary:+: $summary}" "$(((SECONDS - began + 30) / 60))"
  tail -n 3 "$logs/$lane.log"
done
if ((${#failed[@]})); then fail "these lanes failed: ${failed[*]}"; fi
