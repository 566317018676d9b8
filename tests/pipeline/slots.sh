#!/bin/bash
# timeout: 400
# What can befall a slot: each time the source stops, says what is missing and the commands to
# go on, and these are run as they are said; then the topic says what the tables say.
. tests/lib.sh
broker && pg_up || exit 1
webrsa "$work/s" 1000 1049 && webrsa_full || exit 1
options=(-X connector.publication=relais_dep93_essai)
source_runs() { "$relais" source "$work/s/relais.ini" --once "${options[@]}" >>"$work/source.out" 2>>"$work/source.err"; }
slot() { local verb=$1; shift; "$relais" slot "$verb" "$work/s/relais.ini" "${options[@]}" "$@"; }
psql_="psql -X -q -At -v ON_ERROR_STOP=1"
amount=1000
# another amount for every dossier: what the source has not seen when it stops
change() { amount=$((amount + 7)); $psql_ "$pg_url" -c "UPDATE detailscalculsdroitsrsa SET mtrsavers = $amount + id"; }
level() {
	"$relais" subscribe "$territory.eligibility.v1" -b "$bootstrap" -r "$registry" --keys "$work/ring" --until-end >"$work/topic.jsonl" 2>>"$work/subscribe.err"
	$psql_ "$pg_url" -c "SELECT numdemrsa, (SELECT (sum(mtrsavers) * 100)::bigint FROM detailscalculsdroitsrsa c JOIN detailsdroitsrsa e ON e.id = detaildroitrsa_id WHERE e.dossier_id = d.id) FROM dossiers d WHERE EXISTS (SELECT FROM detailsdroitsrsa e JOIN detailscalculsdroitsrsa c ON e.id = detaildroitrsa_id WHERE e.dossier_id = d.id) ORDER BY numdemrsa COLLATE \"C\"" >"$work/want.txt"
	python3 - "$work/topic.jsonl" >"$work/got.txt" <<-'END'
	import json, sys
	newest = {}
	for line in open(sys.argv[1]):
	    v = json.loads(line)["value"]
	    rank = (v["entete"]["constate_le"], v["entete"]["sequence"])
	    if v["droit"] not in newest or rank > newest[v["droit"]][0]:
	        newest[v["droit"]] = (rank, v["numero_demande"], v["montant_mensuel_centimes"])
	for _, number, amount in sorted(newest.values(), key=lambda n: n[1]):
	    if amount is not None:
	        print(f"{number}|{amount}")
	END
	[ -s "$work/want.txt" ] && cmp "$work/want.txt" "$work/got.txt" && tests/events.py order "$work/topic.jsonl"
}
# stops CODE WORD...: the source ends with 78, this code and these words
stops() {
	local code=$1 word; shift
	exits 78 "$relais" source "$work/s/relais.ini" --once "${options[@]}" || return 1
	grep -q "code=$code" "$work/exits.out" || { cat "$work/exits.out"; return 1; }
	for word; do grep -q -- "$word" "$work/exits.out" || { echo "not said: $word"; cat "$work/exits.out"; return 1; }; done
	exits 78 slot status || return 1
}
goes_on() { source_runs && level; }

check 'without a slot the source says how to make it' stops SLOT_MISSING 'relais slot create'
check 'it is made' slot create
sed 's/{"$value": "RSA"}/{"$value": "RSB"}/' docs/exemples/webrsa-source.json >"$work/wrong.json"
right=("${options[@]}")
options+=(-X "connector.mapping=$work/wrong.json")
check 'with a wrong mapping' source_runs
check 'all is parked' grep -q 'parked=5[0-9] code=CODE_UNKNOWN where=prestation' "$work/source.err"
options=("${right[@]}")
slot resnapshot >"$work/again.txt"
check 'resnapshot' grep -q 'relus au prochain' "$work/again.txt"
check 'the topic is what the tables are' goes_on
for again in second third; do
	check "a $again time, on a server where nothing happened" slot resnapshot
	options+=(-X "connector.mapping=$work/wrong.json")
	parked=$(grep -c 'parked=5[0-9] code=CODE_UNKNOWN where=prestation' "$work/source.err")
	check 'all is read again' source_runs
	check 'and parked' [ "$(grep -c 'parked=5[0-9] code=CODE_UNKNOWN where=prestation' "$work/source.err")" -gt "$parked" ]
	options=("${right[@]}")
done
check 'resnapshot' slot resnapshot
check 'the topic is what the tables are' goes_on

change
check 'advance wants to be told twice' exits 78 slot advance --vers "$(pg sql 'SELECT pg_current_wal_flush_lsn()')"
slot advance --vers "$(pg sql 'SELECT pg_current_wal_flush_lsn()')" --force >"$work/advance.txt"
check 'beyond the end of the log is refused' exits 78 slot advance --vers FFFF/0 --force
check 'and says what is missing then, and how to go on' grep -q 'ne viendra pas ; relais slot resnapshot' "$work/advance.txt"
check 'resnapshot' slot resnapshot
check 'after that the topic is what the tables are' goes_on

change
pg sql "SELECT pg_drop_replication_slot('relais_dep93_essai')" >/dev/null
check 'a slot that was dropped is told, with what is missing' stops SLOT_MISSING 'missing' 'relais slot create' 'resnapshot'
$psql_ "$pg_url" -c "SELECT pg_create_physical_replication_slot('plein' || i) FROM generate_series((SELECT count(*) + 1 FROM pg_replication_slots), current_setting('max_replication_slots')::int) i" >/dev/null
check 'where the server has room for no other' exits 78 slot create
check 'it is said, with what to do' grep -q 'max_replication_slots = [0-9].*effacer' "$work/exits.out"
$psql_ "$pg_url" -c "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name LIKE 'plein%'" >/dev/null
start older $psql_ "$pg_url" -c 'SET application_name = older; BEGIN; SELECT txid_current(); SELECT pg_sleep(120)'
older() { $psql_ "$pg_url" -c "SELECT pid FROM pg_stat_activity WHERE application_name = 'older' AND backend_xid IS NOT NULL" | grep .; }
wait_for 10 older
pid=$(older)
check 'while a transaction that began before goes on' exits 75 slot create -X connector.statement_timeout_ms=5000
check 'it is said that it is waited for' grep -q "level=warn slot=relais_dep93_essai waits_for_pid=$pid since_s=[0-9]* " "$work/exits.out"
check 'and what to do, without its query' sh -c 'grep -q "pg_terminate_backend($1).*PG_DOWN" "$2" && ! grep -q "pg_sleep" "$2"' - "$pid" "$work/exits.out"
$psql_ "$pg_url" -c "SELECT pg_terminate_backend($pid)" >/dev/null
halt older
slot create >"$work/create.txt"
check 'create reads all again by itself' grep -q 'relus au prochain' "$work/create.txt"
check 'after that the topic is what the tables are' goes_on
check 'made twice it is refused' exits 78 slot create
check 'with what to do' grep -q 'existe déjà.*relais slot status' "$work/exits.out"

change
pg sql "ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'"; pg sql 'SELECT pg_reload_conf()' >/dev/null
lost() {
	pg sql "CREATE TABLE plein AS SELECT repeat('x', 1000) FROM generate_series(1, 2000)"
	pg sql 'DROP TABLE plein'; pg sql 'SELECT pg_switch_wal()'; pg sql CHECKPOINT
	[ "$(pg sql "SELECT wal_status FROM pg_replication_slots WHERE slot_name = 'relais_dep93_essai'")" = lost ]
}
check 'more WAL than max_slot_wal_keep_size' wait_for 60 lost
check 'a lost slot is told, with what is missing' stops SLOT_LOST 'missing' 'drop' '--oui' 'create' 'resnapshot'
pg sql 'ALTER SYSTEM RESET max_slot_wal_keep_size'; pg sql 'SELECT pg_reload_conf()' >/dev/null
check 'drop' slot drop --oui
check 'create' slot create
check 'resnapshot' slot resnapshot
check 'after that the topic is what the tables are' goes_on

start running "$relais" source "$work/s/relais.ini" "${options[@]}"
wait_for 20 grep -q started "$work/running.err"
pg sql 'ALTER PUBLICATION relais_dep93_essai DROP TABLE detailscalculsdroitsrsa'
change
check 'a publication that was changed under a source ends it' wait_for 90 sh -c '! kill -0 "$1"' - "${pids[running]}"
halt running
check 'with 78' [ "$status" = 78 ]
check 'and tells the SQL and that changes are missing' stops PUBLICATION 'missing' 'ALTER PUBLICATION .* ADD TABLE .*detailscalculsdroitsrsa' 'resnapshot'
pg sql "$(sed -n 's/.*\(ALTER PUBLICATION [^;]*ADD TABLE "public"."detailscalculsdroitsrsa"\).*/\1/p' "$work/exits.out" | head -n 1)"
check 'resnapshot' slot resnapshot
check 'after that the topic is what the tables are' goes_on

options+=(-X connector.slot=autre)
pg sql "SELECT pg_create_physical_replication_slot('autre')" >/dev/null
check 'a slot of another use is told' stops SLOT_FOREIGN 'another name'
check 'and not dropped' exits 78 slot drop --oui
check 'it is told whose it is' grep -q 'autre.* physical.* pas touché' "$work/exits.out"
options[3]=connector.slot=troisieme
check 'another name: create' slot create
check 'resnapshot' slot resnapshot
change
check 'after that the topic is what the tables are' goes_on

pg stop; pg clone sauvegarde; pg start
pg sql 'SELECT pg_switch_wal()' >/dev/null; change; pg sql 'SELECT pg_switch_wal()' >/dev/null # far ahead of it
change
check 'what comes after a backup is published' goes_on
pg stop; pg restore sauvegarde; pg start
check 'a backup put back is told' stops SLOT_ORIGIN 'backup' 'another name' 'relais slot create' 'resnapshot'
options[3]=connector.slot=quatrieme
check 'another name: create' slot create
check 'resnapshot' slot resnapshot
check 'after that the topic is what the tables are' goes_on
change
check 'what changes then is published too' goes_on
cp "$work/s/state/chargement.quatrieme" "$work/load"
sed -E 's/^(relais-chargement-1 [a-z]+) [0-9A-F]+/\1 FFFFFFFFFFF/' "$work/load" >"$work/s/state/chargement.quatrieme"
check 'a load beyond the log is told by resnapshot' exits 78 slot resnapshot
check 'with what to do' grep -q 'SLOT_ORIGIN\|revenu en arrière' "$work/exits.out"
check 'and by the source' exits 78 "$relais" source "$work/s/relais.ini" --once "${options[@]}"
check 'with what to do' grep -q 'code=SLOT_ORIGIN.*backup' "$work/exits.out"
cp "$work/load" "$work/s/state/chargement.quatrieme"
check 'as it was' goes_on

pg sql "SELECT pg_create_physical_replication_slot('secours', true)" >/dev/null
pg standby
standby_url=$(PG_NODE=standby pg url)
standby() { $psql_ "$standby_url" -c "$1"; }
reached() { [ "$(standby "SELECT pg_last_wal_replay_lsn() >= '$1'")" = t ]; }
moves_to_standby() { # once it has all; the first server is no more
	wait_for 30 reached "$(pg sql 'SELECT pg_current_wal_lsn()')"
	pg stop
	PG_NODE=standby pg promote || return 1
	pg_url=$standby_url
	options+=(-X "connector.dsn=$pg_url")
}
change
check 'what comes before a failover is published' goes_on
if [ "$(pg sql 'SHOW server_version_num')" -ge 170000 ]; then
	standby 'ALTER SYSTEM SET sync_replication_slots = on'
	standby 'ALTER SYSTEM SET hot_standby_feedback = on'
	standby "ALTER SYSTEM SET primary_slot_name = 'secours'"
	standby "ALTER SYSTEM SET primary_conninfo = '$pg_url'"
	standby 'SELECT pg_reload_conf()' >/dev/null
	synced() {
		pg sql "SELECT pg_log_standby_snapshot()" >/dev/null
		source_runs
		[ "$(standby "SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'quatrieme' AND synced AND NOT temporary")" = 1 ]
	}
	check 'from PostgreSQL 17 on the slot follows to a standby' wait_for 90 synced
	change
	check 'the source goes on meanwhile' goes_on
	change
	check 'the standby is promoted' moves_to_standby
	check 'it has the slot, and what was not read is read from it' goes_on
	change
	check 'and what comes then' goes_on
else
	check 'the standby is promoted' moves_to_standby
	change
	check 'a promoted standby without the slot is told' stops SLOT_MISSING 'promoted' 'relais slot create' 'resnapshot'
	check 'create' slot create
	check 'resnapshot' slot resnapshot
	check 'after that the topic is what the tables are' goes_on
fi
