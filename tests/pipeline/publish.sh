#!/bin/bash
# relais publish: the three families from JSON lines, checked, protected, numbered.
. tests/lib.sh
broker || exit 1
conf "$work/pub/relais.ini" </dev/null
publish() { "$relais" publish "$1" -c "$work/pub/relais.ini" 2>>"$work/publish.err"; }
topics=(dep93.eligibility.v1 dep93.placements.v1 dep93.payments.v1)
read_all() { "$relais" subscribe "${@:2}" -b "$bootstrap" -r "$registry" --until-end >"$1" 2>>"$work/subscribe.err"; }

check 'a placement is published' publish placements <tests/demo/5-mesure.json
check 'payments are published' publish EvenementPaiement <tests/demo/6-paiements.json
check 'a right is published' publish eligibility <tests/data/publish/droit.json
check 'a debt is published' publish EvenementIndu <tests/data/publish/indu.json
read_all "$work/all.json" "${topics[@]}"
check 'sequences count per topic, source and case' tests/events.py order "$work/all.json"
[ "$(tests/events.py count "$work/all.json")" = 6 ] && ok 'six events are there' || not_ok 'six events are there'
check 'a child is one pseudonym in every family' python3 - "$work/all.json" <<'END'
import json, sys
events = [json.loads(line) for line in open(sys.argv[1])]
child = [e["value"]["enfant"]["personne"] for e in events if e["topic"].endswith("placements.v1")]
paid = [e["value"]["personnes"] for e in events if "paiement" in e["value"]]
assert len(child) == 1 and child[0].startswith("p1-"), child
assert sum(child[0] in p for p in paid) == 2, paid
redirected = [e["value"] for e in events if e["value"].get("destinataire") == "SERVICE_ASE"]
assert redirected and redirected[0]["personnes"] == child
END
check 'keys are pseudonyms of cases' python3 - "$work/all.json" <<'END'
import json, re, sys
for line in open(sys.argv[1]):
    e = json.loads(line)
    assert re.fullmatch(r"d1-[0-9a-f]{4}-[a-z2-7]{26}", e["key"]), e["key"]
    assert list(e["headers"])[:4] == ["ce_specversion", "ce_id", "ce_source", "ce_type"], e["headers"]
    assert e["headers"]["ce_id"] == e["value"]["entete"]["id"]
END
check 'the same lines again are accepted' publish EvenementPaiement <tests/demo/6-paiements.json
read_all "$work/again.json" "${topics[@]}"
check 'the same lines again give nothing new' tests/events.py same "$work/all.json" "$work/again.json"
check 'lines that cannot be read are parked, the rest goes on' publish placements <tests/data/publish/mixed.json
read_all "$work/after.json" dep93.placements.v1
read_all "$work/dlq.json" dep93.placements.v1.dlq
[ "$(tests/events.py count "$work/after.json")" = 2 ] && ok 'the good line of the mixed ones is there' || not_ok 'the good line of the mixed ones is there'
check 'the bad lines are in the DLQ with their reason' python3 - "$work/dlq.json" <<'END'
import json, sys
codes = sorted(json.loads(line)["value"]["code"] for line in open(sys.argv[1]))
assert codes == ["CODE_UNKNOWN", "FIELD_UNKNOWN", "JSON_INVALID"], codes
END
