#!/bin/bash
# timeout: 300
# Two sinks of one group while events come: the second joins in mid-stream, the first is
# killed and started again, the second is frozen past its session and woken. Every event is
# in one of the files; within the life of a process offsets only grow; what a process did
# not commit is read again from where the group was, and from nowhere else.
. tests/integration/faults.bash
kafka_up || exit 1
fill dossiers=3000 months=2 dailies=1 change=500 daily=300
cnaf "$work/s"
ini=$work/s/relais.ini
group=(-X kafka.session.timeout.ms=6000 -X kafka.heartbeat.interval.ms=500 -X sink.batch_records=20 -X sink.flush_ms=200)
declare -A ports=()
for k in 1 2; do
	ports[$k]=$(free_port)
	sink "$work/k$k" "[ops]
listen = 127.0.0.1:${ports[$k]}
[sink]
topics = eligibility,control"
done
events() { echo "$work/k$1/events.jsonl"; }
written() { [ -e "$(events "$1")" ] && wc -l <"$(events "$1")" || echo 0; }
more() { [ "$(written "$1")" -gt "$2" ]; }
# what the group has committed: topic partition offset
committed() {
	kafka admin org.apache.kafka.tools.consumer.group.ConsumerGroupCommand --describe --group relais.dep93.essai |
	    awk '$1 == "relais.dep93.essai" && $4 ~ /^[0-9]+$/ {print $2, $3, $4}'
}
log_has() { grep -q "$2" "$work/$1.err"; }
log_count() { [ "$(grep -c "$2" "$work/$1.err")" -ge "$3" ]; }
launch() { start "sink$1" "$relais" sink "$work/k$1/relais.ini" "${group[@]}"; }

check 'the topics are made' "$relais" topics apply -c "$ini"
for f in "${files[@]}"; do drop "$work/s" "$f"; done
start source "$relais" source "$ini" "${slow[@]}"

launch 1
check 'the first sink writes' within 60 more 1 200
is 'it has every partition' "$(grep -c 'assigned=12' "$work/sink1.err")" 1
launch 2
check 'the second joins in mid-stream, and writes' within 60 more 2 100
check 'each has six partitions then' sh -c 'grep -q assigned=6 "$0" && grep -q assigned=6 "$1"' "$work/sink1.err" "$work/sink2.err"
n=$(written 1)
check 'the first goes on beside it' within 30 more 1 $((n + 50))

# killed: its lines and its session stay behind
kill -KILL "${pids[sink1]}"
halt sink1
ended 'the first is killed' 137
killed=$(grep -c '' "$(events 1)")
check 'the second takes all partitions over' within 60 log_has sink2 'assigned=12'
n=$(written 2)
check 'and goes on' within 30 more 2 $((n + 50))
cut=$(wc -l <"$(events 1)")
was=$(grep -c assigned= "$work/sink1.err")
launch 1
check 'the first, started again, has partitions again' within 60 log_count sink1 assigned= $((was + 1))
check 'and writes behind its whole lines' within 60 more 1 $((cut + 50))
[ "$killed" -ge "$cut" ] && ok 'no line came from the dead' || not_ok 'lines came from the dead'

# frozen past its session: the group goes on without it
n=$(grep -c assigned=12 "$work/sink1.err")
kill -STOP "${pids[sink2]}"
check 'the first takes the partitions of the frozen one' within 60 log_count sink1 'assigned=12' $((n + 1))
n=$(written 1)
check 'and goes on' within 30 more 1 $((n + 50))
woken=$(grep -c assigned=6 "$work/sink2.err")
kill -CONT "${pids[sink2]}"
check 'woken, it is let in again' within 60 log_count sink2 assigned=6 $((woken + 1))
check 'it is ready' within 30 readyz "${ports[2]}" 200
check 'the other too' within 30 readyz "${ports[1]}" 200

check 'the files are integrated' within 120 integrated "$work/s" "${files[@]}"
halt source
ended 'SIGTERM ends the source with 0' 0
dump "$work/all" "${topics[@]}"
grep -v '\.dlq	' "$work/all" >"$work/want"
is 'nothing is parked' "$(grep -c '\.dlq	' "$work/all")" 0
complete() { "$verify" read "$work/want" "$(events 1)" "$(events 2)"; }
check 'every event is in the two files' within 60 complete
halt sink2; ended 'SIGTERM ends the second with 0' 0
halt sink1; ended 'SIGTERM ends the first with 0' 0
check 'every event, none else, equal, in order of its case' complete
sed 's/^/# /' "$work/check.out"
check 'offsets only grow in the life of a process' "$verify" runs "$(events 1):1:$cut" "$(events 1):$((cut + 1))" "$(events 2)"
sed 's/^/# /' "$work/check.out"

# who comes alone begins where the group was
committed >"$work/offsets"
is 'the group has a position everywhere' "$(wc -l <"$work/offsets")" 12 # also where there is no event
is 'which is the end' "$(awk '{n += $3} END {print n}' "$work/offsets")" "$(wc -l <"$work/want")"
n=$(written 1)
history "$work/next" dossiers=3000 months=3 dailies=1 change=500 daily=300
drop "$work/s" "$(nth "$work/next" 5)"
check 'another month comes' source_once "$work/s"
"$relais" sink "$work/k1/relais.ini" --once "${group[@]}" 2>>"$work/sink1.err"
is 'a sink alone reads it' $? 0
check 'from where the group was, no event before' "$verify" after "$work/offsets" "$(events 1):$((n + 1))"
sed 's/^/# /' "$work/check.out"
