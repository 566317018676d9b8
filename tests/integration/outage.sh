#!/bin/bash
# timeout: 300
# The broker stopped for 30 s in the middle; the registry away; the topic deleted; the disk
# of the state full.
. tests/lib.sh
kafka_up || exit 1
history "$work/h" dossiers=3000 months=4 dailies=0
for n in 1 2 3 4; do cp "$(nth "$work/h" $n)" "$work/$n.xml"; done
port=$(free_port)
cnaf "$work/s" "[ops]
listen = 127.0.0.1:$port
ready_age_ms = 2000
[limits]
inflight_records = 200"
ini=$work/s/relais.ini
"$relais" topics apply -c "$ini" >/dev/null
published() { curl -s "http://127.0.0.1:$port/metrics" | sed -n 's/^relais_events_published_total[^ ]* //p'; }
some() { [ "$(published)" -ge "$1" ]; }
ready() { [ "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$port/readyz")" = "$1" ]; }

drop "$work/s" "$work/1.xml"
start source "$relais" source "$ini"
wait_for 30 some 300
kafka stop 1
say "stopped after $(published) events"
check 'readiness goes off' wait_for 20 ready 503
sleep 30
running source && ok 'the source is still there after 30 s without a broker' || not_ok 'the source ended without a broker'
kafka start 1
check 'the file is integrated once the broker is back' wait_for 60 test -e "$work/s/depot/integres/1.xml"
check 'readiness comes back' wait_for 20 ready 200
halt source
[ "$status" = 0 ] && ok 'SIGTERM ends it with 0' || not_ok "SIGTERM ends it with $status"
read_topics "$work/1.json" eligibility.v1 control.v1
check 'order after an outage' tests/events.py order "$work/1.json"
check 'as many events as announced' python3 - "$work/1.json" <<'END'
import json, sys
ids, announced = set(), None
for line in open(sys.argv[1]):
    e = json.loads(line)
    if e["topic"].endswith("control.v1"):
        announced = e["value"]["publies_total"]
    else:
        ids.add(e["value"]["entete"]["id"])
assert announced == len(ids) and announced > 2500, (announced, len(ids))
END

# SIGTERM while the broker is away: within 30 s, with 75, nothing committed too early
drop "$work/s" "$work/2.xml"
kafka stop 1
start source "$relais" source "$ini"
sleep 3
t0=$SECONDS
halt source
[ "$status" = 75 ] && ok 'SIGTERM without a broker ends it with 75' || not_ok "SIGTERM without a broker ends it with $status"
[ $((SECONDS - t0)) -le 31 ] && ok 'within 30 s' || not_ok "after $((SECONDS - t0)) s"
kafka start 1
check 'the next start finishes' source_once "$work/s"
read_topics "$work/2.json" eligibility.v1 control.v1
check 'order after that' tests/events.py order "$work/2.json"

# the registry away: the source waits for it
halt registry
drop "$work/s" "$work/3.xml"
start source "$relais" source "$ini"
sleep 4
running source && ok 'without a registry it waits' || not_ok 'without a registry it ended'
start registry "$relais" registry --listen "${registry#http://}" --dir "$work/registry"
check 'with the registry back it goes on' wait_for 60 test -e "$work/s/depot/integres/3.xml"
halt source

# the topic deleted: it says so; the position is beyond the end: --renvoi
kafka admin org.apache.kafka.tools.TopicCommand --delete --topic dep93.eligibility.v1 >/dev/null
sleep 2
drop "$work/s" "$work/4.xml"
check 'a deleted topic ends it with 78' exits 78 timeout 60 "$relais" source "$ini" --once
"$relais" topics apply -c "$ini" >/dev/null
check 'an empty topic under a full state ends it with 78' exits 78 timeout 60 "$relais" source "$ini" --once
check 'it says what to do' grep -q -- '--renvoi' "$work/exits.out"
check '--renvoi publishes the present state again' source_once "$work/s" --renvoi
read_topics "$work/4.json" eligibility.v1
check 'every object is there' test "$(tests/events.py count "$work/4.json")" -ge 2500

# the state's disk full: waits, says so, goes on when there is room
mkdir "$work/small"
if [ "$(id -u)" = 0 ] && mount -t tmpfs -o size=3m tmpfs "$work/small" 2>/dev/null; then
	at_end+=("umount -l $work/small")
	halt broker; territory=dep92
	mkdir -p "$work/f/depot"
	conf "$work/f/relais.ini" <<-END
	[codes]
	dir = $PWD/tests/data/cnaf/codes
	[connector]
	name = source_cnaf_beneficiaire
	depot = depot
	quiet_ms = 100
	END
	sed -i "s|^state = .*|state = $work/small/state|" "$work/f/relais.ini"
	"$relais" topics apply -c "$work/f/relais.ini" >/dev/null
	history "$work/h92" dossiers=5000 months=1 dailies=0 ideparte=092 numorg=921
	cp "$(nth "$work/h92" 1)" "$work/5.xml"
	drop "$work/f" "$work/5.xml"
	start full "$relais" source "$work/f/relais.ini"
	check 'a full disk is told' wait_for 60 grep -q DISK_FULL "$work/full.err"
	sleep 2
	running full && ok 'the source waits for room' || not_ok 'the source ended on a full disk'
	mount -o remount,size=64m "$work/small"
	check 'with room it goes on' wait_for 90 test -e "$work/f/depot/integres/5.xml"
	halt full
	read_topics "$work/5.json" eligibility.v1
	check 'nothing lost on a full disk' tests/events.py order "$work/5.json"
else
	skip 'a full disk' 'a small tmpfs needs root and the right to mount'
fi
