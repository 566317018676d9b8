#!/bin/bash
# Contracts change only by new versions. Each released version of schemas/FAMILY/NAME.avsc stays
# as schemas/FAMILY/versions/NAME.N.avsc, its sum in schemas/versions.sha256; the working file is
# the last of them, and every one reads and is read by every other.
. tests/lib.sh
sums=schemas/versions.sha256
versions_of() { ls "$(dirname "$1")/versions/$(basename "$1" .avsc)".[0-9]*.avsc 2>/dev/null | sort -V; }
help() {
	echo "To change a contract: edit $1; cp it to $2;"
	echo "sha256sum $2 >>$sums; never touch an older version."
}
numbered() { # 1, 2, 3... without a hole
	local n=0 v
	while read -r v; do
		n=$((n + 1))
		[[ $v == *.$n.avsc ]] || { echo "$v where version $n is expected"; return 1; }
	done < <(versions_of "$1")
	[ $n -gt 0 ] || { help "$1" "$(dirname "$1")/versions/$(basename "$1" .avsc).1.avsc"; return 1; }
}
released() { # FILE LAST
	local n=${2%.avsc}
	n=${n##*.}
	cmp -s "$1" "$2" && return
	echo "$1 is not the released version $n."
	help "$1" "${2%."$n".avsc}.$((n + 1)).avsc"
	return 1
}
compatible() {
	mapfile -t all < <(versions_of "$1")
	"$relais" schema compat --level FULL_TRANSITIVE "${all[@]}" "$1" && return
	echo 'What is not FULL_TRANSITIVE is another record or a .v2 topic, not a version.'
	return 1
}
for file in schemas/*/*.avsc; do
	last=$(versions_of "$file" | tail -n 1)
	check "$file: versions are numbered" numbered "$file"
	[ -n "$last" ] || continue
	check "$file is the last of its versions" released "$file" "$last"
	check "$file is FULL_TRANSITIVE with all of them" compatible "$file"
done
check 'no released version was changed' sha256sum --quiet -c "$sums"
listed() { diff <(ls schemas/*/versions/*.avsc | sort) <(sed 's/^[0-9a-f]*  //' "$sums" | sort); }
check 'each released version has its sum' listed
