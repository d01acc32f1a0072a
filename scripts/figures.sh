#!/usr/bin/env bash
# The figures of docs/BENCHMARKS.md about the store, in one run on one machine:
#   scripts/figures.sh [PRELOAD]     messages that the large store holds, 1000000
# It wants a quiet machine, about ten minutes and 3 KB of disk a message.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
preload=${1:-1000000}
lockport=bin/lockport
work=$(mktemp -d "${TMPDIR:-/tmp}/lockport-figures-XXXXXX")
trap 'rm -rf "$work"' EXIT
say() { printf '\n== %s\n' "$*"; }

say "$(git rev-parse --short HEAD 2>/dev/null || echo no commit), $(nproc) cores, $(uname -sr)"
for round in 1 2 3; do
  say "ingest, round $round"
  $lockport bench ingest --for 8s
done
for flush in 1ms 5ms; do
  say "ingest, each flush takes $flush more"
  $lockport bench ingest --connections 16,100 --for 8s --flush "$flush"
done
say "ingest, 2,000 messages a second"
$lockport bench ingest --connections 16 --for 10s --rate 2000
say "ingest on top of $preload messages"
$lockport bench ingest --connections 16 --for 10s --preload "$preload" --keep "$work/large"
say "reads of the newest 50 results beside 2,000 messages a second, on top of $preload messages"
$lockport bench ingest --connections 16 --for 15s --preload "$preload" --patients $((preload / 60)) --rate 2000 --reads
say "1,000 messages a second on top of $preload messages: alone, then beside backups"
$lockport bench ingest --connections 16 --for 15s --preload "$preload" --rate 1000
$lockport bench ingest --connections 16 --for 15s --preload "$preload" --rate 1000 --backup
say "from the start of the process to the first acknowledgement, empty store"
$lockport init "$work/empty" --listen 127.0.0.1:25799 --web 127.0.0.1:0 --insecure-loopback --unknown-sources accept --quiet
$lockport bench open --dir "$work/empty" --rounds 1 2>/dev/null
say "the same, $(du -sm "$work/large" | cut -f1) MB"
$lockport bench open --dir "$work/large" 2>/dev/null
say "reindex"
time $lockport reindex --dir "$work/large"
say "check"
time $lockport check --dir "$work/large"
