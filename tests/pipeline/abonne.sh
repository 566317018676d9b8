#!/bin/bash
# The C example of the docs: at most 60 lines, compiled against the public header and the
# shared library alone, reads what was published.
. tests/lib.sh
example=docs/exemples/abonne.c
check 'the example has at most 60 lines' sh -c '[ "$(wc -l <"$0")" -le 60 ]' "$example"
mkdir -p "$work/include" && cp consumers/relais.h "$work/include"
# shellcheck disable=SC2086
check 'it compiles with the public header alone' ${CC:-cc} -std=c11 -D_POSIX_C_SOURCE=200809L -Wall -Wextra -Werror \
    -I"$work/include" -o "$work/abonne" "$example" "$BUILD/librelais.so.1"
export LD_LIBRARY_PATH=$BUILD
# a library made with a sanitizer wants its runtime to come first
abonne=("$work/abonne")
for runtime in asan tsan; do
	readelf -d "$BUILD/librelais.so.1" | grep -q "NEEDED.*lib$runtime" &&
	    abonne=(env "LD_PRELOAD=$(${CC:-cc} -print-file-name=lib$runtime.so)${LD_PRELOAD:+:$LD_PRELOAD}" "$work/abonne")
done
check 'the library names itself librelais.so.1' sh -c 'readelf -d "$0" | grep -q "NEEDED.*librelais.so.1"' "$work/abonne"
broker || exit 1
conf "$work/pub/relais.ini" </dev/null
"$relais" publish EvenementPaiement -c "$work/pub/relais.ini" <tests/demo/6-paiements.json 2>>"$work/publish.err"
has() { [ "$(grep -c ' fr.relais.payments.EvenementPaiement [1-3] {"entete":{"id":"' "$work/$1.out")" = "$2" ]; }
start alone "${abonne[@]}" "$bootstrap" "$registry" dep93.payments.v1
check 'without a group it reads everything' wait_for 20 has alone 3
halt alone
[ "$status" = 0 ] && ok 'it ends with 0 on SIGTERM' || not_ok "it ends with $status on SIGTERM"
start group "${abonne[@]}" "$bootstrap" "$registry" dep93.payments.v1 essai
check 'with a group it reads everything' wait_for 30 has group 3
sleep 1
halt group
[ "$status" = 0 ] && ok 'and ends with 0' || not_ok "and ends with $status"
"$relais" subscribe dep93.payments.v1 --group essai --until-end -b "$bootstrap" -r "$registry" \
    >"$work/again" 2>>"$work/subscribe.err"
check 'its position was committed' test ! -s "$work/again"
"${abonne[@]}" 127.0.0.1:1 http://127.0.0.1:1 x </dev/null >"$work/away.out" 2>"$work/away.err" &
pids[away]=$!
check 'without a broker it says so' wait_for 20 grep -q '^BROKER_DOWN ' "$work/away.err"
if [ ${#abonne[@]} = 1 ]; then
	halt away
	[ "$status" = 0 ] && ok 'and still ends when told' || not_ok "and ends with $status"
else
	halt away KILL
	skip 'and still ends when told' 'with a sanitizer p11-kit waits for ever in its own ending'
fi
