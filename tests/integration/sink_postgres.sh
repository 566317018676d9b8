#!/bin/bash
# timeout: 300
# Topics into PostgreSQL on real servers: source of CNAF files, sink_postgres killed, its
# connections ended, the server crashed, a frozen twin; afterwards the tables say what the
# topic says, each object once, its newest state, its lists, its history.
. tests/lib.sh
kafka_up plain && pg_up || exit 1
history "$work/files" dossiers=3000 months=2 dailies=1 change=500 daily=400 seed="${SEED:-7}" >"$work/history.txt"
cnaf "$work/s"
"$relais" topics apply -c "$work/s/relais.ini" >/dev/null || exit 1
base "$work/k" 'eligibility, control' <<<'batch_records = 200'
"$relais" sink ddl "$work/k/relais.ini" --historique --famille eligibility >"$work/ddl.sql"
check 'the tables of relais sink ddl are made as they are printed' pg sql "$(cat "$work/ddl.sql")"

sink() { start "$1" "$relais" sink "$work/k/relais.ini" -X keys.file="$work/ring"; }
rows() { pg sql 'SELECT count(*) FROM relais.evenement_droit_historique'; }
moved() { [ "$(rows)" -gt "$1" ]; }
sink one
for n in 1 2 3; do
	drop "$work/s" "$(nth "$work/files" $n)"
	start "source$n" "$relais" source "$work/s/relais.ini" --once
	before=$(rows)
	case $n in
	1)
		wait_for 60 moved "$before"; halt one KILL; sink one
		wait_for 60 moved "$(rows)"; pg crash ;;
	2)
		wait_for 60 moved "$before"
		# a twin gets half of the partitions, and is frozen beyond its session
		sink two
		wait_for 30 grep -q assigned= "$work/two.err"
		kill -STOP "${pids[two]}"; sleep 12; kill -CONT "${pids[two]}" ;;
	3)
		for _ in 1 2 3; do
			pg sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'relais/%'" >/dev/null
			sleep 1
		done
		halt two KILL ;;
	esac
	wait "${pids[source$n]}"; status=$?; unset "pids[source$n]"
	check "file $n is published" [ "$status" = 0 ]
done
read_topics "$work/topic.jsonl" eligibility.v1
python3 tests/integration/sink_postgres.py expect "$work/topic.jsonl" >"$work/want.txt"
dump() { python3 tests/integration/sink_postgres.py dump "psql -X -q -At '$pg_url'" >"$work/got.txt"; }
level() { dump && cmp -s "$work/want.txt" "$work/got.txt"; }
wait_for 90 level || dump
check 'the topic holds events of each file' [ "$(wc -l <"$work/topic.jsonl")" -gt 800 ]
same 'rows, lists and history are what the topic says' "$work/want.txt" "$work/got.txt"
ids=$(python3 -c 'import json,sys; print(len({json.loads(l)["value"]["entete"]["id"] for l in open(sys.argv[1])}))' "$work/topic.jsonl")
check 'each event is in the history once' [ "$(rows)" = "$ids" ]
proved() { [ "$(pg sql 'SELECT count(*) FROM relais.relais_completude')" -ge 4 ] &&
	[ "$(pg sql 'SELECT count(*) FROM relais.relais_completude WHERE annonce <> ecrit OR annonce_centimes <> ecrit_centimes')" = 0 ]; }
wait_for 30 proved || pg sql 'SELECT * FROM relais.relais_completude'
check 'all that control events announce was written, to the centime' proved
pg sql "DELETE FROM relais.relais_recus WHERE entete_id = (SELECT min(entete_id::text)::uuid FROM relais.relais_recus); UPDATE relais.relais_controles SET recu_le = now() - interval '1 hour'"
"$relais" doctor "$work/k/relais.ini" >"$work/doctor.txt" 2>&1
check 'doctor names a difference' grep -q '!! *complétude *1 écart' "$work/doctor.txt"
halt one
check 'SIGTERM ends the sink with 0' [ "$status" = 0 ]
check 'no row is in a log' sh -c '! grep -E "Failing row|Key \(|DETAIL" "$1"/*.err' - "$work"
