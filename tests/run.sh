#!/bin/bash
# run.sh BUILD SUITE... -- runs the suites, sums them, and ends with "N passed, N failed".
#   check unit pipeline integration
#   unit         every BUILD/tests/test_* (cmocka)
#   the others   every tests/SUITE/*.sh, which print TAP through tests/lib.sh
#   ONLY=word    only files whose name holds it
#   WRAP=...     before each unit executable (valgrind)
# A file that crashes, hangs past its time, or prints no test at all counts as one failed.
# Logs: BUILD/log/SUITE-NAME.log; the sum also in BUILD/total.
set -u
cd "$(dirname "$0")/.." || exit 1
[ $# -ge 2 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2; }
BUILD=$(mkdir -p "$1" && cd "$1" && pwd) || exit 1
export BUILD
shift
mkdir -p "$BUILD/log"
passed=0 failed=0 skipped=0

# one SUITE NAME SECONDS COMMAND...
one() {
	local suite=$1 name=$2 seconds=$3 log rc=0 good bad skip planned t0=$SECONDS
	shift 3
	log=$BUILD/log/$suite-$name.log
	timeout -k 15 "$seconds" "$@" >"$log" 2>&1 </dev/null || rc=$?
	bad=$(grep -c '^[[:space:]]*not ok ' "$log")
	skip=$(grep -cE '^[[:space:]]*ok .*# SKIP' "$log")
	good=$(($(grep -c '^[[:space:]]*ok ' "$log") - skip))
	planned=$(sed -n 's/^[[:space:]]*1\.\.\([0-9][0-9]*\).*/\1/p' "$log" | awk '{n += $1} END {print n + 0}')
	if [ $rc = 124 ] || [ $rc = 137 ]; then
		echo "not ok - ended after $seconds s" >>"$log"; bad=$((bad + 1))
	elif [ $((good + bad + skip)) = 0 ]; then
		echo "not ok - no test ran (status $rc)" >>"$log"; bad=1
	elif [ $((good + bad + skip)) -lt "$planned" ]; then
		echo "not ok - only $((good + bad + skip)) of $planned tests ran (status $rc)" >>"$log"; bad=$((bad + 1))
	elif [ $rc != 0 ] && [ "$bad" = 0 ]; then
		echo "not ok - ended with status $rc" >>"$log"; bad=1
	fi
	passed=$((passed + good)) failed=$((failed + bad)) skipped=$((skipped + skip))
	printf '%-12s %-36s %4d ok' "$suite" "$name" "$good"
	[ "$skip" = 0 ] || printf ', %d skipped' "$skip"
	[ "$bad" = 0 ] || printf ', %d FAILED' "$bad"
	printf '  (%d s)\n' $((SECONDS - t0))
	[ "$skip" = 0 ] || grep -E '^[[:space:]]*ok .*# SKIP' "$log" | sed 's/^[[:space:]]*/    /'
	[ "$bad" = 0 ] || { tail -n 120 "$log" | sed 's/^/    | /'; }
}

for suite; do
	case $suite in
	unit)
		for exe in "$BUILD"/tests/test_*; do
			[ -x "$exe" ] || continue
			name=${exe##*/}
			[[ $name == *"${ONLY:-}"* ]] || continue
			# shellcheck disable=SC2086
			CMOCKA_MESSAGE_OUTPUT=TAP one unit "$name" 600 ${WRAP:-} "$exe"
		done ;;
	check|pipeline|integration)
		for script in tests/"$suite"/*.sh; do
			[ -e "$script" ] || continue
			name=$(basename "$script" .sh)
			[[ $name == *"${ONLY:-}"* ]] || continue
			seconds=$(sed -n 's/^# timeout: \([0-9]*\).*/\1/p' "$script" | head -n 1)
			one "$suite" "$name" $((${seconds:-180} * ${SLOW:-1})) "$script"
		done ;;
	*) echo "run.sh: unknown suite $suite" >&2; exit 2 ;;
	esac
done

[ $((passed + failed)) -gt 0 ] || failed=1
total="$passed passed, $failed failed"
[ "$skipped" = 0 ] || total="$total, $skipped skipped"
echo "$total" | tee "$BUILD/total"
[ "$failed" = 0 ]
