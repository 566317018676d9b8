#!/bin/bash
# timeout: 180
# A state that catches up again and again while another process of the same source publishes misses
# none of it: what is published from it afterwards bears no sequence twice.
. tests/lib.sh
broker || exit 1
cases=${CASES:-12000}
for who in a b; do
	conf "$work/$who/relais.ini" <<-END
	[codes]
	dir = $PWD/tests/data/cnaf/codes
	END
done
# lines ROUND CASES: one payment a case; the first round slowly, so that others read meanwhile
lines() {
	python3 - "$1" "$2" <<-'END'
	import sys, time
	part, cases = int(sys.argv[1]), int(sys.argv[2])
	for i in range(cases):
	    print('{"paiement":"%d0000000-0000-8000-8000-%012d","prestation":"RSA","fait":"EMIS","etat":"EMIS","mois":"2026-01-01",'
	          '"montant_centimes":100,"sens":"AJOUT","destinataire":"ALLOCATAIRE","entete":{"dossier":"%08d093",'
	          '"survenu_le":"2026-01-05","constate_le":"2026-01-05T10:00:00Z"}}' % (part, i, i), flush=part == 1 and i % 20 == 0)
	    if part == 1 and i % 20 == 0:
	        time.sleep(0.005)
	END
}
publish() { "$relais" publish EvenementPaiement -c "$work/$1/relais.ini" >>"$work/$1.out" 2>>"$work/$1.err"; }
lines 0 1 | publish b
cp -r "$work/b/state" "$work/a/state"
start writer bash -c "$(declare -f lines publish); relais=$relais work=$work; lines 1 $cases | publish a"
turns=0
while running writer; do publish b </dev/null; turns=$((turns + 1)); done
halt writer
say "$turns catch-ups meanwhile"
[ $turns -ge 2 ] && ok 'the other caught up while it was written' || not_ok "only $turns catch-ups"
check 'the other publishes one of each case' bash -c "$(declare -f lines publish); relais=$relais work=$work; lines 2 $cases | publish b"
read_topics "$work/all.json" payments.v1
check 'no dossier has a sequence twice' python3 - "$work/all.json" "$cases" <<'END'
import collections, json, sys
ids = collections.defaultdict(set)
for line in open(sys.argv[1], encoding="utf-8"):
    e = json.loads(line)["value"]["entete"]
    ids[e["dossier"], e["sequence"]].add(e["id"])
twice = [k for k, v in ids.items() if len(v) > 1]
if twice:
    sys.exit("%d sequences twice, first %s" % (len(twice), twice[0]))
wanted = 2 * int(sys.argv[2]) + 1
sys.exit(0 if len(ids) == wanted else "%d events, not %d" % (len(ids), wanted))
END
