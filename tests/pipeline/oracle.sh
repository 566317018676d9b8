#!/bin/bash
# timeout: 240
# Histories in which everything goes wrong that can, judged by a second implementation,
# written from the contract alone (tests/oracle). SEEDS= which.
. tests/lib.sh
o=tests/oracle
for seed in ${SEEDS:-1 2 3}; do
	broker || exit 1
	"$o/history.py" "$work/h$seed" --seed "$seed" || exit 1
	cnaf "$work/s$seed"
	sed -i '/^\[codes\]/,/^dir/d' "$work/s$seed/relais.ini"
	while read -r name what; do
		case $name in
		release | refuse) # a file that is not held: nothing
			"$relais" depot "$name" "$what" -c "$work/s$seed/relais.ini" >/dev/null 2>>"$work/said.txt" || continue ;;
		*) drop "$work/s$seed" "$work/h$seed/$name" ;;
		esac
		source_once "$work/s$seed" || not_ok "seed $seed: $name ends the source with $?"
	done <"$work/h$seed/ordre"
	mapfile -t files < <(sed "s|^\(.* \)\{0,1\}|&$work/h$seed/|; s| |=|" "$work/h$seed/ordre")
	check "seed $seed: the oracle has an answer" sh -c '"$@"' - "$o/oracle.py" --ring "$work/ring" "${files[@]}"
	cp "$work/check.out" "$work/want$seed"
	"$relais" subscribe dep93.{eligibility,control}.v1{,.dlq} -b "$bootstrap" -r "$registry" --keys "$work/ring" \
	    --until-end >"$work/got$seed" 2>>"$work/subscribe.err"
	check "seed $seed: ${#files[@]} files become what the contract says" \
	    "$o/compare.py" "$work/want$seed" "$work/got$seed"
	halt broker
done
