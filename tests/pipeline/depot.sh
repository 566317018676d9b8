#!/bin/bash
# timeout: 240
# Files twice, held, released, refused; the state taken away and rebuilt; re-publication.
. tests/lib.sh
territory=dep099
d=tests/data/cnaf
broker || exit 1
cnaf "$work/s"
list() { "$relais" depot list -c "$work/s/relais.ini"; }
count() { read_topics "$work/count.json" "$1" && tests/events.py count "$work/count.json"; }
is() { [ "$2" = "$3" ] && ok "$1" || not_ok "$1: $2, not $3"; }

drop "$work/s" "$d/mensuel-correct.xml"
check 'a monthly file is integrated' source_once "$work/s"
drop "$work/s" "$d/quotidien-correct.xml"
check 'a daily file is integrated' source_once "$work/s"
read_topics "$work/first.json" eligibility.v1
read_topics "$work/first.ctl" control.v1
drop "$work/s" "$d/mensuel-correct.xml"
drop "$work/s" "$d/quotidien-correct.xml" under-another-name.xml
check 'the same contents again are taken' source_once "$work/s"
read_topics "$work/again.json" eligibility.v1
check 'the same contents again give nothing new' tests/events.py same "$work/first.json" "$work/again.json"
is 'no event was even sent again' "$(wc -l <"$work/again.json")" "$(wc -l <"$work/first.json")"
is 'nor a control event' "$(count control.v1)" "$(tests/events.py count "$work/first.ctl")"
check 'nothing waits in the drop folder' sh -c '[ -z "$(find "$0/s/depot" -maxdepth 1 -type f)" ]' "$work"

sed 's|<DTCREAFLUX>2026-02-04|<DTCREAFLUX>2026-03-04|' "$d/mensuel-mauvais-total.xml" >"$work/march.xml"
drop "$work/s" "$work/march.xml"
check 'a file with a wrong total leaves the source running' source_once "$work/s"
check 'it is held, with its reason beside it' test -s "$work/s/depot/retenus/march.xml.motif"
check 'depot list shows it' sh -c '"$0" depot list -c "$1/s/relais.ini" | grep -q "retenu.*march.xml"' "$relais" "$work"
is 'nothing of it was published' "$(count eligibility.v1)" 6
check 'a name that is not held is refused' exits 78 "$relais" depot release nowhere.xml -c "$work/s/relais.ini"
check 'it is released' "$relais" depot release march.xml -c "$work/s/relais.ini"
check 'the source obeys' source_once "$work/s"
check 'it is integrated' test -e "$work/s/depot/integres/march.xml"
sed 's|<DTCREAFLUX>2026-02-04|<DTCREAFLUX>2026-04-04|' "$d/mensuel-mauvais-total.xml" >"$work/april.xml"
drop "$work/s" "$work/april.xml"
check 'another one is held' source_once "$work/s"
check 'it is refused' "$relais" depot refuse april.xml -c "$work/s/relais.ini"
check 'the source obeys again' source_once "$work/s"
check 'it is among the refused, with a reason' test -s "$work/s/depot/refuses/april.xml.motif"
sed 's|801.25|802.00|' "$d/mensuel-correct.xml" >"$work/other.xml"
drop "$work/s" "$work/other.xml"
check 'the header of an integrated file with other content leaves the source running' source_once "$work/s"
check 'it is held' test -s "$work/s/depot/retenus/other.xml.motif"

read_topics "$work/before.json" eligibility.v1
rm -rf "$work/s/state"
check 'an empty state beside a full topic ends with 78' exits 78 "$relais" source "$work/s/relais.ini" --once
check 'it says what to do' grep -q 'depot rebuild' "$work/exits.out"
check 'the state is rebuilt from the topic' "$relais" depot rebuild -c "$work/s/relais.ini"
mv "$work"/s/depot/integres/*.xml "$work/s/depot/"
check 'every integrated file is given again' source_once "$work/s"
read_topics "$work/after.json" eligibility.v1
is 'a rebuilt state publishes nothing new' "$(wc -l <"$work/after.json")" "$(wc -l <"$work/before.json")"

check 're-publication' source_once "$work/s" --renvoi
read_topics "$work/renvoi.json" eligibility.v1
check 're-publication gives every object once more' python3 - "$work/before.json" "$work/renvoi.json" <<'END'
import json, sys
before, after = ([json.loads(l) for l in open(p)] for p in sys.argv[1:])
objects = {e["value"]["droit"] for e in before}
again = [e["value"] for e in after if e["value"]["entete"]["origine"]["depot"] == "renvoi-1"]
assert {v["droit"] for v in again} == objects and len(again) == len(objects), (len(again), len(objects))
last = {}
for e in sorted(before, key=lambda e: e["value"]["entete"]["sequence"]):
    last[e["value"]["droit"]] = e["value"]
for v in again:
    old = last[v["droit"]]
    assert v["entete"]["nature"] == "INITIALISATION" and v["etat_precedent"] is None
    assert v["entete"]["sequence"] == old["entete"]["sequence"] + 1
    for field in ("etat", "montant_mensuel_centimes", "composantes"):
        assert v.get(field) == old.get(field), field
    for field in ("survenu_le", "constate_le"):
        assert v["entete"][field] == old["entete"][field], field
END
check 'order holds over all of it' tests/events.py order "$work/renvoi.json"
