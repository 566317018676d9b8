#!/bin/bash
# relais slot takeover: rows that Debezium had published beyond what it confirmed are passed
# over, no other is, wherever it stopped: transactions lie within one another, of several rows
# each, and rows of one COPY share their position.
. tests/lib.sh
pg_up || exit 1
pg sql 'CREATE TABLE outbox (id uuid PRIMARY KEY, aggregatetype text, aggregateid text, type text, payload jsonb);
	CREATE TABLE autre (n int PRIMARY KEY); CREATE PUBLICATION dbz_publication FOR ALL TABLES'
pg sql "SELECT pg_create_logical_replication_slot('origin', 'pgoutput')" >/dev/null
rows() { # FROM TO: values of these rows
	pg sql "SELECT string_agg(format('(%L, %L, %L, %L, %L)', lpad(i::text, 32, '0')::uuid, 'paiement', lpad((i % 3)::text, 8, '0') || '193', 'EMIS',
	  jsonb_build_object('paiement', ('1' || lpad(i::text, 31, '0'))::uuid, 'prestation', 'RSA', 'fait', 'EMIS', 'etat', 'EMIS', 'mois', '2026-01-01',
	    'montant_centimes', 100 + i, 'sens', 'AJOUT', 'destinataire', 'ALLOCATAIRE', 'entete', jsonb_build_object('survenu_le', '2026-01-05'))), ', ')
	  FROM generate_series($1, $2) i"
}
insert() { echo "INSERT INTO outbox VALUES $(rows "$1" "$2");"; }
one=(psql -X -q -v ON_ERROR_STOP=1 "$pg_url")
# rows 1-3 are written first and committed last
coproc late { "${one[@]}"; }
{ echo "BEGIN; $(insert 1 3)"; echo '\echo there'; } >&"${late[1]}"
read -r _ <&"${late[0]}"
"${one[@]}" <<<"BEGIN; $(insert 4 6) INSERT INTO autre VALUES (1); COMMIT; $(insert 7 7)"
echo "COMMIT;" >&"${late[1]}"
pid=$late_PID
eval "exec ${late[1]}>&-"; wait "$pid"
pg sql "COPY (SELECT * FROM (VALUES $(rows 8 10)) v) TO STDOUT" >"$work/copy"
{ echo 'COPY outbox FROM STDIN;'; cat "$work/copy"; echo '\.'; } | "${one[@]}"
"${one[@]}" <<<"$(insert 11 12)"
# What Debezium sees: position, transaction, and what it is (I: a row, C: a commit)
pg sql "SELECT lsn - '0/0', xid, chr(get_byte(data, 0)) FROM pg_logical_slot_peek_binary_changes('origin', NULL, NULL, 'proto_version', '1',
  'publication_names', 'dbz_publication') WHERE chr(get_byte(data, 0)) IN ('I', 'C')" >"$work/seen"
order=(4 5 6 autre 7 1 2 3 8 9 10 11 12)
same 'the rows come in the order of their commits' <(grep -c I "$work/seen") <(echo ${#order[@]})
offset() { # ROWS: {…} of Debezium that has published so many; $commit: what it has confirmed
	awk -F'|' -v n="$1" '$3 == "C" {commit = $1} $3 == "I" && !--n {print commit + 0, $1, $2; exit}' "$work/seen"
}
run=0
setup() { # topics, a slot and a state of its own
	run=$((run + 1)) ini=$work/s$run/relais.ini
	halt broker && broker || return 1
	printf '[connector]\nname = source_postgres_outbox\nschema = EvenementPaiement\ntable = public.outbox\nslot = debezium%s\npublication = dbz_publication\ndsn = %s\n' \
	    $run "$pg_url" | conf "$ini"
	pg sql "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name <> 'origin'" >/dev/null
	pg sql "SELECT pg_copy_logical_replication_slot('origin', 'debezium$run')" >/dev/null
}
publishes() { # ROW...: these and no others, once each
	"$relais" source "$ini" --once >>"$work/source.out" 2>>"$work/source.err" && read_topics "$work/topic.jsonl" payments.v1 || return 1
	python3 -c 'import json, sys
got = [int(json.loads(l)["value"]["entete"]["id"].replace("-", "")) for l in open(sys.argv[1])]
want = [int(n) for n in sys.argv[2:]]
sys.exit(0 if sorted(got) == sorted(want) else f"{sorted(got)} instead of {sorted(want)}")' "$work/topic.jsonl" "$@"
}
takeover() { "$relais" slot takeover "$ini" --offsets - <<<"$1"; }
stopped_after() { # ROWS LEFT...
	local n=$1 commit lsn xid; shift
	setup
	read -r commit lsn xid < <(offset "$n")
	check "Debezium stopped after ${order[n - 1]}" takeover \
	    "{\"offsets\":[{\"partition\":{\"server\":\"p\"},\"offset\":{\"lsn_proc\":$lsn,\"messageType\":\"INSERT\",\"lsn_commit\":$commit,\"lsn\":$lsn,\"txId\":$xid,\"ts_usec\":1}}]}"
	[ "$commit" = 0 ] || grep -q '^publié par Debezium, topic.prefix p jusqu' "$work/check.out" || not_ok "of whom: $(cat "$work/check.out")"
	[ "$commit" = 0 ] || pg sql "SELECT pg_replication_slot_advance('debezium$run', '0/0'::pg_lsn + $commit)" >/dev/null
	check '. what it had not published is' publishes "$@"
	check '. and nothing more at the next start' publishes "$@"
}
stopped_after 1 5 6 7 1 2 3 8 9 10 11 12
stopped_after 3 7 1 2 3 8 9 10 11 12
stopped_after 4 7 1 2 3 8 9 10 11 12
stopped_after 5 1 2 3 8 9 10 11 12
stopped_after 7 3 8 9 10 11 12
stopped_after 8 8 9 10 11 12
# one position for the three rows of the COPY: none is lost
stopped_after 9 9 10 11 12
stopped_after 11 9 10 11 12
stopped_after 12 12
stopped_after 13

setup
read -r commit lsn xid < <(offset 8)
of_connector() { # CONFIGURATION OFFSETS
	echo "$1" >"$work/connector.json"
	"$relais" slot takeover "$ini" --offsets - --connecteur "$work/connector.json" <<<"$2"
}
refused() { # TEXT CONFIGURATION OFFSETS: nothing is taken over
	of_connector "${@:2}" >"$work/refused" 2>&1 && return 1
	cat "$work/refused"; grep -q "$1" "$work/refused" && [ ! -e "$work/s$run/state" ]
}
mine="{\"offsets\":[{\"partition\":{\"server\":\"p\"},\"offset\":{\"lsn_commit\":$commit,\"lsn\":$lsn,\"txId\":$xid}}]}"
check 'offsets of another connector are refused' refused "connector.json: topic.prefix.*n'est pas p" "{\"topic.prefix\":\"autre\",\"slot.name\":\"debezium$run\"}" "$mine"
check '. also where its configuration does not say whose' refused "topic.prefix.*n'est pas p" "{\"slot.name\":\"debezium$run\"}" "$mine"
check '. and a connector of another slot' refused "slot.name.*n'est pas debezium$run" '{"name":"x","config":{"topic.prefix":"p","slot.name":"autre"}}' "$mine"
check '. of which debezium is the name by default' refused "slot.name.*n'est pas debezium$run" '{"topic.prefix":"p"}' "$mine"
check '. and offsets that do not say whose' refused 'ne dit pas de quel connecteur' "{\"topic.prefix\":\"p\",\"slot.name\":\"debezium$run\"}" \
    "{\"lsn_commit\":$commit,\"lsn\":$lsn,\"txId\":$xid}"
check '. no configuration is a connector of nobody' refused 'aucune propriété' '{}' "$mine"
check '. no offsets are of nobody' of_connector "{\"slot.name\":\"debezium$run\"}" '{"offsets":[]}'
check '. where the refused ones left nothing, these are kept' [ -e "$work/s$run/state" ]
check 'offsets of the connector' of_connector "{\"name\":\"x\",\"config\":{\"topic.prefix\":\"p\",\"slot.name\":\"debezium$run\",\"database.password\":\"secret\"}}" "$mine"
check '. are taken over' publishes 8 9 10 11 12

setup
read -r commit lsn xid < <(offset 8)
check 'a slot that was never advanced' takeover "{\"lsn_commit\":$commit,\"lsn\":$lsn,\"txId\":$xid}"
check '. is read from behind what was published' publishes 8 9 10 11 12
setup
check 'a heartbeat came last' takeover "{\"lsn_commit\":$(tail -n 1 "$work/seen" | cut -d'|' -f1),\"lsn\":$(tail -n 1 "$work/seen" | cut -d'|' -f1),\"txId\":$xid}"
check '. nothing is left' publishes
setup
check 'nothing was published' takeover '{"offsets":[]}'
check '. all is' publishes 1 2 3 4 5 6 7 8 9 10 11 12

setup
refused() { exits 78 takeover "$1" && [ ! -e "$work/s$run/state" ]; } # JSON
check 'what it takes is told' exits 78 "$relais" slot takeover "$ini"
check 'no such file' exits 78 "$relais" slot takeover "$ini" --offsets "$work/none"
check 'no JSON' exits 65 takeover 'bonjour'
check 'another JSON' refused '{"error_code":404,"message":"Connector NOM not found"}'
check 'no object' refused '[1]'
check 'offsets of another kind of connector' refused '{"offsets":[{"partition":{"file":"a"},"offset":{"position":1}}]}'
check 'offsets of two' refused "{\"offsets\":[{\"offset\":{\"lsn\":1}},{\"offset\":{\"lsn\":1}}]}"
check 'a text for a position' refused '{"lsn":"1"}'
check 'a first loading that goes on' refused '{"lsn":1,"txId":1,"snapshot":"INITIAL","last_snapshot_record":false}'
check 'a position that this server has not' refused '{"lsn":9000000000000,"lsn_commit":9000000000000,"txId":1}'
check 'a loading that has ended' takeover '{"lsn":1,"txId":1,"snapshot":"INITIAL","snapshot_completed":true}'
start reader "$relais" source "$ini"
wait_for 20 sh -c '[ "$(psql -X -At "$1" -c "SELECT active FROM pg_replication_slots WHERE slot_name = \$\$debezium'$run'\$\$")" = t ]' - "$pg_url"
check 'a slot that is read' exits 78 takeover '{"lsn":1,"txId":1}'
halt reader

# of one COPY a row of another kind was published, which this source does not give
pg sql "COPY (SELECT id, CASE id::uuid WHEN lpad('13', 32, '0')::uuid THEN 'autre' ELSE kind END, dossier, type, payload FROM (VALUES $(rows 13 15)) v(id, kind, dossier, type, payload)) TO STDOUT" >"$work/copy"
{ echo 'COPY outbox FROM STDIN;'; cat "$work/copy"; echo '\.'; } | "${one[@]}"
read -r lsn xid < <(pg sql "SELECT lsn - '0/0', xid FROM pg_logical_slot_peek_binary_changes('origin', NULL, NULL, 'proto_version', '1',
  'publication_names', 'dbz_publication') WHERE chr(get_byte(data, 0)) = 'I'" | tail -n 1 | tr '|' ' ')
setup
echo 'aggregatetype = paiement' >>"$ini"
check 'Debezium stopped after a row of another kind' takeover "{\"lsn_commit\":$(tail -n 1 "$work/seen" | cut -d'|' -f1),\"lsn\":$lsn,\"txId\":$xid}"
check '. none of ours is lost' publishes 14 15

# a server that lost what Debezium had published: what is written there instead is not passed over
row() { "${one[@]}" <<<"$(insert "$1" "$1")"; }
end() { pg sql "SELECT pg_current_wal_flush_lsn() - '0/0'"; }
confirm() { pg sql "SELECT pg_replication_slot_advance('debezium$run', pg_current_wal_flush_lsn())" >/dev/null; }
setup; confirm
pg stop; pg clone sauvegarde; pg start
pg sql 'INSERT INTO autre SELECT generate_series(1000, 3000)'; row 20
at=$(end)
check 'Debezium published what a backup has not' takeover "{\"lsn_commit\":$at,\"lsn\":$at,\"txId\":1}"
pg stop; pg restore sauvegarde; pg start
row 21
check '. that is put back: it is told' exits 78 "$relais" source "$ini" --once
check '. and what to do' grep -q 'code=SLOT_ORIGIN.*backup' "$work/exits.out"

setup; confirm
row 22; before=$(end)
pg stop; touch "$(cat "$work/pg/at" 2>/dev/null || echo "$work/pg")/data/standby.signal"; pg start; PG_NODE=data pg promote
row 23; at=$(end)
check 'a standby took over since: which of them published it, no offset says' exits 78 takeover "{\"lsn_commit\":$at,\"lsn\":$at,\"txId\":1}"
check '. what to do is said' grep -q 'serveur de secours.*sans takeover' "$work/exits.out"
check '. before that it is known' takeover "{\"lsn_commit\":$before,\"lsn\":$before,\"txId\":1}"
check '. the rest is published' publishes 23
setup; confirm
row 24; at=$(end); row 25
check 'the slot was told of more than the standby had' takeover "{\"lsn_commit\":$at,\"lsn\":$at,\"txId\":1}"
check '. the rest is published too' publishes 25
