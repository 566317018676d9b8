#!/bin/bash
# timeout: 400
# An outbox table on real PostgreSQL and Kafka: several writers insert and delete at once
# while the source is killed, the server crashes, connections end and the broker goes away.
# Afterwards every event is in the topic, in the order of its dossier, and the slot was
# never confirmed beyond what Kafka has.
. tests/lib.sh
kafka_up plain && pg_up || exit 1
outbox "$work/s" || exit 1
check 'without a slot the source says what to do' exits 78 "$relais" source "$work/s/relais.ini"
check 'slot create makes it' "$relais" slot create "$work/s/relais.ini"
check 'slot status shows it' sh -c '"$1" slot status "$2" | grep -q libre' - "$relais" "$work/s/relais.ini"
source() { start source "$relais" source "$work/s/relais.ini"; }
writers=4 each=600
source
for w in $(seq $writers); do
	start "writer$w" python3 tests/integration/outbox.py write "$pg_url" "$w" "$each" "$work/written$w"
done
progress() { [ "$(cat "$work"/written* 2>/dev/null | wc -l)" -ge "$1" ]; }
total=$((writers * each))
wait_for 60 progress $((total / 8)); halt source KILL; source
wait_for 60 progress $((total / 4))
pg sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'relais/%'" >/dev/null
wait_for 60 progress $((total * 3 / 8)); pg crash
wait_for 60 progress $((total / 2)); kafka stop 1; sleep 3; kafka start 1
wait_for 60 progress $((total * 3 / 4)); halt source KILL; source
wait_for 90 progress $total
check 'every writer wrote what it had to' progress $total
all() { outbox_arrived "$work"/written*; }
wait_for 90 all || :
check 'each event is in the topic, in the order of its dossier' all
halt source
check 'SIGTERM ends the source with 0' [ "$status" = 0 ]
"$relais" source "$work/s/relais.ini" --once >>"$work/source.out" 2>>"$work/source.err"
cp "$work/topic.jsonl" "$work/before.jsonl"; all
same 'a start with nothing new publishes nothing' <(wc -l <"$work/before.jsonl") <(wc -l <"$work/topic.jsonl")
check 'slot drop wants to be told twice' exits 78 "$relais" slot drop "$work/s/relais.ini"
check 'the slot holds nothing back' [ "$(pg sql 'SELECT pg_current_wal_lsn() - confirmed_flush_lsn < 1000000 FROM pg_replication_slots')" = t ]
check 'nothing was parked' sh -c '! grep -q "parked=[1-9]" "$1"' - "$work/source.err"
# a second process with a state of its own waits for the slot while the first goes on, and
# takes over
cp -r "$work/s/state" "$work/s/second"
more() { python3 tests/integration/outbox.py write "$pg_url" 9 "$1" "$work/written9"; }
source
wait_for 20 sh -c '[ "$(grep -c started "$1")" -ge 5 ]' - "$work/source.err"
start second "$relais" source "$work/s/relais.ini" -X relais.state=second
check 'a second process waits for the slot' wait_for 20 grep -q 'slot.*active' "$work/second.err"
more 100
wait_for 60 all || :
check 'while the first publishes' all
halt source KILL
check 'it goes on where the first was' more 200
wait_for 60 all || :
check 'what is written then, without a gap in any dossier' all
# the first, frozen, loses the slot to the second, and gets it again
kill -STOP "${pids[second]}"
source
wait_for 60 sh -c '[ "$(grep -c started "$1")" -ge 6 ]' - "$work/source.err"
more 300
wait_for 60 all || :
check 'a source that was frozen has lost the slot' all
kill -CONT "${pids[second]}"
wait_for 30 sh -c '[ "$(grep -c "slot.*active" "$1")" -ge 2 ]' - "$work/second.err"
halt source KILL
more 400
wait_for 60 all || :
check 'and goes on behind what was published meanwhile' all
halt second
