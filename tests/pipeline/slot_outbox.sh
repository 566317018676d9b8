#!/bin/bash
# timeout: 200
# A lost slot of an outbox: the source stops and says so, and the SQL that `relais slot
# resnapshot` says gives the rows again that are still there, once, in their order.
. tests/lib.sh
broker && pg_up || exit 1
outbox "$work/o" 2>>"$work/outbox.err" # the embedded broker has made the topics
ini=$work/o/relais.ini
pg sql "ALTER TABLE outbox ADD libelle text GENERATED ALWAYS AS (type || '!') STORED, ADD rang int GENERATED ALWAYS AS IDENTITY"
pay() { # FROM TO: payments of one case, as an application says them
	pg sql "INSERT INTO outbox SELECT lpad(i::text, 32, '0')::uuid, 'paiement', '00000001093', 'EMIS',
	  jsonb_build_object('paiement', ('1' || lpad(i::text, 31, '0'))::uuid, 'prestation', 'RSA', 'fait', 'EMIS', 'etat', 'EMIS',
	  'mois', '2026-01-01', 'montant_centimes', 100 + i, 'sens', 'AJOUT', 'destinataire', 'ALLOCATAIRE',
	  'entete', jsonb_build_object('survenu_le', '2026-01-05')) FROM generate_series($1, $2) i"
}
# topic_is N...: amounts in the order of the sequences
topic_is() {
	read_topics "$work/topic.jsonl" payments.v1
	python3 - "$work/topic.jsonl" "$@" <<-'END'
	import json, sys
	values = sorted((json.loads(l)["value"] for l in open(sys.argv[1])), key=lambda v: v["entete"]["sequence"])
	got = [str(v["montant_centimes"] - 100) for v in values]
	assert got == sys.argv[2:], got
	assert len({v["entete"]["id"] for v in values}) == len(values)
	assert [v["entete"]["sequence"] for v in values] == list(range(1, len(values) + 1))
	END
}
lost() {
	pg sql "CREATE TABLE plein AS SELECT repeat('x', 1000) FROM generate_series(1, 2000)"
	pg sql 'DROP TABLE plein'; pg sql 'SELECT pg_switch_wal()'; pg sql CHECKPOINT
	[ "$(pg sql 'SELECT wal_status FROM pg_replication_slots')" = lost ]
}
tells() { # WORD...: the source ends with 78 and these words
	local word
	exits 78 "$relais" source "$ini" --once || return 1
	for word; do grep -q -- "$word" "$work/exits.out" || { cat "$work/exits.out"; return 1; }; done
}

check 'the slot is made' "$relais" slot create "$ini"
pay 1 3
check 'rows are published' source_once "$work/o"
check 'all of them' topic_is 1 2 3
pay 4 6
pg sql "ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'"; pg sql 'SELECT pg_reload_conf()' >/dev/null
check 'more WAL than max_slot_wal_keep_size' wait_for 60 lost
check 'the source says what is missing and how to go on' tells 'code=SLOT_LOST' 'missing' 'drop FILE.ini --oui' 'resnapshot'
pg sql 'ALTER SYSTEM RESET max_slot_wal_keep_size'; pg sql 'SELECT pg_reload_conf()' >/dev/null
check 'drop' "$relais" slot drop "$ini" --oui
check 'create' "$relais" slot create "$ini"
check 'without a condition the SQL cannot be run by mistake' sh -c '! "$1" slot resnapshot "$2" | psql -X -q -v ON_ERROR_STOP=1 "$3" 2>/dev/null' - "$relais" "$ini" "$pg_url"
"$relais" slot resnapshot "$ini" --depuis "id > '00000000-0000-0000-0000-000000000003'" >"$work/again.sql"
check 'with one it is run as it is said' psql -X -q -v ON_ERROR_STOP=1 "$pg_url" -f "$work/again.sql"
pay 7 7
check 'the source goes on' source_once "$work/o"
check 'nothing is missing, nothing is there twice, in order' topic_is 1 2 3 4 5 6 7
[ "$(pg sql 'SELECT count(*) FROM outbox')" = 7 ] && ok 'the table has its rows' || not_ok 'the table has its rows'
