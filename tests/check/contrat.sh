#!/bin/bash
# docs/CONTRAT.md keeps its word: its Python snippet, as a reader would copy it, opens every
# published field, and the page shows the vectors that the unit tests hold the code to.
. tests/lib.sh
page=docs/CONTRAT.md vectors=tests/data/keys/vectors.tsv
sed -n '/^```python$/,/^```$/p' "$page" | sed '1d;$d' >"$work/dechiffrer.py"
check 'the snippet is at most 20 lines' sh -c "[ \$(wc -l <'$work/dechiffrer.py') -le 20 ] && [ -s '$work/dechiffrer.py' ]"
opens() { # ID PATH HEX CLEAR
	local got
	got=$(python3 "$work/dechiffrer.py" tests/data/keys/test.ring "$1" "$2" "$3") || return 1
	[ "$got" = "$4" ] || { echo "not the clear text"; return 1; }
}
refuses() { ! python3 "$work/dechiffrer.py" tests/data/keys/test.ring "$1" "$2" "$3"; }
shows() { grep -qF -- "$1" "$page"; }
while IFS= read -r line; do
	# tab is a blank to read: two in a row (an empty clear text) would count as one
	IFS=$'\x1f' read -r kind a b c d e <<<"${line//$'\t'/$'\x1f'}"
	case $kind in
	pseudonyme) check "the page shows the pseudonym of ${b%%:*}" shows "\`$c\`" ;;
	chiffre)
		check "the page shows the sealed $c" shows "\`$e\`"
		check "the snippet opens $c" opens "$b" "$c" "$e" "$d"
		check "the snippet refuses $c elsewhere" refuses "$b" "x$c" "$e"
		;;
	esac
done <"$vectors"
