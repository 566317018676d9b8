#!/bin/bash
# timeout: 300
# From Debezium to relais on real Kafka and PostgreSQL, as docs/CONNECT.md says, while two sessions write
# transactions of five rows, one within the other: no row is lost; after a clean stop none is in both topics,
# after kill -9 only the last ones may be, published after its last offsets.
. tests/lib.sh
. tests/connect.bash
connect_jars && kafka_up && pg_up || exit 1
port=$(sed -n 's/.*port=\([0-9]*\).*/\1/p' <<<"$pg_url")
outbox "$work/any" && pg sql "DROP PUBLICATION relais_${territory}_essai" || exit 1
kafka topic __debezium-heartbeat.p 1 >/dev/null

cat >"$work/write.py" <<'END'
import json, os, subprocess, sys, time
url, log = sys.argv[1:]
def insert(n):
    value = {"paiement": f"00000000-0000-8000-9001-{n:012d}", "prestation": "RSA", "fait": "EMIS", "etat": "EMIS", "mois": "2026-01-01",
             "montant_centimes": 100 + n, "sens": "AJOUT", "destinataire": "ALLOCATAIRE", "entete": {"survenu_le": "2026-01-05"}}
    return f"INSERT INTO outbox VALUES ('00000000-0000-8000-8001-{n:012d}', 'paiement', '{n % 17:08d}193', 'EMIS', '{json.dumps(value)}');"
sessions = [subprocess.Popen(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for _ in range(2)]
def run(session, sql):
    session.stdin.write(sql + "\n\\echo done\n")
    session.stdin.flush()
    assert session.stdout.readline()
first = int(open(log).read().split()[-1]) + 1 if os.path.exists(log) else 0
with open(log, "a") as out:
    while not os.path.exists(log + ".end"):
        run(sessions[0], "BEGIN;" + "".join(insert(first + i) for i in range(5)))
        run(sessions[1], "BEGIN;" + "".join(insert(first + i) for i in range(5, 10)))
        run(sessions[1], "COMMIT;")
        run(sessions[0], "COMMIT;")
        out.write("".join(f"{first + i}\n" for i in range(10)))
        out.flush()
        first += 10
        time.sleep(0.02)
END
arrived() { "$BUILD/tools/kdump" "$bootstrap" "$1" >"$work/debezium.dump" && [ "$(wc -l <"$work/debezium.dump")" -ge "$2" ]; }
# both CASE: how many rows are in both topics. Ends with 1 if one is in neither, or is no row, or is twice in one; if
# Debezium left one out, or those in both are not the last that it published
both() {
	"$BUILD/tools/kdump" "$bootstrap" "debezium.$1" >"$work/debezium.dump" && read_topics "$work/relais.jsonl" payments.v1 || return 1
	python3 - "$work/$1/written" "$work/debezium.dump" "$work/relais.jsonl" <<-'END'
	import json, sys
	written = [int(n) for n in open(sys.argv[1])]
	number = lambda uid: int(uid[24:])
	debezium = [number(bytes.fromhex(dict(h.split("=") for h in l.split("\t")[4].split(","))["id"]).decode()) for l in open(sys.argv[2])]
	relais = [number(json.loads(l)["value"]["entete"]["id"]) for l in open(sys.argv[3])]
	assert sorted(set(debezium) | set(relais)) == written, "rows are missing, or not of the outbox"
	assert len(set(relais)) == len(relais) and len(set(debezium)) == len(debezium), "twice in one topic"
	commits = sorted(written, key=lambda n: (n // 10, n % 10 < 5, n))
	assert relais and set(debezium) == set(commits[:len(debezium)]), "Debezium left out a row"
	common = len(set(debezium) & set(relais))
	assert set(relais) == set(commits[len(debezium) - common:]), "others are in both topics than the last of Debezium's"
	print(common)
	END
}
# from_debezium CASE [PROPERTY=VALUE...]: Debezium publishes, is stopped by stop_CASE, relais goes on; a territory of its own
n=10
from_debezium() {
	local d=$work/$1 name=$1 ini; shift
	n=$((n + 1)) territory=dep$n ini=$d/source.ini
	mkdir "$d"
	pg sql 'TRUNCATE outbox'
	kafka topic "debezium.$name" 3 >/dev/null
	echo offset.flush.interval.ms=1000 >"$d/worker.properties"
	python3 - "$port" "transforms.outbox.route.topic.replacement=debezium.$name" "$@" >"$d/connector.json" <<-'END'
	import json, sys
	config = {"connector.class": "io.debezium.connector.postgresql.PostgresConnector", "database.hostname": "127.0.0.1",
	          "database.port": sys.argv[1], "database.user": "postgres", "database.password": "none", "database.dbname": "postgres",
	          "topic.prefix": "p", "plugin.name": "pgoutput", "table.include.list": "public\\.outbox", "snapshot.mode": "no_data",
	          "transforms": "outbox", "transforms.outbox.type": "io.debezium.transforms.outbox.EventRouter"}
	json.dump({"name": "outbox", "config": config | dict(p.split("=", 1) for p in sys.argv[2:])}, sys.stdout)
	END
	connect_start "$d" -Xms64m -Xmx512m
	check "Debezium makes its slot ($name)" wait_for 60 sh -c '[ "$(psql -X -At "$1" -c "SELECT active FROM pg_replication_slots")" = t ]' - "$pg_url"
	start writer python3 "$work/write.py" "$pg_url" "$d/written"
	check '. and publishes' wait_for 60 arrived "debezium.$name" 300
	"stop_$name" "$d"
	"$relais" import connect "$d/connector.json" >"$ini" 2>"$d/said"
	echo none >"$d/postgresql.motdepasse"; chmod 600 "$d/postgresql.motdepasse"
	sed -i "s|^; territory = .*|territory = $territory|; s|^; instance = .*|instance = essai|; s|^; source = .*|source = urn:relais:essai|
	    s|^; bootstrap.servers = .*|bootstrap.servers = $bootstrap|; s|^; url = .*|url = $registry|; s|^; file = .*|file = $work/ring|
	    s|^; routes = |routes = |" "$ini"
	"$relais" topics apply -c "$ini" >/dev/null
	local of=(--connecteur "$d/connector.json")
	grep -q '"server"' "$d/offsets.json" || of=() # as found in a file, they do not say whose
	check '. its offsets are taken over' "$relais" slot takeover "$ini" --offsets "$d/offsets.json" "${of[@]}"
	check '. relais doctor is content' "$relais" doctor "$ini"
	: >"$d/written.end"; wait "${pids[writer]}"; unset 'pids[writer]'
	check '. relais goes on' "$relais" source "$ini" --once
	check '. every row is in a topic, in none twice' both "$name"
	cp "$work/check.out" "$d/both"
	say "$name: $(cat "$d/both") of $(wc -l <"$d/written") rows in both topics"
	! declare -F "then_$name" >/dev/null || "then_$name"
	halt connect KILL # idle by now, and slow to end
	pg sql "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots" >/dev/null
	pg sql 'DROP PUBLICATION dbz_publication'
}
rest_stop() { # FOLDER: as docs/CONNECT.md says
	curl -sf -X PUT "$rest/connectors/outbox/stop" && wait_for 30 sh -c 'curl -s "$1/connectors/outbox/status" | grep -q "\"tasks\":\[\]"' - "$rest" &&
	    curl -s "$rest/connectors/outbox/offsets" >"$1/offsets.json"
}
file_offsets() { strings -n 20 "$1/offsets" | grep -o '{"lsn.*}' | tail -n 1 >"$1/offsets.json"; } # of a worker that is gone
stop_filtered() { rest_stop "$1"; }
stop_all() { rest_stop "$1"; }
stop_manual() { rest_stop "$1"; }
stop_term() { halt connect; file_offsets "$1"; }
stop_kill() { wait_for 20 sh -c 'strings "$1" | grep -q lsn_commit' - "$1/offsets"; halt connect KILL; file_offsets "$1"; }
then_filtered() { # and back: the connector goes on where relais left the slot
	local before; before=$(wc -l <"$work/debezium.dump")
	curl -sf -X PUT "$rest/connectors/outbox/resume"
	pg sql "INSERT INTO outbox SELECT lpad(i::text, 32, '0')::uuid, 'paiement', '00000001193', 'EMIS', '{}' FROM generate_series(1, 20) i"
	check '. back, Debezium publishes what relais had not' wait_for 40 arrived debezium.filtered $((before + 20))
	check '. and nothing that relais had' [ "$(wc -l <"$work/debezium.dump")" = $((before + 20)) ]
	curl -sf -X PUT "$rest/connectors/outbox/stop"
	wait_for 30 sh -c '[ "$(psql -X -At "$1" -c "SELECT active FROM pg_replication_slots")" = f ]' - "$pg_url"
}
in_both() { [ "$(cat "$work/$1/both")" "$2" "$3" ] || { cat "$work/$1/both"; return 1; }; }

from_debezium filtered publication.autocreate.mode=filtered
check 'after a clean stop no row is in both topics' in_both filtered = 0
from_debezium all publication.autocreate.mode=all_tables heartbeat.interval.ms=500
check 'nor with a publication of all tables' in_both all = 0
from_debezium manual publication.autocreate.mode=filtered lsn.flush.mode=manual
check 'nor from a slot that was not advanced' in_both manual = 0
from_debezium term publication.autocreate.mode=filtered max.batch.size=7 max.queue.size=14
check 'nor after a worker that ended by SIGTERM' in_both term = 0
from_debezium kill publication.autocreate.mode=filtered
check 'after kill -9 only the last that it published may be' in_both kill -lt "$(wc -l <"$work/debezium.dump")"
