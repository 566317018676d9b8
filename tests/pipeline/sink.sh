#!/bin/bash
# sink_file: every event once in the file, positions only after fsync; the template runs.
. tests/lib.sh
broker || exit 1
conf "$work/pub/relais.ini" </dev/null
"$relais" publish placements -c "$work/pub/relais.ini" <tests/demo/5-mesure.json 2>>"$work/publish.err"
"$relais" publish EvenementPaiement -c "$work/pub/relais.ini" <tests/demo/6-paiements.json 2>>"$work/publish.err"
conf "$work/sink/relais.ini" <<END
[sink]
topics = dep93.placements.v1, dep93.payments.v1
[connector]
name = sink_file
file = events.jsonl
END
# the embedded broker lets a group that had members wait for this time, less one second
quick=(-X kafka.session.timeout.ms=6000 -X kafka.heartbeat.interval.ms=500)
sink() { "$relais" sink "$work/sink/relais.ini" --once "${quick[@]}" "$@" >>"$work/sink.out" 2>>"$work/sink.err"; }
check 'the sink takes the backlog and ends' sink
[ "$(wc -l <"$work/sink/events.jsonl")" = 4 ] && ok 'four lines are in the file' || not_ok 'four lines are in the file'
check 'a line is one event as JSON' python3 - "$work/sink/events.jsonl" <<'END'
import json, sys
for line in open(sys.argv[1]):
    event = json.loads(line)
    assert "entete" in json.dumps(event)
END
check 'the sink again has nothing to do' sink
[ "$(wc -l <"$work/sink/events.jsonl")" = 4 ] && ok 'nothing was written twice' || not_ok 'nothing was written twice'
sed 's/"b1f0a8d2-6c3e-8a47-8b15-3d9e7f204c0/"c1f0a8d2-6c3e-8a47-8b15-3d9e7f204c0/' tests/demo/6-paiements.json |
    "$relais" publish EvenementPaiement -c "$work/pub/relais.ini" 2>>"$work/publish.err"
check 'the sink goes on where it was' sink
[ "$(wc -l <"$work/sink/events.jsonl")" = 7 ] && ok 'only the new events were added' || not_ok 'only the new events were added'
quiet() { "$relais" sink "$work/sink/relais.ini" --once "${quick[@]}" -X "ops.log_level=$1" -X kafka.debug=cgrp 2>"$work/$1.log"; }
quiet error
check 'with log_level = error it says nothing' sh -c '[ ! -s "$1" ]' - "$work/error.log"
quiet debug
check 'with debug it says what librdkafka does' grep -q 'level=debug .*facility=JOINGROUP' "$work/debug.log"
start sink "$relais" sink "$work/sink/relais.ini" "${quick[@]}"
sleep 2
halt sink
[ "$status" = 0 ] && ok 'SIGTERM ends a waiting sink with 0' || not_ok "SIGTERM ends a waiting sink with $status"

# doctor refuses what the sink cannot read
says() { # TEXT PATTERN [OPTION...]: doctor ends with 1 and says it
	local text=$1 pattern=$2; shift 2
	check "$text" env pattern="$pattern" sh -c '"$@" >"$0"; [ $? = 1 ] && grep -q "$pattern" "$0" || { cat "$0"; exit 1; }' \
	    "$work/doctor.out" "$relais" doctor "$work/sink/relais.ini" "$@"
}
check 'doctor finds the topics of the sink, and these only' \
    sh -c '"$1" doctor "$2" >"$0" && [ "$(grep -c "^ok *topic *dep93.p.*, 6 partitions" "$0")$(grep -c " topic " "$0")" = 22 ] || { cat "$0"; exit 1; }' \
    "$work/doctor.out" "$relais" "$work/sink/relais.ini"
says 'a topic that does not exist is named' '^!! *topic *dep93.paiements.v1 ' -X sink.topics=payments,paiements
check 'topics apply, which would not create it, is not advised' sh -c '! grep -q "topics apply" "$1" && grep -q "à faire : corriger sink.topics" "$1"' - "$work/doctor.out"
check 'the file that the sink goes on with is found' grep -q '^ok *file *.*/events.jsonl$' "$work/doctor.out"
mkdir "$work/folder"
says 'a folder is no file to write to' "^!! *file *$work/folder est un dossier" -X connector.file="$work/folder"
