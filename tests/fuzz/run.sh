#!/bin/bash
# run.sh BUILD SECONDS -- every fuzzer for so long, from the corpus that its source names
# ("Corpus: tests/data/json"); what it finds stays in BUILD/corpus. ONLY=word chooses.
set -u
cd "$(dirname "$0")/../.." || exit 1
build=$1 seconds=$2 passed=0 failed=0
for exe in "$build"/fuzz/fuzz_*; do
	name=${exe##*/}
	[ -x "$exe" ] && [[ $name == *"${ONLY:-}"* ]] || continue
	mapfile -t seeds < <(grep -oE 'tests/data/[A-Za-z0-9_/-]+' "tests/fuzz/$name.c" | sort -u)
	mkdir -p "$build/corpus/$name" "$build/crash"
	echo "== $name, $seconds s, from ${seeds[*]:-nothing}"
	if "$exe" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 \
	    -artifact_prefix="$build/crash/$name-" "$build/corpus/$name" "${seeds[@]}" >"$build/$name.log" 2>&1; then
		passed=$((passed + 1))
		grep -E 'stat::(number_of_executed_units|average_exec_per_sec)' "$build/$name.log"
	else
		failed=$((failed + 1))
		tail -n 40 "$build/$name.log"
	fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
