#!/bin/bash
# timeout: 240
# What a source and a sink parked is listed without a value, shown closed, and what the sink
# refused is given to it once more when the cause is gone, once and in order.
. tests/lib.sh
broker && pg_up || exit 1
conf "$work/pub/relais.ini" </dev/null
quick=(-X kafka.session.timeout.ms=6000 -X kafka.heartbeat.interval.ms=500)
base "$work/k" payments </dev/null
ini=$work/k/relais.ini
dlq() { "$relais" dlq "$@" -c "$ini" "${quick[@]}"; }
sink() { "$relais" sink "$ini" --once "${quick[@]}" "$@" 2>>"$work/sink.err"; }
amounts() { pg sql "SELECT coalesce(string_agg(montant_centimes::text, ' ' ORDER BY montant_centimes), '') FROM relais.evenement_paiement"; }
"$relais" sink ddl "$ini" --famille payments >"$work/ddl.sql"
pg sql "$(cat "$work/ddl.sql")" >/dev/null
check 'nothing is parked: nothing is listed' sh -c '[ -z "$("$@")" ]' - "$relais" dlq list -c "$ini"

pg sql 'ALTER TABLE relais.evenement_paiement ADD CONSTRAINT pair CHECK (montant_centimes NOT IN (7552, 7553))' >/dev/null
"$relais" publish EvenementPaiement -c "$work/pub/relais.ini" <tests/demo/6-paiements.json 2>>"$work/publish.err"
sed 's/"sens":"AJOUT"/"sens":"AILLEURS"/; s/paiement":"b1/paiement":"d1/; q' tests/demo/6-paiements.json |
    "$relais" publish EvenementPaiement -c "$work/pub/relais.ini" 2>>"$work/publish.err" || :
check 'the sink writes what it can' sink
[ "$(amounts)" = 15105 ] && ok 'two payments are refused' || not_ok "there are $(amounts)"
check 'another sink is refused them too' sink -X sink.group=fichiers

dlq list >"$work/list.txt" 2>"$work/list.err"
[ "$(grep -c ' puits dep93.payments.v1:' "$work/list.txt")" = 2 ] && ok 'the list has both' || not_ok 'the list has both'
[ "$(grep -c ' source depot=' "$work/list.txt")" = 1 ] && ok 'and what the source parked' || not_ok 'and what the source parked'
[ "$(grep -c ' attend puits ' "$work/list.txt")" = 2 ] && ok 'both wait' || not_ok 'both wait'
check 'each says why' sh -c '[ "$(grep -c "PG_ROW\|FIELD" "$1")" = 3 ]' - "$work/list.txt"
check 'no value is in the list' sh -c '! grep -q "7552\|7553\|BELVAUQUIER\|AILLEURS" "$1"' - "$work/list.txt"
name=$(awk '/ puits / {print $1; exit}' "$work/list.txt")
check 'one is shown as JSON' sh -c '"$@" | python3 -c "import json, sys; e = json.load(sys.stdin); assert e[\"value\"][\"paiement\"]"' - "$relais" dlq show "$name" -c "$ini"
check 'one that is not there is an error' exits 78 "$relais" dlq show dep93.payments.v1.dlq:0:999 -c "$ini"

check 'given again while the cause is there, it ends with 65' exits 65 dlq reinject
check 'it names what is refused' grep -q 'PG_ROW' "$work/exits.out"
[ "$(amounts)" = 15105 ] && ok 'nothing was written' || not_ok "there are $(amounts)"
pg sql 'ALTER TABLE relais.evenement_paiement DROP CONSTRAINT pair, ADD CONSTRAINT pair CHECK (montant_centimes <> 7552)' >/dev/null
check 'with --passer the rest goes on' exits 0 dlq reinject --passer
[ "$(amounts)" = '7553 15105' ] && ok 'the one that may be written is there' || not_ok "there are $(amounts)"
dlq list >"$work/list.txt" 2>>"$work/list.err"
[ "$(grep -c ' redonné puits ' "$work/list.txt")" = 2 ] && ok 'the list says that both were given again' || not_ok 'the list says that both were given again'
dlq list --attend >"$work/list.txt" 2>>"$work/list.err"
check 'what waits is what the source parked, and what was refused again' sh -c '[ "$(wc -l <"$1")" = 2 ] && grep -q " source depot=" "$1" && grep -q " attend puits dep93.payments.v1:" "$1"' - "$work/list.txt"
pg sql 'ALTER TABLE relais.evenement_paiement DROP CONSTRAINT pair; UPDATE relais.relais_positions SET suivant = -1, dernier_ms = NULL WHERE groupe LIKE '"'%.reprise'" >/dev/null
dlq list --attend >"$work/list.txt" 2>>"$work/list.err"
[ "$(grep -c ' attend puits ' "$work/list.txt")" = 3 ] && ok 'after a backup was put back all wait again' || not_ok 'all wait again'
epoch=$(pg sql 'SELECT sum(epoque) FROM relais.relais_positions')
dlq list >/dev/null 2>>"$work/list.err"
[ "$(pg sql 'SELECT sum(epoque) FROM relais.relais_positions')" = "$epoch" ] && ok 'who looks takes nothing over' || not_ok 'who looks takes nothing over'
check 'from the beginning once more' exits 0 dlq reinject
[ "$(amounts)" = '7552 7553 15105' ] && ok 'everything is there, once' || not_ok "there are $(amounts)"
before=$(pg sql "SELECT string_agg(xmin::text, ' ' ORDER BY paiement) FROM relais.evenement_paiement")
check 'again: nothing to do' exits 0 dlq reinject
[ "$(pg sql "SELECT string_agg(xmin::text, ' ' ORDER BY paiement) FROM relais.evenement_paiement")" = "$before" ] &&
    ok 'no row was touched' || not_ok 'rows were touched'
pg stop
dlq list >"$work/list.txt" 2>>"$work/list.err"
[ "$(grep -c ' ? puits ' "$work/list.txt")" = 3 ] && ok 'without the database the list is there, its state is not known' || not_ok 'without the database the list is there'
conf "$work/f/relais.ini" <<-END
[sink]
topics = payments
group = fichiers
[connector]
name = sink_file
file = $work/events.jsonl
END
ini=$work/f/relais.ini
dlq list --tous >"$work/list.txt" 2>>"$work/list.err"
[ "$(grep -c ' autre puits dep93.payments.v1:.* groupe=relais.dep93.essai ' "$work/list.txt")" = 3 ] && ok 'another sink sees with --tous what is not its own, and whose it is' || not_ok 'another sink sees what is not its own'
dlq list >"$work/list.txt" 2>"$work/others.err"
check 'else it is only told how many there are' sh -c '[ "$(wc -l <"$1")" = 3 ] && ! grep -q essai "$1" && grep -q "et 3 .*--tous" "$2"' - "$work/list.txt" "$work/others.err"
[ "$(grep -c ' attend puits ' "$work/list.txt")" = 2 ] && ok 'for a sink whose positions Kafka keeps all of its own wait' || not_ok 'for a sink whose positions Kafka keeps all of its own wait'
check 'it is given them' exits 0 dlq reinject
dlq list >"$work/list.txt" 2>>"$work/list.err"
[ "$(grep -c ' redonné puits ' "$work/list.txt")" = 2 ] && ok 'the list says so, by its group' || not_ok 'the list says so, by its group'
check 'each event is in its file once' sh -c '[ "$(grep -c montant_centimes "$1")" = 2 ]' - "$work/events.jsonl"
conf "$work/src/relais.ini" <<-END
[connector]
name = source_json
schema = EvenementPaiement
END
check 'what a source parked is corrected at the source' exits 78 "$relais" dlq reinject -c "$work/src/relais.ini"
