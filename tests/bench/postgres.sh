# postgres.sh -- sourced by run.sh: an outbox to a topic beside pg_recvlogical on the same
# WAL, the topic to a table beside COPY of the same rows, cases into WebRSA's tables, the time
# from a commit to a subscriber. Start of the process included; PG_ROWS rows, medians of
# PG_PAIRS runs in turn; DOSSIERS cases and the times once.
. tests/bench/backlog.bash
PG_ROWS=${PG_ROWS:-500000} PG_PAIRS=${PG_PAIRS:-3}
pg_bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
seconds_of() { # COMMAND...: seconds, CPU seconds
	local t0=$EPOCHREALTIME
	\time -f '%U %S' -o "$work/time" "$@" >>"$work/bench.out" 2>>"$work/bench.err" || failed "$1 failed"
	awk -v a="$t0" -v b="$EPOCHREALTIME" '{print b - a, $1 + $2}' "$work/time"
}
rate_row() { # NAME OURS_SECONDS YARD_SECONDS TARGET [PAIRS]
	row "$1" "$(awk -v n="$PG_ROWS" -v s="$2" 'BEGIN {printf "%.0f", n / s}')" \
	    "$(awk -v n="$PG_ROWS" -v s="$3" 'BEGIN {printf "%.0f", n / s}')" \
	    "$(awk -v a="$3" -v b="$2" 'BEGIN {printf "%.3f", a / b}')" rows/s "$4" "${5:-1}"
}
cpu_row() { # SECONDS TARGET [RUNS]
	row "  CPU" "$(awk -v n="$PG_ROWS" -v s="$1" 'BEGIN {printf "%.1f", s / n * 1e6}')" - - 's/M events' "$2" "${3:-1}"
}

# PG_PAIRS times, in turn; each but the first into a territory of its own, OTHERS and on
from_outbox() { # ROWS_A_TRANSACTION TARGET CPU_TARGET TERRITORY OTHERS
	local ini k publication=relais_${4}_essai runs=$work/outbox$1
	territory=$4
	PG_EXTRA=$'max_wal_size = 2GB\nmax_slot_wal_keep_size = -1\nshared_buffers = 256MB\nsynchronous_commit = off' pg_up || return 1
	outbox "$work/pg$1" || return 1
	pg sql "SELECT pg_create_logical_replication_slot('origin', 'pgoutput')" >/dev/null
	backlog "$PG_ROWS" "$1"
	for k in $(seq "$PG_PAIRS"); do
		[ "$k" = 1 ] || territory=dep$(($5 + k))
		ini=$work/pg$1.$k/relais.ini
		printf '[connector]\nname = source_postgres_outbox\nroutes = paiement=EvenementPaiement\ndsn = %s\npublication = %s\n' \
		    "$pg_url" "$publication" | conf "$ini"
		"$relais" topics apply -c "$ini" >/dev/null
		pg sql "SELECT pg_copy_logical_replication_slot('origin', 'yard'), pg_copy_logical_replication_slot('origin', 'relais_${territory}_essai')" >/dev/null
		seconds_of "$pg_bin/pg_recvlogical" -d "$pg_url" --slot yard --start -f /dev/null \
		    --endpos "$(pg sql 'SELECT pg_current_wal_flush_lsn()')" -o proto_version=1 -o "publication_names=$publication" >>"$runs.yard"
		seconds_of "$relais" source "$ini" --once >>"$runs"
		wait_for 30 pg sql "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name <> 'origin'" >/dev/null
	done
	rate_row "outbox -> topic, $1 a transaction" "$(cut -d' ' -f1 "$runs" | median)" "$(cut -d' ' -f1 "$runs.yard" | median)" "$2" "$PG_PAIRS"
	cpu_row "$(cut -d' ' -f2 "$runs" | median)" "$3" "$PG_PAIRS"
	territory=$4
	pg down
}

# empty tables for the payments of the topic
new_tables() { # INI
	pg sql 'DROP SCHEMA IF EXISTS relais CASCADE'
	pg sql "$("$relais" sink ddl "$1" --famille payments)"
	pg sql CHECKPOINT
}
arrived() { [ "$(pg sql 'SELECT count(*) FROM relais.evenement_paiement')" = "$PG_ROWS" ] || failed 'rows are missing'; }
# The second one is let in while the first still reads, not after the usual 3 s. Members that
# join in one instant wait for librdkafka's next try, 2 s later.
one_of_two() { "$relais" sink "$1" --once -X "sink.group=$2" -X kafka.heartbeat.interval.ms=100 >>"$work/bench.out" 2>>"$work/bench.err"; }
two_sinks() { # INI GROUP: seconds
	local t0=$EPOCHREALTIME other
	one_of_two "$@" & other=$!
	sleep 0.3
	one_of_two "$@" && wait $other || failed 'a sink failed'
	awk -v a="$t0" -v b="$EPOCHREALTIME" 'BEGIN {print b - a}'
}
to_table() { # TERRITORY of events that are there; PG_PAIRS times, in turn
	local ini=$work/pgsink/relais.ini k seconds cpu
	territory=$1
	PG_EXTRA=$'max_wal_size = 2GB\nshared_buffers = 256MB\nsynchronous_commit = off' pg_up || return 1
	base "$work/pgsink" payments </dev/null
	sed -i '/^flush_ms/d' "$ini" # as a new user has it
	for k in $(seq "$PG_PAIRS"); do
		new_tables "$ini"
		read -r seconds cpu < <(seconds_of "$relais" sink "$ini" --once -X "sink.group=one$k")
		echo "$seconds" >>"$work/one"; echo "$cpu" >>"$work/one_cpu"
		arrived
		new_tables "$ini"
		pg sql 'DROP TABLE relais.relais_recus, relais.relais_controles CASCADE'
		seconds_of "$relais" sink "$ini" --once -X "sink.group=bare$k" >>"$work/bare"
		arrived
		pg sql "COPY relais.evenement_paiement TO STDOUT" >"$work/pgsink/rows"
		new_tables "$ini"
		seconds_of "$pg_bin/psql" -X -q "$pg_url" -c "\\copy relais.evenement_paiement FROM '$work/pgsink/rows'" >>"$work/yard"
		new_tables "$ini"
		two_sinks "$ini" "two$k" >>"$work/two"
		arrived
	done
	seconds=$(cut -d' ' -f1 "$work/yard" | median)
	rate_row 'topic -> table, new objects (COPY)' "$(median <"$work/one")" "$seconds" '>= 0.40' "$PG_PAIRS"
	cpu_row "$(median <"$work/one_cpu")" reported "$PG_PAIRS"
	rate_row '  without the proof of completeness' "$(cut -d' ' -f1 "$work/bare" | median)" "$seconds" '>= 0.75' "$PG_PAIRS"
	rate_row '  two sinks of one group' "$(median <"$work/two")" "$seconds" '>= 0.55' "$PG_PAIRS"
	pg down
}

to_application() { # TERRITORY of the cases that are there
	local ours cpu events ini=$work/application/relais.ini
	territory=$1
	PG_EXTRA=$'max_wal_size = 2GB\nshared_buffers = 256MB' pg_up || return 1
	psql -X -q -v ON_ERROR_STOP=1 "$pg_url" -f tests/data/webrsa/schema.sql
	base "$work/application" eligibility </dev/null
	echo "mapping = $PWD/docs/exemples/webrsa-puits.json" >>"$ini"
	"$relais" sink ddl "$ini" --famille eligibility >"$work/application/tables.sql"
	pg sql "$(cat "$work/application/tables.sql")"
	read -r ours cpu < <(seconds_of "$relais" sink "$ini" --once)
	events=$(pg sql 'SELECT count(*) FROM relais.relais_recus')
	row 'topic -> tables of WebRSA' "$(awk -v n="$events" -v s="$ours" 'BEGIN {printf "%.0f", n / s}')" - - events/s reported 1
	row '  rows' "$(pg sql "SELECT round(sum(n_tup_ins + n_tup_upd) / $events, 1) FROM pg_stat_user_tables WHERE schemaname = 'public'")" - - 'rows/event' reported 1
	pg down
}
# LATENCY_EVENTS commits, LATENCY_RATE a second, one row each, on disk before they are answered.
latency() { # TERRITORY
	local ini=$work/latency/relais.ini t0 first p50 p99 max rss rate=${LATENCY_RATE:-1000} insert
	territory=$1
	PG_EXTRA=$'max_wal_size = 2GB\nshared_buffers = 256MB' pg_up || return 1
	outbox "$work/latency" && "$relais" slot create "$ini" >/dev/null || return 1
	insert="INSERT INTO outbox SELECT \$1::uuid, 'paiement', lpad(\$2, 8, '0') || '093', 'EMIS', jsonb_build_object('paiement', gen_random_uuid(),
	  'prestation', 'RSA', 'fait', 'EMIS', 'etat', 'EMIS', 'mois', '2026-01-01', 'montant_centimes', 50000, 'sens', 'AJOUT', 'destinataire', 'ALLOCATAIRE',
	  'entete', jsonb_build_object('survenu_le', '2026-01-05'))"
	start latency "$bin/bench_latency" "$bootstrap" "$registry" "$territory.payments.v1" "$pg_url" "$insert" "${LATENCY_EVENTS:-30000}" "$rate"
	wait_for 30 grep -q ready "$work/latency.out" || return 1
	pg sql "PREPARE first AS $insert; EXECUTE first('ffffffff-0000-4000-8000-000000000000', '1')"
	t0=$EPOCHREALTIME
	start source "$relais" source "$ini"
	wait "${pids[latency]}" || { failed 'the latency'; tail -n 3 "$work/latency.err" "$work/source.err" >&2; return 1; }
	unset "pids[latency]"
	rss=$(awk '/^RssAnon/ {print $2 / 1024}' "/proc/${pids[source]}/status")
	halt source
	read -r first p50 p99 max < <(sed -n 's/^first=\(.*\) p50=\(.*\) p99=\(.*\) max=\(.*\)/\1 \2 \3 \4/p' "$work/latency.out")
	row "commit -> subscriber, p50" "$p50" - - "ms at $rate/s" '<= 1' 1
	row '  p99' "$p99" - - ms '<= 5' 1
	row '  max' "$max" - - ms reported 1
	row '  RssAnon of the source' "$rss" - - MB reported 1
	row '  cold start to the first event' "$(awk -v a="$t0" -v b="$first" 'BEGIN {print (b - a) * 1000}')" - - ms reported 1
	pg down
}
from_outbox 100 '>= 0.80' '<= 2.4' dep91 20
to_table dep91
from_outbox 1 '>= 0.80' '<= 6' dep90 30
to_application dep92
latency dep89
