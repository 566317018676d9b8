#!/bin/bash
# timeout: 3600
# A first load of ROWS objects (10,000,000) while WRITES changes a second (1,000) go on, and
# a sink that follows: the source's memory is constant, and at the end the sink's table says
# what the source's says.
. tests/lib.sh
rows=${ROWS:-10000000} writes=${WRITES:-1000}
pg_bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
PG_EXTRA=$'max_wal_size = 4GB\nmax_slot_wal_keep_size = -1\nshared_buffers = 512MB\nsynchronous_commit = off'
export PG_EXTRA
kafka_up plain && pg_up || exit 1
pg sql "CREATE TABLE droits (id bigint PRIMARY KEY, numero text NOT NULL, matricule text NOT NULL, etat text NOT NULL, montant bigint NOT NULL)"
pg sql "INSERT INTO droits SELECT i, lpad(i::text, 8, '0') || '093', lpad(i::text, 7, '0') || '00000000', 'OUVERT', i % 90000 FROM generate_series(1, $rows) i"
pg sql "CREATE PUBLICATION relais_dep93_essai FOR TABLE droits"
cat >"$work/mapping.json" <<-'END'
{"kind": "snapshot", "root": "droits", "tables": {"droits": {"table": "public.droits"}},
 "value": {"entete": {"dossier": "droits.numero", "territoire": {"$value": "093"}}, "prestation": {"$value": "RSA"},
           "etat": "droits.etat", "numero_demande": "droits.numero",
           "organisme": {"fonorg": {"$value": "CAF"}, "numorg": {"$value": "931"}}, "matricule": "droits.matricule",
           "montant_mensuel_centimes": "droits.montant"}}
END
conf "$work/s/relais.ini" <<-END
[connector]
name = source_postgres_table
schema = EvenementDroit
mapping = $work/mapping.json
dsn = $pg_url
END
base "$work/k" eligibility <<<'batch_records = 5000'
"$relais" topics apply -c "$work/s/relais.ini" >/dev/null && "$relais" slot create "$work/s/relais.ini" >/dev/null || exit 1
pg sql "$("$relais" sink ddl "$work/k/relais.ini" --famille eligibility)" || exit 1

cat >"$work/change.sql" <<-END
\set id random(1, $rows)
\set sum random(1, 90000)
UPDATE droits SET montant = :sum, etat = CASE WHEN :sum < 1000 THEN 'CLOS' ELSE 'OUVERT' END WHERE id = :id;
END
writer() { exec "$pg_bin/pgbench" -n -c 2 -R "$writes" -T 86400 -f "$work/change.sql" "$pg_url"; }
rss() { awk '/^RssAnon/ {print int($2 / 1024)}' "/proc/${pids[$1]}/status"; }
streams() { grep -q ' flux ' "$work/s/state/chargement.relais_dep93_essai" 2>/dev/null; }
start writer writer
start sink "$relais" sink "$work/k/relais.ini"
t0=$SECONDS
start source "$relais" source "$work/s/relais.ini"
first=0 most=0
until streams; do
	sleep 5
	kill -0 "${pids[source]}" 2>/dev/null || { tail -n 5 "$work/source.err"; break; }
	now=$(rss source)
	[ "$now" -le $most ] || most=$now
	[ $first != 0 ] || [ $((SECONDS - t0)) -lt 20 ] || first=$now
	[ $(((SECONDS - t0) / 5 % 12)) != 0 ] || say "$((SECONDS - t0)) s: $(tail -n 1 "$work/s/state/chargement.relais_dep93_essai" 2>/dev/null), RssAnon $now MB, sink $(rss sink) MB"
done
check 'the load ends' streams
check 'nothing was parked' sh -c '! grep -q "parked=[1-9]" "$1"/*.err' - "$work"
say "$rows objects in $((SECONDS - t0)) s; RssAnon $first MB after 20 s, $most MB at most; state $(du -sm "$work/s/state" | cut -f 1) MB"
if [ $first != 0 ]; then
	check 'in constant memory' [ "$most" -le $((first + 32)) ]
else
	skip 'in constant memory' 'over before 20 s: more ROWS'
fi
changes() { pg sql "SELECT n_tup_upd FROM pg_stat_user_tables WHERE relname = 'droits'"; }
made=$(changes)
say "$made changes meanwhile"
check 'the changes went on all the while' [ "$made" -ge $((writes * (SECONDS - t0) * 8 / 10)) ]
sleep 5
halt writer INT
want() { pg sql "SELECT count(*), sum(hashtextextended(numero || etat || montant, 0)) FROM droits"; }
got() { pg sql "SELECT count(*), sum(hashtextextended(numero_demande || etat || montant_mensuel_centimes, 0)) FROM relais.evenement_droit"; }
equal() { [ "$(got)" = "$(want)" ]; }
wait_for 1200 equal || :
check 'the table of the sink says what that of the source says' equal
say "all of it after $((SECONDS - t0)) s, with $(du -sm "$work" | cut -f 1) MB on the disk"
halt source; ended=$status
check 'SIGTERM ends the source with 0' [ "$ended" = 0 ]
halt sink
