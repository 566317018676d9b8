#!/bin/bash
# timeout: 300
# Tables of WebRSA as they are, through the example mapping, to a real Kafka: the first load
# is killed in the middle while others write, then changes, a crash of the server, a table
# emptied; at the end every dossier's newest event says what its tables say.
. tests/lib.sh
kafka_up plain && pg_up || exit 1
webrsa "$work/s" 1000 4999 || exit 1
"$relais" topics apply -c "$work/s/relais.ini" >/dev/null || exit 1
"$relais" slot create "$work/s/relais.ini" >/dev/null
check 'a table whose deleted rows say nothing is refused with the ALTER that mends it' \
    exits 78 "$relais" source "$work/s/relais.ini" --once
check 'it names it' grep -q 'ALTER TABLE .* REPLICA IDENTITY FULL' "$work/exits.out"
webrsa_full

source() { start source "$relais" source "$work/s/relais.ini" "$@"; }
second() { start second "$relais" source "$work/s/relais.ini" -X relais.state=second; }
cursor() { sed -n 's/.* \([0-9][0-9]*\)$/\1/p' "$work/s/state/chargement.relais_dep93_essai" 2>/dev/null; }
loaded() { [ "$(cursor)" -gt "$1" ]; }
streams() { grep -q ' flux ' "$work/s/state/chargement.relais_dep93_essai"; }

# the first load killed at random points, slowly enough not to be over before
kills=${KILLS:-10} hits=0 seed=${SEED:-$RANDOM}
RANDOM=$seed
while [ $hits -lt "$kills" ]; do
	n=$(cursor)
	source -X limits.inflight_records=8 -X kafka.linger.ms=100
	# every third life gets as far as to save where it is
	[ $((hits % 3)) != 2 ] || wait_for 20 loaded "${n:-0}"
	sleep "0.$((RANDOM % 4 + 3))"
	! streams || break
	hits=$((hits + 1))
	{ halt source KILL; } 2>/dev/null
done
halt source
say "seed $seed: the load killed $hits times, at $(cursor) of 4,000"
check "the load is killed $kills times" [ $hits = "$kills" ]
# a second process, with a state of its own, waits, and takes over in the middle of the load
source -X limits.inflight_records=8 -X kafka.linger.ms=100
wait_for 20 loaded "$(cursor)"
check 'a state of its own is made of the topics' "$relais" depot rebuild -c "$work/s/relais.ini" -X relais.state=second
second
check 'a second process waits for the slot, also while tables are loaded' wait_for 20 grep -q 'slot.*active' "$work/second.err"
check 'the load goes on meanwhile' sh -c '! grep -q " flux " "$1"' - "$work/s/state/chargement.relais_dep93_essai"
halt source KILL
pg sql "UPDATE situationsdossiersrsa SET etatdosrsa = '5', moticlorsa = 'ECH', dtclorsa = '2026-02-01' WHERE dossier_id % 7 = 0"
for n in 1 2 3 4 5 6 7 8 9; do
	pg sql "UPDATE detailscalculsdroitsrsa SET mtrsavers = mtrsavers + $n WHERE id % 10 = $n;
	        UPDATE foyers SET sitfam = 'MAR' WHERE id % 50 = $n;
	        DELETE FROM prestations WHERE personne_id % 97 = $n" >/dev/null
	[ $n != 5 ] || pg crash
	[ $n != 6 ] || source
	[ $n != 7 ] || { halt second KILL; second; }
done
check 'the load ends' wait_for 90 grep -q ' flux ' "$work"/s/state/chargement.relais_dep93_essai "$work"/s/second/chargement.relais_dep93_essai
pg sql 'TRUNCATE suspensionsversements'
pg sql "UPDATE dossiers SET matricule = matricule WHERE id = 1; INSERT INTO dossiers (numdemrsa) VALUES ('00000000099')"
level() {
	"$relais" subscribe dep93.eligibility.v1 -b "$bootstrap" -r "$registry" --keys "$work/ring" --until-end >"$work/topic.jsonl" 2>>"$work/subscribe.err"
	psql -X -q -At "$pg_url" >"$work/want.txt" <<-END
	SELECT concat_ws(' ', numdemrsa,
	  (ARRAY['INSTRUCTION','REFUSE','OUVERT','SUSPENDU_DROIT','SUSPENDU_VERSEMENT','CLOS','CLOS_REGUL'])[etatdosrsa::int + 1],
	  coalesce((SELECT (sum(mtrsavers) * 100)::bigint::text FROM detailscalculsdroitsrsa c JOIN detailsdroitsrsa e ON e.id = detaildroitrsa_id WHERE e.dossier_id = d.id), 'None'),
	  coalesce(rtrim(sitfam), 'None'),
	  (SELECT count(*) FROM prestations JOIN personnes p ON p.id = personne_id WHERE p.foyer_id = f.id),
	  (SELECT count(*) FROM suspensionsversements v WHERE v.situationdossierrsa_id = s.id))
	FROM dossiers d JOIN situationsdossiersrsa s ON s.dossier_id = d.id JOIN foyers f ON f.dossier_id = d.id
	ORDER BY numdemrsa COLLATE "C"
	END
	python3 - "$work/topic.jsonl" >"$work/got.txt" <<-'END'
	import json, sys
	newest = {}
	for line in open(sys.argv[1]):
	    v = json.loads(line)["value"]
	    rank = (v["entete"]["constate_le"], v["entete"]["sequence"])
	    if v["droit"] not in newest or rank > newest[v["droit"]][0]:
	        newest[v["droit"]] = (rank, v)
	for v in sorted((v for _, v in newest.values()), key=lambda v: v["numero_demande"]):
	    print(v["numero_demande"], v["etat"], v["montant_mensuel_centimes"],
	          (v["foyer"] or {}).get("situation_familiale"), sum(len(p["roles"]) for p in v["personnes"]),
	          sum(s["portee"] == "VERSEMENT" for s in v["suspensions"]))
	END
	cmp -s "$work/want.txt" "$work/got.txt"
}
wait_for 120 level || :
check 'there are 4,002 dossiers' [ "$(wc -l <"$work/want.txt")" = 4002 ]
# what a killed process still had on its way may count as its successor does (contract A5)
no_gap() {
	python3 - "$work/topic.jsonl" <<-'END'
	import json, sys
	numbers = {}
	for line in open(sys.argv[1]):
	    e = json.loads(line)
	    numbers.setdefault(e["key"], set()).add(e["value"]["entete"]["sequence"])
	sys.exit(any(n != set(range(1, len(n) + 1)) for n in numbers.values()))
	END
}
check 'each dossier counts its events without a gap' no_gap
same 'the newest event of each dossier says what its tables say' "$work/want.txt" "$work/got.txt"
repeats=$(python3 -c '
import json, sys
seen = set(); repeats = 0
for line in open(sys.argv[1]):
    v = json.loads(line)["value"]
    key = (v["entete"]["id"], v["entete"]["sequence"])
    repeats += key in seen
    seen.add(key)
print(repeats)' "$work/topic.jsonl")
say "$(wc -l <"$work/topic.jsonl") events, $repeats repeated"
parked() { "$relais" subscribe dep93.eligibility.v1.dlq -b "$bootstrap" -r "$registry" --until-end 2>>"$work/subscribe.err" | grep -q Parcage; }
# it came last: the events before may all be there already
check 'a dossier without state, organism and matricule is parked' wait_for 30 parked
halt second
check 'SIGTERM ends the source with 0' [ "$status" = 0 ]
halt source
check 'no name of a person is in a log' sh -c '! grep -q INVENTE "$1"/*.err' - "$work"
