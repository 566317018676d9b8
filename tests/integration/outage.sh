#!/bin/bash
# timeout: 300
# The broker away for 30 s in the middle: source, sink and subscriber wait and go on by
# themselves, readiness is off meanwhile; another source is told to stop meanwhile. A start
# without a broker. The registry away.
. tests/integration/faults.bash
kafka_up || exit 1
fill dossiers=2500 months=2 dailies=1 change=300
port=$(free_port) sink_port=$(free_port)
cnaf "$work/s" "[ops]
listen = 127.0.0.1:$port
ready_age_ms = 2000"
ini=$work/s/relais.ini
sink "$work/k" "[ops]
listen = 127.0.0.1:$sink_port
[sink]
topics = eligibility,control"
check 'the topics are made' "$relais" topics apply -c "$ini"
check 'an undisturbed run, over the embedded broker' reference "$work/want" "${files[@]}"
# the source that is stopped, of another territory
territory=dep92
cnaf "$work/s92"
other=$work/s92/relais.ini
"$relais" topics apply -c "$other" >/dev/null
history "$work/h92" dossiers=1500 months=1 dailies=0 ideparte=092 numorg=921
drop "$work/s92" "$(nth "$work/h92" 1)"
territory=dep93

start source "$relais" source "$ini" "${slow[@]}"
start stopped "$relais" source "$other" "${slow[@]}"
start sink "$relais" sink "$work/k/relais.ini" -X kafka.session.timeout.ms=10000
start reader "$relais" subscribe dep93.eligibility.v1 dep93.control.v1 -b "$bootstrap" -r "$registry"
for f in "${files[@]:0:2}"; do drop "$work/s" "$f"; done
check 'events flow' within 60 lines "$work/k/events.jsonl" 100
check 'the source is ready' within 20 readyz "$port" 200
check 'the sink is ready' within 20 readyz "$sink_port" 200
kafka stop 1
t0=$SECONDS
say "stopped after $(metric "$port" relais_events_published_total) events"
kill -TERM "${pids[stopped]}"
check 'readiness of the source goes off' within 30 readyz "$port" 503
check 'it says why' grep -qiE 'kafka|acquitt' "$work/readyz"
check 'readiness of the sink goes off' within 60 readyz "$sink_port" 503
check 'it says why' grep -qi kafka "$work/readyz"
check 'both are alive' sh -c 'curl -sf "http://127.0.0.1:$0/healthz" && curl -sf "http://127.0.0.1:$1/healthz"' "$port" "$sink_port"
check 'a source told to stop ends, without a broker too' within 40 gone stopped
halt stopped
ended 'with 75' 75
[ $((SECONDS - t0)) -ge 30 ] || sleep $((30 - (SECONDS - t0)))
for p in source sink reader; do running $p && ok "the $p is still there" || not_ok "the $p ended without a broker"; done
kafka start 1
check 'the files are integrated once the broker is back' within 90 integrated "$work/s" "${files[@]:0:2}"
check 'the source is ready again' within 60 readyz "$port" 200
check 'the sink is ready again' within 60 readyz "$sink_port" 200
halt source
ended 'SIGTERM ends the source with 0' 0
"$relais" source "$other" --once 2>>"$work/stopped.err"
"$BUILD/tools/kdump" "$bootstrap" dep92.eligibility.v1 >"$work/92"
is 'what the stopped source had left is published' "$("$verify" count "$work/92" | cut -d' ' -f2)" 1500

# no broker at the start
kafka stop 1
start source "$relais" source "$ini"
check 'a source without a broker waits, and is not ready' within 20 readyz "$port" 503
drop "$work/s" "${files[2]}"
kafka start 1
check 'it goes on once the broker is there' within 90 integrated "$work/s" "${files[2]}"
halt source
ended 'SIGTERM ends the source with 0' 0

halt registry
drop "$work/s" "${files[3]}"
start source "$relais" source "$ini"
lacks_registry() { readyz "$port" 503 && grep -q registre "$work/readyz"; }
check 'without a registry the source is not ready, and says why' within 30 lacks_registry
running source && ok 'it waits' || not_ok 'it ended without a registry'
start registry "$relais" registry --listen "${registry#http://}" --dir "$work/registry"
check 'with the registry back it goes on' within 90 integrated "$work/s" "${files[3]}"
halt source
ended 'SIGTERM ends the source with 0' 0

dump "$work/got" "${topics[@]}"
compare "$work/want" "$work/got"
grep -v '\.dlq	' "$work/got" >"$work/events"
# after a lost position there are more lines than events: each event is looked for
check 'the sink has every event' within 60 "$verify" read "$work/events" "$work/k/events.jsonl"
check 'the subscriber has every event' within 60 "$verify" read "$work/events" "$work/reader.out"
halt sink; ended 'SIGTERM ends the sink with 0' 0
halt reader; ended 'SIGTERM ends the subscriber with 0' 0
check 'the sink: all, in order, equal' "$verify" read "$work/events" "$work/k/events.jsonl"
check 'the subscriber: all, in order, equal' "$verify" read "$work/events" "$work/reader.out"
