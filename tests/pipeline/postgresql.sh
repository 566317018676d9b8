#!/bin/bash
# timeout: 300
# The page docs/POSTGRESQL.md, with the roles that it gives and nothing more: an outbox to
# a topic, the topic to tables.
. tests/lib.sh
broker && pg_up || exit 1
as() { echo "$pg_url" | sed "s/user=postgres/user=$1/"; }
# the SQL blocks of the page, by a word in them
block() { awk -v word="$1" '/^```sql/ {on = 1; text = ""; next} /^```/ {if (on && index(text, word)) print text; on = 0} on {text = text $0 "\n"}' docs/POSTGRESQL.md; }
block 'CREATE TABLE outbox' >"$work/outbox.sql"
block 'CREATE ROLE relais_source' | sed "s/'…'/'x'/" >"$work/source_role.sql"
block 'CREATE ROLE relais_puits' | sed "s/'…'/'x'/; s/DATABASE suivi/DATABASE postgres/" >"$work/sink_role.sql"
block 'INSERT INTO outbox' | sed '/^UPDATE/d' >"$work/insert.sql"
check 'the role of the page is made' pg sql "$(cat "$work/source_role.sql")"
check 'its outbox too' pg sql "$(cat "$work/outbox.sql")"
pg sql 'CREATE ROLE relais_nu LOGIN'
conf "$work/s/relais.ini" <<-END
[connector]
name = source_postgres_outbox
schema = EvenementPaiement
publication = relais_dep93_ase
dsn = $(as relais_source)
END
check 'doctor says that the slot is to be made' exits 1 "$relais" doctor "$work/s/relais.ini"
check 'and how' grep -q 'relais slot create' "$work/exits.out"
check 'slot create, as this role' "$relais" slot create "$work/s/relais.ini"
check 'what the application writes' pg sql "$(cat "$work/insert.sql")"
check 'is published' "$relais" source "$work/s/relais.ini" --once
read_topics "$work/topic.jsonl" payments.v1
check 'once, with its amount' [ "$(grep -c '"montant_centimes":51230' "$work/topic.jsonl")" = 1 ]
row=6f0c9b64-0c5e-4c0a-9d3e-6a1b2c3d4e5f
pg sql "INSERT INTO outbox VALUES ('$row', 'paiement', '01200202093', 'EMIS', '{}')"
check 'a row that is no payment is parked' "$relais" source "$work/s/relais.ini" --once
check 'the list names it' sh -c '"$1" dlq list -c "$2" | grep -q " ligne=$3 .*FIELD_MISSING"' - "$relais" "$work/s/relais.ini" $row
check 'doctor finds slot, publication and WAL in order' sh -c '"$1" doctor "$2" | grep -Ec "^ok +(slot|publication|WAL retenu|wal_level|rôle) " | grep -qx 5' - "$relais" "$work/s/relais.ini"
# doctor refuses what the source refuses: TEXT PATTERN [OPTION...], of the configuration $ini
wrong_says() {
	local text=$1 pattern=$2; shift 2
	check "$text" env pattern="$pattern" sh -c '"$@" >"$0"; [ $? = 1 ] && grep -q "$pattern" "$0" || { cat "$0"; exit 1; }' \
	    "$work/doctor.out" "$relais" doctor "$ini" "$@"
}
ini=$work/s/relais.ini
check 'doctor says which messages are published' sh -c '"$1" doctor "$2" | grep -q "^ok *messages *EvenementPaiement$"' - "$relais" "$ini"
wrong_says 'an outbox without schema and routes' '^!! *messages .*schema or routes' -X connector.schema=
wrong_says 'an unknown contract, and those there are' "^!! *messages .*'EvenementPaiment'" -X connector.schema=EvenementPaiment
check 'are said' grep -q 'à faire : .*EvenementDroit, .*EvenementPaiement' "$work/doctor.out"
wrong_says 'a route without a contract' '^!! *messages .*connector.routes' -X connector.routes=paiement
wrong_says 'a route to an unknown contract' "^!! *messages .*'EvenementX'" -X connector.routes=paiement=EvenementX
wrong_says 'a column for a field that no message has' '^!! *colonnes .*entete.survenu$' -X connector.columns=type=entete.survenu
check 'but for traceparent' sh -c '"$@" >"$0"; grep -q "^ok *colonnes" "$0"' "$work/doctor.out" "$relais" doctor "$ini" -X connector.columns=type=traceparent,id=entete.survenu_le
check 'slot status shows nothing wrong' "$relais" slot status "$work/s/relais.ini"
end=$(pg sql 'SELECT pg_current_wal_insert_lsn() + 4096')
pg sql 'CREATE TABLE autre AS SELECT generate_series(1, 1000)'
check 'slot advance does not give up what Kafka lacks' exits 78 "$relais" slot advance "$work/s/relais.ini" --vers "$end"
check 'but for --force' "$relais" slot advance "$work/s/relais.ini" --vers "$end" --force
slot2() { "$relais" slot "$@" -X connector.slot=autre -X connector.publication=autre -X connector.table=public.autre; }
slot2 create "$work/s/relais.ini" >"$work/create.out" 2>&1
check 'without a publication slot create says the SQL' grep -q 'CREATE PUBLICATION "autre" FOR TABLE "public"."autre"' "$work/create.out"
check 'and makes no slot' [ "$(pg sql "SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'autre'")" = 0 ]
check '--publication makes it, as the owner' slot2 create "$work/s/relais.ini" --publication -X connector.dsn="$pg_url"
check 'slot status finds the table' slot2 status "$work/s/relais.ini"
check 'a role without REPLICATION is told the SQL' sh -c '"$@" 2>&1 | grep -q "ALTER ROLE .* REPLICATION"' - \
    "$relais" slot create "$work/s/relais.ini" -X connector.dsn="$(as relais_nu)" -X connector.slot=nu
check 'slot drop wants to be told twice' exits 78 slot2 drop "$work/s/relais.ini"
check 'slot drop' slot2 drop "$work/s/relais.ini" --oui

# the embedded broker keeps a member that left until its session ends
once=(--once -X kafka.session.timeout.ms=6000)
conf "$work/k/relais.ini" <<-END
[sink]
topics = payments
[connector]
name = sink_postgres
dsn = $(as relais_puits)
END
"$relais" sink ddl "$work/k/relais.ini" --historique >"$work/tables.sql"
check 'the tables of the sink' pg sql "$(cat "$work/tables.sql")"
check 'its role' pg sql "$(cat "$work/sink_role.sql")"
check 'doctor finds the tables' sh -c '"$1" doctor "$2" | grep -q "^ok *table *evenement_paiement : "' - "$relais" "$work/k/relais.ini"
ini=$work/k/relais.ini
wrong_says 'a password that is not there, by its name' "^!! *password_file *$work/k/nope.pw : " -X connector.password_file="$work/k/nope.pw"
: >"$work/k/open.pw"
wrong_says 'one that others can read' "^!! *password_file *$work/k/open.pw : " -X connector.password_file="$work/k/open.pw"
wrong_says 'a mapping that is not there' "^!! *mapping *$work/k/nope.json : " -X connector.mapping="$work/k/nope.json"
check 'nothing is called complete where nothing is announced' sh -c 'grep -q "^? *complétude .*ajouter control" "$1" && ! grep -q "^ok *complétude" "$1"' - "$work/doctor.out"
"$relais" doctor "$ini" -X sink.topics=payments,control >"$work/doctor.out"
check 'nor where nothing was announced yet' grep -q "^? *complétude *rien n'a encore été annoncé" "$work/doctor.out"
check 'the sink writes with its rights only' "$relais" sink "$work/k/relais.ini" "${once[@]}"
check 'no column of relais sink ddl is refused' "$relais" sink "$work/k/relais.ini" "${once[@]}" -X sink.topics=eligibility,placements,payments
same_count() { [ "$(pg sql "SELECT count(*) FROM $1.evenement_paiement")" = "$(pg sql "SELECT count(*) FROM $2.evenement_paiement")" ]; }
odd=(-X 'connector.sql_schema=Métier "A"' -X connector.dsn="$pg_url")
"$relais" sink ddl "$work/k/relais.ini" "${odd[@]}" >"$work/odd.sql"
check 'a schema whose name needs quotes is made' psql -X -q -v ON_ERROR_STOP=1 "$pg_url" -f "$work/odd.sql"
check '. and written to' "$relais" sink "$work/k/relais.ini" "${once[@]}" "${odd[@]}" -X sink.group=odd
check '. all of it' same_count '"Métier ""A"""' relais
check 'one that the server would cut is not' exits 78 "$relais" sink ddl "$work/k/relais.ini" -X "connector.sql_schema=$(printf 'é%.0s' {1..32})"
wrong() { pg sql "ALTER TABLE relais.evenement_indu ALTER mois TYPE $1 USING NULL"; }
wrong integer
check 'a column of a wrong type stops it at start' exits 78 "$relais" sink "$work/k/relais.ini" "${once[@]}"
check 'it is named, with both types' grep -q 'where=evenement_indu.mois .*int4.*date' "$work/exits.out"
check 'doctor names it too' sh -c '"$1" doctor "$2" | grep -q "^!! .*evenement_indu.mois"' - "$relais" "$work/k/relais.ini"
wrong date
check 'the payment is there' [ "$(pg sql 'SELECT montant_centimes FROM relais.evenement_paiement')" = 51230 ]
pg sql 'INSERT INTO relais.relais_controles (depot, jour, sujet, fait, nombre, centimes, constate_le, sequence)
    SELECT depot, jour, sujet, fait, count(*), sum(centimes), now(), 1 FROM relais.relais_recus GROUP BY depot, jour, sujet, fait'
"$relais" doctor "$ini" -X sink.topics=payments,control >"$work/doctor.out"
check 'what was announced is written' grep -q '^ok *complétude' "$work/doctor.out"
check 'again, and it is there once' "$relais" sink "$work/k/relais.ini" "${once[@]}"
check 'in the history too' [ "$(pg sql 'SELECT count(*) FROM relais.evenement_paiement_historique')" = 1 ]
pg sql 'DROP TABLE relais.evenement_paiement CASCADE' >/dev/null
pg sql 'UPDATE relais.relais_positions SET suivant = -1' >/dev/null
check 'without its table it says which command makes it' exits 78 "$relais" sink "$work/k/relais.ini" "${once[@]}"
check 'and names it' grep -q 'evenement_paiement.*relais sink ddl' "$work/exits.out"

# the page's mapping, into a table of an application's own
block 'CREATE TABLE versements' >"$work/versements.sql"
awk '/^```json/ {on = 1; next} /^```/ {on = 0} on' docs/POSTGRESQL.md >"$work/versements.json"
pg sql "$(cat "$work/versements.sql")"
conf "$work/v/relais.ini" <<-END
[sink]
topics = payments
group = relais.dep93.versements
[connector]
name = sink_postgres
mapping = ../versements.json
dsn = $(as relais_puits)
END
check 'the sink wants our own tables' exits 78 "$relais" sink "$work/v/relais.ini" "${once[@]}"
check 'and says which command makes them' grep -q 'relais_objets.*relais sink ddl' "$work/exits.out"
check 'doctor too' sh -c '"$1" doctor "$2" | grep -q "^!! *correspondance .*relais_objets"' - "$relais" "$work/v/relais.ini"
"$relais" sink ddl "$work/v/relais.ini" --famille payments | sed -n '/relais_objets/,/^CREATE INDEX/p' >"$work/ours.sql"
pg sql "$(cat "$work/ours.sql")"
pg sql 'GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA relais TO relais_puits'
pg sql "INSERT INTO versements (reference, dossier, commentaire) VALUES ('b1f0a8d2-6c3e-8a47-8b15-3d9e7f204c01', 'saisi', 'à voir')"
check 'the mapping of the page is written' "$relais" sink "$work/v/relais.ini" "${once[@]}"
check 'the row is found, the application has its columns' \
    [ "$(pg sql "SELECT concat_ws(' ', dossier, mois, montant, etat, relance, commentaire) FROM versements")" = 'saisi 2026-01-01 512.30 payé f à voir' ]
check 'another sink with a mapping in the same schema is refused' exits 78 "$relais" sink "$work/v/relais.ini" "${once[@]}" -X sink.group=autre
check 'and says why' grep -q 'of the sink relais.dep93.versements: .*schema of its own' "$work/exits.out"
check 'doctor finds it in order' sh -c '"$1" doctor "$2" | grep -q "^ok *correspondance *EvenementPaiement : 1 tables"' - "$relais" "$work/v/relais.ini"

# tables as a source: what its start, or every object it reads, would stumble over
webrsa "$work/t" 1 2
webrsa_full
ini=$work/t/relais.ini
check 'doctor reads an object by the example mapping, whose fields are the contract’s' \
    sh -c '"$1" doctor "$2" >"$0"; grep -q "^ok *correspondance *14 tables" "$0" && grep -q "^ok *lecture *un objet lu" "$0" || { cat "$0"; exit 1; }' "$work/doctor.out" "$relais" "$ini"
sed 's/"etat": {"\$column"/"etatt": {"$column"/' docs/exemples/webrsa-source.json >"$work/etatt.json"
wrong_says 'an unknown field of a mapping' '^!! *correspondance .*no such field in the message: etatt' -X connector.mapping="$work/etatt.json"
sed 's/"debut": "suspensionsdroits/"debutt": "suspensionsdroits/' docs/exemples/webrsa-source.json >"$work/debutt.json"
wrong_says 'one within a list' '^!! *correspondance .*suspensions.debutt' -X connector.mapping="$work/debutt.json"
wrong_says 'states of a contract that takes facts only' '^!! *correspondance .*facts only' -X connector.schema=EvenementPaiement
pg sql "GRANT SELECT ON ${webrsa_tables// /, } TO relais_source; REVOKE SELECT ON foyers FROM relais_source"
wrong_says 'a table that may not be read' '^!! *lecture .*foyers' -X connector.dsn="$(as relais_source)"
check 'and which right is missing' grep -q 'à faire : GRANT SELECT' "$work/doctor.out"
