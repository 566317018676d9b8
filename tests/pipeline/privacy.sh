#!/bin/bash
# timeout: 300
# After a whole run, nothing that names a person is in anything that is left behind.
. tests/lib.sh
territory=dep099
d=tests/data/cnaf
broker || exit 1
install -m 600 tests/data/keys/test.ring "$work/ring"
port=$(free_port)
cnaf "$work/s" "[ops]
listen = 127.0.0.1:$port"
mkdir -p "$work/left"
files=(mensuel-correct quotidien-correct anomalies mensuel-code-inconnu mensuel-valeur-impossible mensuel-tronque
    mensuel-mauvais-total mensuel-cle-nir mensuel-accents-utf-8 mensuel-doublon)
# each under a header of its own, so that all of them go as far as they can
i=0
for f in "${files[@]}"; do
	i=$((i + 1))
	sed "s|<DTCREAFLUX>2026-02-0.|<DTCREAFLUX>2026-0$((2 + i / 9))-1$((i % 9))|" "$d/$f.xml" >"$work/$f.xml"
	drop "$work/s" "$work/$f.xml"
done
start source "$relais" source "$work/s/relais.ini"
wait_for 60 sh -c '[ -z "$(find "$0/s/depot" -maxdepth 1 -type f)" ] && [ -z "$(ls -A "$0/s/depot/en_cours")" ]' "$work"
sleep 1
for page in metrics healthz readyz; do curl -s "http://127.0.0.1:$port/$page" >"$work/left/$page"; done
check 'the ops page has its metrics' grep -q '^relais_records_parked_total' "$work/left/metrics"
check 'it is ready' grep -q . "$work/left/readyz"
halt source
[ "$status" = 0 ] && ok 'SIGTERM ends the source with 0' || not_ok "SIGTERM ends the source with $status"
"$relais" depot list -c "$work/s/relais.ini" >"$work/left/list" 2>&1
"$relais" doctor "$work/s/relais.ini" >"$work/left/doctor" 2>&1
for f in "${files[@]}"; do "$relais" check "$work/$f.xml" -c "$work/s/relais.ini" >>"$work/left/check" 2>&1; done
# a level more: what a curious operator would switch on
conf "$work/pub/relais.ini" <<END
[codes]
dir = $PWD/tests/data/cnaf/codes
END
"$relais" publish placements -c "$work/pub/relais.ini" -X kafka.debug=msg,eos <tests/demo/5-mesure.json 2>>"$work/left/publish.err"
"$relais" publish EvenementPaiement -c "$work/pub/relais.ini" <tests/demo/6-paiements.json 2>>"$work/left/publish.err"
"$relais" publish placements -c "$work/pub/relais.ini" <tests/data/publish/mixed.json 2>>"$work/left/publish.err"
topics=()
for t in eligibility placements payments control; do topics+=("$territory.$t.v1" "$territory.$t.v1.dlq"); done
"$BUILD/tools/topic_dump" "$bootstrap" "${topics[@]}" >"$work/left/topics.raw"
check 'events and parked records are in the topics' test "$(wc -c <"$work/left/topics.raw")" -gt 20000
"$relais" subscribe "${topics[@]}" -b "$bootstrap" -r "$registry" -X kafka.fetch.wait.max.ms=10 --until-end >"$work/left/topics.json" 2>"$work/left/subscribe.err"
"$relais" subscribe "${topics[@]}" -b "$bootstrap" -r "$registry" -X kafka.fetch.wait.max.ms=10 --until-end --phrases >"$work/left/phrases" 2>&1
cp -r "$work/s/state" "$work/left/state"
cp -r "$work/pub/state" "$work/left/pub-state"
cp "$work/source.out" "$work/source.err" "$work/broker.out" "$work/broker.err" "$work/left"
find "$work/s/depot" -name '*.motif' -exec cp {} "$work/left" \;
inputs=()
for f in "${files[@]}"; do case $f in *tronque) ;; *) inputs+=("$work/$f.xml") ;; esac; done
inputs+=(tests/demo/5-mesure.json tests/demo/6-paiements.json tests/data/publish/mixed.json)
check 'nothing that names a person was left behind' tests/privacy.py "${inputs[@]}" -- "$work/left"
grep -h values "$work/check.out" | sed 's/^/# /'

# the scan itself finds what is there
python3 - "$work/plant" <<'END'
import base64, os, sys
os.makedirs(sys.argv[1])
for name, data in {
    "plain": b"xx LUSTREPIC yy", "lower": b"quirvelle", "hex": b"AMANDINE".hex().encode(),
    "b64a": base64.b64encode(b"292017598500212"), "b64b": base64.b64encode(b"z292017598500212z"),
    "b64c": base64.b64encode(b"zz01000101099zz"),
}.items():
    open(f"{sys.argv[1]}/{name}", "wb").write(data)
END
missed=
for name in plain lower hex b64a b64b b64c; do
	tests/privacy.py "$work/mensuel-correct.xml" -- "$work/plant/$name" >/dev/null && missed="$missed $name"
done
[ -z "$missed" ] && ok 'the scan finds planted values in every form' || not_ok "the scan misses:$missed"
