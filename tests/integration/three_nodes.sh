#!/bin/bash
# timeout: 400
# Three nodes: the leader of every partition killed, then frozen, under a publishing source.
export KAFKA_NODES=3
. tests/lib.sh
kafka_up || exit 1
port=$(free_port)
cnaf "$work/s" "[ops]
listen = 127.0.0.1:$port
[limits]
inflight_records = 20"
ini=$work/s/relais.ini
check 'topics with three replicas' "$relais" topics apply -c "$ini"
kafka admin org.apache.kafka.tools.TopicCommand --describe --topic dep93.eligibility.v1 >"$work/described"
check 'replication 3, min.insync 2' grep -qE 'ReplicationFactor: 3.*min.insync.replicas=2' "$work/described"
published() { curl -s "http://127.0.0.1:$port/metrics" | sed -n 's/^relais_events_published_total[^ ]* //p'; }
some() { [ "$(published)" -ge "$1" ]; }
history "$work/h" dossiers=6000 months=2 dailies=0 change=500
month=0
disturb() { # TEXT SIGNAL SECONDS
	local leader n
	month=$((month + 1))
	cp "$(nth "$work/h" $month)" "$work/$month.xml"
	drop "$work/s" "$work/$month.xml"
	leader=$(kafka leader dep93.eligibility.v1)
	start source "$relais" source "$ini" -X kafka.linger.ms=20
	wait_for 30 some 300
	kafka signal "$2" "$leader"
	say "$1: node $leader at $(published) events"
	[ ! -e "$work/s/depot/integres/$month.xml" ] && ok "$1: in the middle" || not_ok "$1: after the end"
	sleep "$3"
	if [ "$2" = KILL ]; then kafka start "$leader"; else kafka signal CONT "$leader"; fi
	check "$1: the file is integrated" wait_for 90 test -e "$work/s/depot/integres/$month.xml"
	halt source
	[ "$status" = 0 ] && ok "$1: SIGTERM ends the source with 0" || not_ok "$1: SIGTERM ends the source with $status"
	read_topics "$work/$month.json" eligibility.v1 control.v1
	check "$1: order, identity, no hole" tests/events.py order "$work/$month.json"
	check "$1: as many events as announced" python3 - "$work/$month.json" <<-'END'
	import json, sys
	ids, announced = {}, {}
	for line in open(sys.argv[1]):
	    e = json.loads(line)
	    depot = e["value"]["entete"]["origine"]["depot"]
	    if e["topic"].endswith("control.v1"):
	        announced[depot] = e["value"]["publies_total"]
	    else:
	        ids.setdefault(depot, set()).add(e["value"]["entete"]["id"])
	assert announced == {d: len(i) for d, i in ids.items()}, (announced, {d: len(i) for d, i in ids.items()})
	END
}
disturb 'leader killed' KILL 10
disturb 'leader frozen' STOP 20

# a subscriber goes on over a dead node
kafka signal KILL 2
lines=$(timeout 90 "$relais" subscribe dep93.eligibility.v1 -b "$bootstrap" -r "$registry" --until-end 2>/dev/null | wc -l)
[ "$lines" -ge 6000 ] && ok 'a subscriber reads all with a node dead' || not_ok "a subscriber reads $lines events with a node dead"
