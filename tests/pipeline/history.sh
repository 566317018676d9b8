#!/bin/bash
# timeout: 300
# Months of invented households, fed in order: exactly the changes that happened, an
# unchanged case none; fed at once in any order of arrival the same; totals equal.
. tests/lib.sh
broker || exit 1
history "$work/h" dossiers=400 months=3 dailies=3 change=120 daily=30
files=("$work"/h/*.RCV)
cnaf "$work/s"
read_open() { "$relais" subscribe dep93.eligibility.v1 -b "$bootstrap" -r "$registry" --keys "$work/ring" --until-end >"$1" 2>>"$work/subscribe.err"; }
for n in $(seq ${#files[@]}); do
	drop "$work/s" "$(nth "$work/h" "$n")"
	source_once "$work/s" || not_ok "file $n"
done
[ "$(find "$work/s/depot/integres" -name '*.RCV' | wc -l)" = ${#files[@]} ] && ok "all ${#files[@]} files are integrated" || not_ok 'all files are integrated'
read_open "$work/one.json"
check 'one at a time: exactly the changes that happened' tests/events.py expected "$work/one.json" "$work/h"
read_topics "$work/one.all" eligibility.v1 control.v1
check 'order and identity' tests/events.py order "$work/one.all"
check 'control events say what the files hold' python3 - "$work/one.all" "$work/h/resume.tsv" "$work/s/depot/integres" <<'END'
import hashlib, json, os, sys
want = {}
for line in open(sys.argv[2]):
    name, kind, blocks, published, unchanged, centimes = line.rstrip("\n").split("\t")
    depot = hashlib.sha256(open(os.path.join(sys.argv[3], name), "rb").read()).hexdigest()[:16]
    want[depot] = (int(blocks), int(published), int(unchanged), int(centimes), kind)
got = {}
for line in open(sys.argv[1]):
    v = json.loads(line)["value"]
    if "issue" in v:
        assert v["issue"] == "INTEGRE" and not v["parques"], v
        got[v["depot"]] = (v["acceptes"], v["publies_total"], v["inchanges"], sum(p["centimes"] for p in v["publies"]),
                           v["entete_flux"]["type"])
        assert all(t["annonce"] == t["lu"] for t in v["totaux"] if t["nom"] == "NBTOTDOSRSATRANSM"), v["totaux"]
assert got == want, [(d, got.get(d), want[d]) for d in want if got.get(d) != want[d]][:3]
END
halt broker
broker || exit 1
cnaf "$work/t"
for f in $(printf '%s\n' "${files[@]}" | sort -R --random-source="$work/h/attendu.tsv"); do drop "$work/t" "$f"; done
check 'all at once, arrived in any order' source_once "$work/t"
read_topics "$work/two.all" eligibility.v1 control.v1
check 'all at once: the same events, bytes and order' tests/events.py same "$work/one.all" "$work/two.all"
for f in "${files[@]}"; do drop "$work/t" "$f"; done
check 'all files again' source_once "$work/t"
read_topics "$work/three.all" eligibility.v1 control.v1
[ "$(wc -l <"$work/three.all")" = "$(wc -l <"$work/two.all")" ] && ok 'fed twice: nothing new' || not_ok 'fed twice: nothing new'
