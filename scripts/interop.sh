#!/usr/bin/env bash
# Exchanges messages with other people's HL7 software over real sockets: six
# clients send to Lockport, two receivers take a feed from it. The scripts around
# those programs lie beside the project, in ../shared/peers (or $PEERS); node and
# npm must be there. Without Debian's python3-hl7 its two clients and its receiver
# are left out, and the output says so.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

peers=${PEERS:-../shared/peers}
lockport=$PWD/bin/lockport
work=$(mktemp -d)
pids=()
finish() {
  for p in "${pids[@]}"; do kill "$p" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT
fail() { printf 'FAILED: %s\n' "$*" >&2; [ -f "$work/server.log" ] && tail -n 5 "$work/server.log" >&2; exit 1; }

# until_true SECONDS COMMAND...: waits for a condition, and gives up.
until_true() {
  local end=$((SECONDS + $1)); shift
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] || return 1
    sleep 0.1
  done
}
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

[ -d "$peers" ] || fail "$peers is not there"
cp -r "$peers" "$work/peers"
chmod -R u+w "$work/peers"
(cd "$work/peers" && npm install --legacy-peer-deps --ignore-scripts --silent) || fail "npm install"

export LOCKPORT_DIR=$work/hie
port=$(free_port)
"$lockport" init --insecure-loopback --unknown-sources accept --listen "127.0.0.1:$port" --web 127.0.0.1:0 --quiet
"$lockport" serve 2>"$work/server.log" &
pids+=($!)
until_true 20 "$lockport" status || fail "the server does not answer"

stored() { "$lockport" message list --limit 1000 --output json | python3 -c 'import json, sys; print(sum(m["state"] == "stored" and m["type"] == "ADT^A01" for m in json.load(sys.stdin)))'; }

# One message from each client. Every one gets a control id of its own, so that
# none meets the duplicate window.
n=0
sends() { # NAME COMMAND...; FILE in the command is the message
  local name=$1 before after; shift
  n=$((n + 1))
  sed "s/|CID1|/|IO$n|/" "$work/peers/adt.hl7" >"$work/message.hl7"
  before=$(stored)
  (cd "$work/peers" && timeout 30 "${@//FILE/$work/message.hl7}") >"$work/$name.out" 2>&1 || { cat "$work/$name.out" >&2; fail "$name: no positive acknowledgement"; }
  after=$(stored)
  [ "$after" -eq $((before + 1)) ] || fail "$name: acknowledged, but not stored once"
  printf 'sent      %-16s acknowledged and stored\n' "$name"
}
sends medplum         node send-medplum.cjs 127.0.0.1 "$port" FILE
sends simple-hl7      node send-simple-hl7.cjs 127.0.0.1 "$port" FILE
sends node-hl7-client node send-node-hl7-client.cjs 127.0.0.1 "$port" FILE
sends hl7v2-net       node send-hl7v2-net.mjs 127.0.0.1 "$port" FILE
receivers=(medplum)
if /usr/bin/python3 -I -c 'import hl7' 2>/dev/null && command -v mllp_send >/dev/null; then
  sends python3-hl7     /usr/bin/python3 send-python-hl7.py 127.0.0.1 "$port" FILE
  sends mllp_send       mllp_send --loose -p "$port" -f FILE 127.0.0.1
  receivers+=(python3-hl7)
else
  printf 'SKIPPED: python3-hl7 and mllp_send: the Debian package python3-hl7 is not installed\n'
fi

# Two providers take a feed of a patient who lets them in.
want=25
receives() { # NAME COMMAND...; PORT in the command is the port
  local name=$1 at; shift
  at=$(free_port)
  (cd "$work/peers" && exec "${@//PORT/$at}") >"$work/$name.feed" 2>"$work/$name.log" &
  pids+=($!)
  until_true 20 bash -c "exec 3<>/dev/tcp/127.0.0.1/$at" || fail "$name does not listen"
  "$lockport" participant add "$name" --name "$name" --county Onondaga --type practice --joined 2020-01-01 --quiet
  "$lockport" application add "$name-ehr" --participant "$name" --msh "EHR|${name^^}" --role provider --quiet
  "$lockport" feed add "$name-results" --application "$name-ehr" --kind results --to "127.0.0.1:$at" --quiet
  "$lockport" consent record --patient 'MRN1^^^AUTH' --participant "$name" --decision give --signed 2025-01-01 --quiet
}
receives medplum node recv-medplum.cjs PORT
[[ " ${receivers[*]} " != *" python3-hl7 "* ]] || receives python3-hl7 /usr/bin/python3 recv-python-hl7.py PORT

for i in $(seq "$want"); do
  printf 'MSH|^~\\&|APP|FAC|RAPP|RFAC|20260312081530||ORU^R01^ORU_R01|RES%d|P|2.5.1\r' "$i"
  printf 'PID|1||MRN1^^^AUTH^MR||Smith^Ann||19760412|F\rOBR|1||F%d^APP|2951-2^Sodium^LN|||20260312080000\r' "$i"
  printf 'OBX|1|NM|2951-2^Sodium^LN||%d|mmol/L|136-145|N|||F\r\n' "$((100 + i))"
done >"$work/results.hl7"
"$lockport" send "$work/results.hl7" --to "127.0.0.1:$port" --quiet >/dev/null || fail "the results were not acknowledged"

delivered() { [ "$(grep -c '^MSH' "$work/$1.feed")" -ge "$want" ]; }
for name in "${receivers[@]}"; do
  until_true 30 delivered "$name" || fail "$name received $(grep -c '^MSH' "$work/$name.feed") of $want results"
  got=$(grep -o '||1[0-9][0-9]|mmol' "$work/$name.feed" | tr -dc '0-9\n' | tr '\n' ' ')
  [ "$got" = "$(seq -s ' ' 101 $((100 + want))) " ] || fail "$name received the results out of order: $got"
  printf 'received  %-16s %d results, in order\n' "$name" "$want"
done
"$lockport" audit verify || fail "the journal does not verify"
