#!/bin/bash
# The shared library exports the public header's functions and nothing else, all versioned.
[ $# = 0 ] || export BUILD=$1
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh
sed -n '/^RELAIS_API/,/;/p' consumers/relais.h | tr '\n' ' ' | tr ';' '\n' |
    sed -nE 's/.*[ *](relais_[a-z_]+)[[:space:]]*\(.*/\1/p' | sort >"$work/declared"
nm -D --defined-only "$BUILD/librelais.so.1" | awk '$2 == "T" {print $3}' >"$work/symbols"
sed 's/@.*//' "$work/symbols" | sort >"$work/exported"
check 'the header declares functions' test -s "$work/declared"
same 'the library exports what the header declares, nothing else' "$work/declared" "$work/exported"
check 'every symbol has a version' sh -c "! grep -vE '@@RELAIS_1\$' '$work/symbols'"
check 'the header is C and C++' sh -c '
	printf "#include \"consumers/relais.h\"\nint main(void){return relais_version()==0;}\n" >"$0/u.c"
	gcc -std=c11 -Wall -Wextra -Werror -I. -o "$0/u" "$0/u.c" "$1/librelais.so.1" && LD_LIBRARY_PATH="$1" "$0/u" &&
	cp "$0/u.c" "$0/u.cc" && { ! command -v g++ >/dev/null || g++ -Wall -Werror -I. -c -o "$0/u.o" "$0/u.cc"; }' "$work" "$BUILD"
