#!/bin/bash
# timeout: 600
# Every C file, with gcc and with clang, warnings as errors. The build itself was made with
# gcc -Werror; clang reads all again.
. tests/lib.sh
flags=(-std=c11 -D_GNU_SOURCE -DRELAIS_VERSION='""' -I. -I"$BUILD/gen" -Wall -Wextra -Wshadow
    -Wmissing-prototypes -Wformat=2 -Wvla -Wstrict-prototypes -Wno-unused-parameter -Werror -fsyntax-only)
# shellcheck disable=SC2046
flags+=($(pkg-config --cflags rdkafka jansson expat libmicrohttpd libcurl libcrypto libpq))
mapfile -t files < <(ls {core,schemas,connectors,producers,consumers,cli}/*.c schemas/*/*.c tests/unit/*.c tests/gen/*.c 2>/dev/null)
for cc in gcc clang; do
	bad=0
	printf '%s\n' "${files[@]}" | xargs -P "$(nproc)" -n 4 "$cc" "${flags[@]}" >"$work/$cc.txt" 2>&1 || bad=1
	if [ $bad = 0 ]; then ok "$cc has no warning in ${#files[@]} files"; else
		not_ok "$cc has no warning in ${#files[@]} files"; head -n 60 "$work/$cc.txt" | sed 's/^/#   /'
	fi
done
