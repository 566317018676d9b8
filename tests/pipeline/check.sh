#!/bin/bash
# relais check: one line per problem, nothing published, nothing moved, nobody named.
. tests/lib.sh
territory=dep099 bootstrap=127.0.0.1:1 registry=http://127.0.0.1:1
d=tests/data/cnaf
cnaf "$work/s"
run() { "$relais" check "$@" -c "$work/s/relais.ini" >"$work/out" 2>"$work/err"; }
code() { # STATUS TEXT FILE...
	local want=$1 text=$2 got=0; shift 2
	run "$@" || got=$?
	[ "$got" = "$want" ] && ok "$text" || { not_ok "$text: status $got"; sed 's/^/#   /' "$work/out" "$work/err"; }
}
code 0 'right files end with 0' "$d/mensuel-correct.xml" "$d/quotidien-correct.xml"
check 'the files are where they were' test -e "$d/mensuel-correct.xml"
code 1 'a wrong code ends with 1' "$d/mensuel-code-inconnu.xml"
check 'the block, the case and the field are told' grep -qE 'bloc 3, dossier d1-[0-9a-f]{4}-[a-z2-7]{26} : suspensions.motif : .*CODE_UNKNOWN' "$work/out"
check 'two problems, two lines' sh -c '[ "$(grep -c "^[^:]* : bloc .*(CODE_UNKNOWN)" "$0")" = 2 ]' "$work/out"
code 1 'a wrong value ends with 1' "$d/mensuel-valeur-impossible.xml"
check 'no value is shown' sh -c '! grep -qE "2026-02-30|LUSTREPIC|01000101099" "$0"' "$work/out"
code 1 'a wrong total ends with 1' "$d/mensuel-mauvais-total.xml"
check 'totals are told' grep -q 'NBTOTDOSRSATRANSM.*FILE_TOTAL' "$work/out"
for f in tronque sans-entete mauvaise-declaration; do code 1 "$f is refused" "$d/mensuel-$f.xml"; done
code 0 'a wrong NIR is only a warning' "$d/mensuel-cle-nir.xml"
check 'the warning is told' grep -q '^avertissement : .*personnes.nir' "$work/out"
code 78 'a file that is not there is a usage error' "$work/absent.xml"
printf '<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a "b">]><Racine/>' >"$work/dtd.xml"
code 1 'any DTD is refused' "$work/dtd.xml"
check 'its reason is told' grep -q XML_DTD "$work/out"
check 'nothing was written' sh -c '[ -z "$(ls -A "$0/s/depot")" ] && [ ! -e "$0/s/state" ]' "$work"
