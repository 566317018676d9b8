#!/bin/bash
# timeout: 200
# A lost slot of an outbox: the source stops and says so, and the SQL that `relais slot
# resnapshot` prints gives the rows again that are still there, once, in their order; it
# refuses where an older state would pass for a newer one.
. tests/lib.sh
broker && pg_up || exit 1
outbox "$work/o" 2>>"$work/outbox.err" # the embedded broker has made the topics
ini=$work/o/relais.ini
pg sql "ALTER TABLE outbox ADD libelle text GENERATED ALWAYS AS (type || '!') STORED, ADD rang int GENERATED ALWAYS AS IDENTITY"
pay() { # FROM TO: states of one payment, as an application says them; the amount tells which
	pg sql "INSERT INTO outbox SELECT lpad(i::text, 32, '0')::uuid, 'paiement', '00000001093', 'EMIS',
	  jsonb_build_object('paiement', '10000000-0000-0000-0000-000000000001', 'prestation', 'RSA', 'fait', 'EMIS', 'etat', 'EMIS',
	  'mois', '2026-01-01', 'montant_centimes', 100 + i, 'sens', 'AJOUT', 'destinataire', 'ALLOCATAIRE',
	  'entete', jsonb_build_object('survenu_le', '2026-01-05')) FROM generate_series($1, $2) i"
}
# topic_is N...: amounts in the order of the states (constate_le, sequence)
topic_is() {
	read_topics "$work/topic.jsonl" payments.v1
	python3 - "$work/topic.jsonl" "$@" <<-'END'
	import json, sys
	values = sorted((json.loads(l)["value"] for l in open(sys.argv[1])), key=lambda v: (v["entete"]["constate_le"], v["entete"]["sequence"]))
	got = [str(v["montant_centimes"] - 100) for v in values]
	assert got == sys.argv[2:], got
	assert len({v["entete"]["id"] for v in values}) == len(values)
	assert [v["entete"]["sequence"] for v in values] == list(range(1, len(values) + 1))
	END
}
lost() {
	pg sql "CREATE TABLE plein AS SELECT repeat('x', 1000) FROM generate_series(1, 2000)"
	pg sql 'DROP TABLE plein'; pg sql 'SELECT pg_switch_wal()'; pg sql CHECKPOINT
	[ "$(pg sql 'SELECT wal_status FROM pg_replication_slots WHERE slot_name LIKE $$relais%$$')" = lost ]
}
tells() { # WORD...: the source ends with 78 and these words
	local word
	exits 78 "$relais" source "$ini" --once || return 1
	for word; do grep -q -- "$word" "$work/exits.out" || { cat "$work/exits.out"; return 1; }; done
}
new_slot() { "$relais" slot drop "$ini" --oui && "$relais" slot create "$ini"; }
owner() { [ -s "$work/again.sql" ] && psql -X -q -v ON_ERROR_STOP=1 "$pg_url" -f "$work/again.sql"; }
refused() { # WORD: the owner's SQL changes nothing
	local before; before=$(pg sql "SELECT string_agg(xmin::text, ' ' ORDER BY id) FROM outbox")
	! owner >"$work/owner.out" 2>&1 || return 1
	grep -q "$1" "$work/owner.out" || { cat "$work/owner.out"; return 1; }
	[ "$(pg sql "SELECT string_agg(xmin::text, ' ' ORDER BY id) FROM outbox")" = "$before" ]
}
again() { "$relais" slot resnapshot "$ini" "$@" >"$work/again.sql"; }
missing=(--depuis "id > '00000000-0000-0000-0000-000000000003' -- what was not read" --ordre 'rang -- as written')

check 'the slot is made' "$relais" slot create "$ini"
pay 101 400
pg sql 'DELETE FROM outbox' # their room is taken by rows that come later
pay 1 3
check 'rows are published' source_once "$work/o"
pg sql 'VACUUM outbox'
pay 4 6
pg sql "ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'"; pg sql 'SELECT pg_reload_conf()' >/dev/null
check 'more WAL than max_slot_wal_keep_size' wait_for 60 lost
check 'the source says what is missing and how to go on' tells 'code=SLOT_LOST' 'missing' 'drop FILE.ini --oui' 'resnapshot'
pg sql 'ALTER SYSTEM RESET max_slot_wal_keep_size'; pg sql 'SELECT pg_reload_conf()' >/dev/null
pg sql "SELECT pg_create_logical_replication_slot('retard', 'pgoutput')" >/dev/null # of another use, and behind
check 'the lost slot itself: first a new one' exits 78 "$relais" slot resnapshot "$ini" "${missing[@]}"
check 'drop and create' new_slot
again; check 'without condition and order the SQL cannot be run by mistake' refused 'does not exist'
again "${missing[@]}"
pay 7 7
check 'a row that the slot gives itself would pass for older: refused' refused 'depuis que le slot est fait'
check 'drop and create, the application stopped' new_slot
again "${missing[@]}"
[ "$(pg sql "SELECT string_agg(rang::text, ' ' ORDER BY ctid) FROM outbox")" != "$(pg sql "SELECT string_agg(rang::text, ' ' ORDER BY rang) FROM outbox")" ] &&
    ok 'rows do not lie in the order they were written in' || not_ok 'rows lie in the order they were written in'
check 'it is run as it is printed' owner
pay 8 8
check 'the source goes on' source_once "$work/o"
check 'nothing is missing or there twice, the newest state is the newest' topic_is $(seq 101 400) 1 2 3 4 5 6 7 8
[ "$(pg sql 'SELECT count(*) FROM outbox')" = 8 ] && ok 'the table has its rows' || not_ok 'the table has its rows'
check 'once the source has read it is too late' exits 78 "$relais" slot resnapshot "$ini" "${missing[@]}"
