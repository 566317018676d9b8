#!/bin/bash
# Every command has its help in French; wrong usage says what was meant and ends with 78.
. tests/lib.sh
mapfile -t commands < <("$relais" --help | sed -n 's/^  \([a-z]*\)  .*/\1/p')
check 'relais --help lists the commands' test "${#commands[@]}" -ge 12
for c in "${commands[@]}"; do
	check "relais $c --help is complete" sh -c '"$0" "$1" --help | grep -q "^Usage : relais $1" &&
	    "$0" "$1" --help | grep -q "Codes de sortie" && [ -z "$("$0" "$1" --help 2>&1 >/dev/null)" ]' "$relais" "$c"
	check "relais $c refuses an unknown option" exits 78 "$relais" "$c" --nonsense
done
check 'an unknown command names the nearest' sh -c '"$0" suscribe x 2>&1 | grep -q subscribe' "$relais"
check 'an unknown command ends with 78' exits 78 "$relais" suscribe
check 'no command ends with 78' exits 78 "$relais"
check '--version says versions' sh -c '"$0" --version | grep -qE "^relais [0-9.]+ \(librdkafka [0-9.]+\)$"' "$relais"
check 'publish names the nearest record' sh -c '"$0" publish EvenementDroi -c x 2>&1 | grep -q EvenementDroit' "$relais"
check 'subscribe refuses a bad date' exits 78 "$relais" subscribe t --from hier
check 'subscribe refuses a count of 0' exits 78 "$relais" subscribe t --count 0
