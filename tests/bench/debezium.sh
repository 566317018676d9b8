#!/bin/bash
# debezium.sh BUILD -- relais beside Debezium on one machine, one broker, one backlog: the rows of
# an outbox, in turn by pg_recvlogical (to /dev/null), relais and Debezium's connector in a
# worker of Kafka Connect, tuned. Prints README's table and writes it to BUILD/debezium.md.
#   ROWS=400000   of the backlog; Debezium's rate and CPU are those of its warm second half
#   RUNS=3        of each; the table has medians
#   SIZES='100 1' rows a transaction
#   CASES=50000   dossiers that they are of, in turn
# relais' figures include its start, with all its headers and with two ([headers] profile = reduced; Debezium's
# messages bear one). Debezium passes the payload on as text; relais checks it,
# protects it and encodes it. Fetches about 100 MB of jars the first time (docker/debezium).
set -u
cd "$(dirname "$0")/../.." || exit 1
BUILD=$(cd "$1" && pwd) || exit 1
export BUILD
ROWS=${ROWS:-400000} RUNS=${RUNS:-3} SIZES=${SIZES:-100 1}
. tests/lib.sh >/dev/null
. tests/bench/backlog.bash
. tests/connect.bash
bin=$BUILD/bench
pg_bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
rows=$work/rows

median() { sort -n | awk '{v[NR] = $1} END {print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2}'; }
field() { sed -n "s/.*\b$1=\([0-9.]*\).*/\1/p"; }
# note WHO SIZE RATE CPU_PER_MILLION MB
note() { printf '%s\t%s\t%s\t%s\t%s\n' "$@" >>"$rows"; echo "# $1, $2 a transaction: $3 rows/s, $4 CPU s a million, $5 MB" >&2; }

slot() { pg sql "SELECT pg_copy_logical_replication_slot('origin', '$1')" >/dev/null; }
drop_slot() { wait_for 30 pg sql "SELECT pg_drop_replication_slot('$1')"; }

by_yardstick() { # SIZE
	local seconds
	slot yard
	seconds=$("$bin/bench_watch" "$pg_bin/pg_recvlogical" -d "$pg_url" --slot yard --start -f /dev/null \
	    --endpos "$(pg sql 'SELECT pg_current_wal_flush_lsn()')" -o proto_version=1 -o "publication_names=$publication" 2>>"$work/yard.err")
	note pg_recvlogical "$1" "$(echo "$seconds" | field seconds | awk -v n="$ROWS" '{printf "%.0f", n / $1}')" \
	    "$(echo "$seconds" | field cpu_s | awk -v n="$ROWS" '{printf "%.2f", $1 * 1e6 / n}')" "$(echo "$seconds" | field anon_mb)"
	drop_slot yard
}
by_relais() { # SIZE PROFILE (of headers): each run has a territory, topics and a state of its own
	local took who=relais
	[ "$2" = complete ] || who="relais $2"
	run=$((run + 1)) territory=dep$((run + 20))
	printf '[connector]\nname = source_postgres_outbox\nroutes = paiement=EvenementPaiement\ndsn = %s\npublication = %s\n' \
	    "$pg_url" "$publication" | conf "$work/run$run/relais.ini"
	"$relais" topics apply -c "$work/run$run/relais.ini" >/dev/null
	slot "relais_${territory}_essai"
	took=$("$bin/bench_watch" "$relais" source "$work/run$run/relais.ini" --once -X "headers.profile=$2" 2>>"$work/source.err") || echo 'debezium.sh: relais failed' >&2
	note "$who" "$1" "$(echo "$took" | field seconds | awk -v n="$ROWS" '{printf "%.0f", n / $1}')" \
	    "$(echo "$took" | field cpu_s | awk -v n="$ROWS" '{printf "%.2f", $1 * 1e6 / n}')" "$(echo "$took" | field anon_mb)"
	drop_slot "relais_${territory}_essai"
	kafka admin org.apache.kafka.tools.TopicCommand --delete --topic "$territory.payments.v1" >/dev/null
	rm -rf "$work/run$run/state"
}
# CPU seconds of the worker so far; its name holds no blank
used() { awk -v t="$(getconf CLK_TCK)" '{print ($14 + $15) / t}' "/proc/${pids[connect]}/stat"; }
by_debezium() { # SIZE
	local topic=debezium.$1.$((run = run + 1))
	kafka topic "$topic" 6 >/dev/null
	slot debezium
	mkdir -p "$work/connect$run"
	echo offset.flush.interval.ms=5000 >"$work/connect$run/worker.properties"
	cat >"$work/connect$run/connector.properties" <<-END
	name=outbox
	connector.class=io.debezium.connector.postgresql.PostgresConnector
	tasks.max=1
	database.hostname=127.0.0.1
	database.port=$(sed -n 's/.*port=\([0-9]*\).*/\1/p' <<<"$pg_url")
	database.user=postgres
	database.password=none
	database.dbname=postgres
	topic.prefix=bench
	plugin.name=pgoutput
	slot.name=debezium
	publication.name=$publication
	publication.autocreate.mode=disabled
	table.include.list=public.outbox
	snapshot.mode=no_data
	tombstones.on.delete=false
	transforms=outbox
	transforms.outbox.type=io.debezium.transforms.outbox.EventRouter
	transforms.outbox.route.topic.replacement=$topic
	max.batch.size=20480
	max.queue.size=81920
	poll.interval.ms=10
	producer.override.linger.ms=20
	producer.override.batch.size=524288
	producer.override.buffer.memory=134217728
	producer.override.compression.type=lz4
	producer.override.acks=all
	END
	connect_start "$work/connect$run" -Xms1g -Xmx1g
	local half=() all=()
	if "$bin/bench_filled" "$bootstrap" "$topic" $((ROWS / 2)) && half=("$EPOCHREALTIME" "$(used)") &&
	    "$bin/bench_filled" "$bootstrap" "$topic" "$ROWS"; then
		all=("$EPOCHREALTIME" "$(used)")
		note Debezium "$1" "$(awk -v a="${half[0]}" -v b="${all[0]}" -v n="$ROWS" 'BEGIN {printf "%.0f", n / 2 / (b - a)}')" \
		    "$(awk -v a="${half[1]}" -v b="${all[1]}" -v n="$ROWS" 'BEGIN {printf "%.2f", (b - a) * 2e6 / n}')" \
		    "$(awk '/^RssAnon/ {printf "%.0f", $2 / 1024}' "/proc/${pids[connect]}/status")"
	else
		tail -n 5 "$work/connect.err" >&2
	fi
	halt connect
	drop_slot debezium
	kafka admin org.apache.kafka.tools.TopicCommand --delete --topic "$topic" >/dev/null
}

connect_jars || exit 1
export KAFKA_JVM=${KAFKA_JVM:--Xms1g -Xmx1g}
kafka_up || exit 1
run=0
for size in $SIZES; do
	PG_EXTRA=$'max_wal_size = 4GB\nmax_slot_wal_keep_size = -1\nshared_buffers = 256MB\nsynchronous_commit = off' pg_up || exit 1
	territory=dep93 publication=relais_dep93_essai
	outbox "$work/first" || exit 1
	pg sql "SELECT pg_create_logical_replication_slot('origin', 'pgoutput')" >/dev/null
	backlog "$ROWS" "$size" && pg sql CHECKPOINT || exit 1
	for k in $(seq "$RUNS"); do by_yardstick "$size"; by_relais "$size" complete; by_relais "$size" reduced; by_debezium "$size"; done
	pg down
done
python3 - "$rows" >"$BUILD/debezium.md" <<'END'
import collections, statistics, sys
got = collections.defaultdict(list)
for line in open(sys.argv[1], encoding="utf-8"):
    who, size, *figures = line.rstrip("\n").split("\t")
    got[int(size), who].append([float(f) for f in figures])
mid = {k: [statistics.median(column) for column in zip(*v)] for k, v in got.items()}
names = ("relais", "relais reduced", "Debezium", "pg_recvlogical")
def figure(x):
    return f"{x:,.0f}".replace(",", " ") if x >= 100 else f"{x:.1f}".replace(".", ",")
print("| | relais | relais, 2 en-têtes | Debezium | `pg_recvlogical` seul |\n|---|---:|---:|---:|---:|")
for size in sorted({s for s, _ in mid}, reverse=True):
    rows = "lignes" if size > 1 else "ligne"
    for i, what in enumerate(("lignes/s", "s de CPU par million", "Mo de mémoire anonyme")):
        print(f"| {size} {rows} par transaction, {what} | " + " | ".join(figure(mid[size, n][i]) if (size, n) in mid else "" for n in names) + " |")
    if all((size, n) in mid for n in names):
        *ours, debezium, _ = (mid[size, n] for n in names)
        print("| · CPU de Debezium ÷ relais | " + " | ".join(figure(debezium[1] / r[1]) for r in ours) + " | | |")
        print("| · mémoire de Debezium ÷ relais | " + " | ".join(figure(debezium[2] / r[2]) for r in ours) + " | | |")
END
cat "$BUILD/debezium.md"
