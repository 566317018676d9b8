#!/bin/bash
# relais subscribe: --from, --group, --count, --until-end, --keys, --phrases.
. tests/lib.sh
broker || exit 1
conf "$work/pub/relais.ini" </dev/null
publish() { "$relais" publish "$1" -c "$work/pub/relais.ini" 2>>"$work/publish.err"; }
publish placements <tests/demo/5-mesure.json
publish EvenementPaiement <tests/demo/6-paiements.json
sub() { timeout 60 "$relais" subscribe "$@" -b "$bootstrap" -r "$registry" 2>>"$work/subscribe.err"; }
lines() { # N TEXT COMMAND...
	local want=$1 text=$2 got; shift 2
	got=$("$@" | wc -l)
	[ "$got" = "$want" ] && ok "$text" || not_ok "$text: $got lines, not $want"
}
# the embedded broker lets a group that had members wait for this time, less one second
quick=(-X kafka.session.timeout.ms=6000 -X kafka.heartbeat.interval.ms=500)
pay=dep93.payments.v1 place=dep93.placements.v1
lines 3 '--until-end gives what is there' sub $pay --until-end
lines 4 'several topics are read' sub $pay $place --until-end
lines 0 '--from latest gives nothing old' sub $pay --from latest --until-end
lines 2 '--count stops' sub $pay --count 2
lines 3 'a group reads from the beginning the first time' sub $pay --group essai --until-end "${quick[@]}"
lines 0 'a group does not read again what it has' sub $pay --group essai --until-end "${quick[@]}"
lines 3 'another group has its own position' sub $pay --group essai2 --until-end
check 'a line has the members that the help promises' python3 - <<END
import json, subprocess
out = subprocess.run(["$relais", "subscribe", "$place", "-b", "$bootstrap", "-r", "$registry", "--until-end"],
                     capture_output=True, text=True, timeout=60).stdout
event = json.loads(out)
assert list(event) == ["topic", "partition", "offset", "timestamp", "key", "headers", "subject", "schema_id", "value"], list(event)
assert event["subject"] == "fr.relais.placements.EvenementMesure"
assert event["value"]["enfant"]["annee_naissance"] == 2016
END
sub $pay $place --until-end --phrases >"$work/phrases"
check 'phrases tell the placement' grep -q 'accueil commencé, au 09/02/2026, décision du juge, lieu : Assistant familial' "$work/phrases"
check 'phrases tell the redirected payment' grep -q "75,52 € émis au service de l'ASE" "$work/phrases"
check 'phrases name nobody without a ring' sh -c '! grep -qiE "BELVAUQUIER|NOE" "$0"' "$work/phrases"
cat >"$work/lecteur.avsc" <<'END'
{"type": "record", "name": "EvenementMesure", "fields": [
 {"name": "territoire", "type": "string", "default": "dep93"},
 {"name": "quand", "aliases": ["entete"], "type": {"type": "record", "name": "Entete", "fields": [
  {"name": "survenu_le", "type": {"type": "int", "logicalType": "date"}}]}}]}
END
sub $place $pay --until-end --reader "$work/lecteur.avsc" >"$work/lecteur.out"
check '--reader shows what that schema reads' grep -q '"subject":"fr.relais.placements.EvenementMesure",.*"value":{"territoire":"dep93","quand":{"survenu_le":"2026-[0-9-]*"}}}$' "$work/lecteur.out"
[ "$(grep -c '"value":null,"problem":"SCHEMA_MISMATCH : record fr.relais.payments.EvenementPaiement cannot be read as EvenementMesure"' "$work/lecteur.out")" = 3 ] &&
    ok 'and says of other events why it cannot' || not_ok "and says of other events why it cannot: $(cut -c1-300 "$work/lecteur.out")"
echo '{"type": "record"' >"$work/casse.avsc"
check '--reader of a broken schema ends with 78' exits 78 sub $place --until-end --reader "$work/casse.avsc"
check 'and names the file' grep -q 'casse.avsc.*SCHEMA_INVALID' "$work/subscribe.err"
check '--reader does not go with --phrases' exits 78 sub $place --until-end --phrases --reader "$work/lecteur.avsc"
start live "$relais" subscribe $place -b "$bootstrap" -r "$registry" --from latest
sleep 2
sed 's/-0071/-0079/; s/7a3c1c9e/7a3c1c9f/' tests/demo/5-mesure.json | publish placements
check 'an event is printed at once while it waits' wait_for 10 grep -q 7a3c1c9f "$work/live.out"
halt live
[ "$status" = 0 ] && ok 'SIGTERM ends it with 0' || not_ok "SIGTERM ends it with $status"
check 'no broker: it waits, and ends when told' sh -c 'timeout -s TERM 3 "$0" subscribe x -b 127.0.0.1:1 2>/dev/null; rc=$?; [ $rc = 0 ] || [ $rc = 124 ]' "$relais"
check 'but with 75 before the end that it was to come to' exits 75 timeout --preserve-status -s TERM 3 "$relais" subscribe x -b 127.0.0.1:1 --until-end
start count "$relais" subscribe $place -b "$bootstrap" -r "$registry" --count 100
wait_for 10 grep -q 7a3c1c9f "$work/count.out"
halt count
[ "$status" = 75 ] && ok 'and before it had as many as it was to count' || not_ok "with $status before it had as many as it was to count"
