#!/usr/bin/env bash
# Kills the server at random points under the load of an independent generator,
# which writes down every message that was acknowledged, and looks for each of
# them after the restart. KILLS (50) and CONNS (16) may be set; the generator's
# source lies beside the project, in ../shared/loadgen (or $LOADGEN).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

loadgen=${LOADGEN:-../shared/loadgen}
kills=${KILLS:-50}
conns=${CONNS:-16}
lockport=$PWD/bin/lockport
work=$(mktemp -d)
trap 'kill "${server:-0}" 2>/dev/null || true; rm -rf "$work"' EXIT
[ -d "$loadgen" ] || { echo "SKIPPED: $loadgen is not there" >&2; exit 0; }
(cd "$loadgen" && go build -o "$work/mllpload" .)

printf 'MSH|^~\\&|LAB|HOSPITAL|LOCKPORT|HIE|{{TS}}||ORU^R01^ORU_R01|{{ID}}|P|2.5.1\rPID|1||{{PID}}^^^HOSPITAL^MR||DOE^JAN||19700412|F\r' >"$work/oru.hl7"
printf 'OBR|1||F{{N}}^LAB|24323-8^CMP^LN|||20250301110000\r' >>"$work/oru.hl7"
for i in $(seq 12); do printf 'OBX|%d|NM|2951-%d^Analyte %d^LN||%d|mmol/L|136-145|N|||F|||20250301110000\r' "$i" "$i" "$i" $((100 + i)); done >>"$work/oru.hl7"

export LOCKPORT_DIR=$work/hie
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$lockport" init --insecure-loopback --unknown-sources accept --listen "127.0.0.1:$port" --web 127.0.0.1:0 --quiet
for k in $(seq "$kills"); do
  "$lockport" serve 2>>"$work/server.log" &
  server=$!
  "$work/mllpload" -addr "127.0.0.1:$port" -conns "$conns" -seconds 30 -wait 20s -file "$work/oru.hl7" -prefix "K$k-" -acklog "$work/acked.$k" >/dev/null 2>&1 &
  load=$!
  sleep "$(awk -v s="$k$RANDOM" 'BEGIN { srand(s); printf "%.3f", 0.3 + rand() }')"
  kill -9 "$server"
  wait "$server" 2>/dev/null || true
  kill -INT "$load" 2>/dev/null || true
  wait "$load" 2>/dev/null || true
  [ ! -t 2 ] || printf "\r%d of %d kills" "$k" "$kills" >&2
done
[ ! -t 2 ] || echo >&2
"$lockport" serve 2>>"$work/server.log" &
server=$!
until "$lockport" status >/dev/null 2>&1; do sleep 0.1; done
cat "$work"/acked.* | sort >"$work/acked"
"$lockport" message list --limit 10000000 --output json |
  python3 -c 'import json, sys
for m in json.load(sys.stdin):
    if m["state"] != "refused": print(m["control_id"])' | sort >"$work/stored"
lost=$(comm -23 "$work/acked" <(sort -u "$work/stored") | wc -l)
twice=$(uniq -d "$work/stored" | wc -l)
printf '%d kills, %d acknowledged, %d stored, %d lost, %d stored twice\n' "$kills" "$(wc -l <"$work/acked")" "$(wc -l <"$work/stored")" "$lost" "$twice"
"$lockport" audit verify
[ "$lost" -eq 0 ] && [ "$twice" -eq 0 ]
