#!/bin/bash
# timeout: 150
# A sink is given partitions while the base that knows their positions is away, for longer
# than max.poll.interval.ms: it stays in its group meanwhile, and then takes what comes.
. tests/lib.sh
broker && pg_up || exit 1
base "$work/d" payments </dev/null
"$relais" sink ddl "$work/d/relais.ini" --famille payments >"$work/ddl.sql"
check 'the tables' pg sql "$(cat "$work/ddl.sql")"
start base "$relais" sink "$work/d/relais.ini" -X kafka.session.timeout.ms=6000 -X kafka.heartbeat.interval.ms=500 \
    -X kafka.max.poll.interval.ms=7000
assigned() { [ "$(grep -c assigned= "$work/base.err")" -ge "$1" ]; }
placed() { grep -q placed= "$work/base.err"; }
check 'it has its partitions' wait_for 30 assigned 1
kill -STOP "${pids[base]}"; sleep 8 # its session ends
pg stop
kill -CONT "${pids[base]}"
sleep 14
check 'it waits' running base
pg start
check 'it begins when the base is back' wait_for 60 placed
check 'it was in its group all the time' sh -c '! grep -q "MAXPOLL\|MAX_POLL" "$1"' - "$work/base.err"
