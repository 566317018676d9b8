#!/bin/bash
# run.sh BUILD SUITE... -- runs the suites, sums them, and ends with "N passed, N failed".
#   check unit pipeline integration soak
#   unit         every BUILD/tests/test_* (cmocka); test_pg_* with a PostgreSQL of its own
#   the others   every tests/SUITE/*.sh, which print TAP through tests/lib.sh
#   ONLY=word    only files whose name holds it
#   AT_ONCE=N    files of unit and pipeline that run side by side (3: most of them wait; 2
#                beside those of integration, one at a time: each boots its own Kafka; two
#                when the others have ended)
#   WRAP=...     before each unit executable (valgrind)
# A file that crashes, hangs past its time, or prints no test at all counts as one failed.
# What failed is named once more before the sum.
# Logs: BUILD/log/SUITE-NAME.log; the sum also in BUILD/total.
set -u
cd "$(dirname "$0")/.." || exit 1
[ $# -ge 2 ] || { sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2; }
BUILD=$(mkdir -p "$1" && cd "$1" && pwd) || exit 1
export BUILD
shift
mkdir -p "$BUILD/log"
passed=0 failed=0 skipped=0
results=$(mktemp -d "$BUILD/log/results.XXXXXX") || exit 1
trap 'rm -rf "$results"' EXIT

# one SUITE NAME SECONDS COMMAND...: what it prints ends with a line "= passed failed skipped"
one() {
	local suite=$1 name=$2 seconds=$3 log rc=0 good bad skip planned t0=$SECONDS
	shift 3
	log=$BUILD/log/$suite-$name.log
	timeout -k 15 "$seconds" "$@" >"$log" 2>&1 </dev/null || rc=$?
	# cmocka says "not ok # SKIP"
	skip=$(grep -cE '^[[:space:]]*(not )?ok .*# SKIP' "$log")
	bad=$(grep -E '^[[:space:]]*not ok ' "$log" | grep -vc '# SKIP')
	good=$(grep -E '^[[:space:]]*ok ' "$log" | grep -vc '# SKIP')
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
	printf '%-12s %-36s %4d ok' "$suite" "$name" "$good"
	[ "$skip" = 0 ] || printf ', %d skipped' "$skip"
	[ "$bad" = 0 ] || printf ', %d FAILED' "$bad"
	printf '  (%d s)\n' $((SECONDS - t0))
	[ "$skip" = 0 ] || grep -E '^[[:space:]]*(not )?ok .*# SKIP' "$log" | sed 's/^[[:space:]]*/    /'
	[ "$bad" = 0 ] || {
		tail -n 120 "$log" | sed 's/^/    | /'
		grep -E '^[[:space:]]*not ok ' "$log" | grep -v '# SKIP' | sed "s/^[[:space:]]*/$suite $name: /" >>"$results/failed"
	}
	echo "= $good $bad $skip"
}

# The results in the order in which the files were started: of all, or of those that have ended.
started=0 shown=0
show() { # all|ended
	local good bad skip mark
	while [ $shown -lt $started ]; do
		[ "$1" = all ] || ! kill -0 "${pids[shown]}" 2>/dev/null || return 0
		wait "${pids[shown]}"
		add "$results/$shown"
		shown=$((shown + 1))
	done
}
add() { # FILE
	local good bad skip mark
	sed '$d' "$1"
	read -r mark good bad skip < <(tail -n 1 "$1")
	[ "$mark" = = ] || { echo "run.sh: no result in ${1##*/}"; bad=1 good=0 skip=0; }
	passed=$((passed + good)) failed=$((failed + bad)) skipped=$((skipped + skip))
}
busy() { # how many files of ours run
	local n=0 i
	for ((i = shown; i < started; i++)); do ! kill -0 "${pids[i]}" 2>/dev/null || n=$((n + 1)); done
	echo $n
}
# start SUITE NAME SECONDS COMMAND...
start() {
	while [ "$(busy)" -ge "${AT_ONCE:-3}" ]; do sleep 0.1; done
	show ended
	one "$@" >"$results/$started" 2>&1 &
	pids[started]=$!
	started=$((started + 1))
}
# The longest first: what starts last should not last.
units() {
	local name
	for name in test_subscriber test_sink_run test_source; do [ ! -x "$BUILD/tests/$name" ] || echo $name; done
	for name in "$BUILD"/tests/test_*; do
		case ${name##*/} in test_subscriber | test_sink_run | test_source) ;; *) [ ! -x "$name" ] || echo "${name##*/}" ;; esac
	done
}
# scripts SUITE COMMAND...: COMMAND SUITE NAME SECONDS SCRIPT for each, first those that may last longest
scripts() {
	local suite=$1 script name seconds; shift
	while read -r seconds script; do
		"$@" "$suite" "$(basename "$script" .sh)" "$seconds" "$script"
	done < <(for script in tests/"$suite"/*.sh; do
		[ -e "$script" ] || continue
		name=$(basename "$script" .sh)
		[[ $name == *"${ONLY:-}"* ]] || continue
		seconds=$(sed -n 's/^# timeout: \([0-9]*\).*/\1/p' "$script" | head -n 1)
		echo "$((${seconds:-180} * ${SLOW:-1})) $script"
	done | sort -k 1,1nr -k 2)
}
# Integration, by whoever is free: each file once.
in_turn() {
	n=$((${n:-0} + 1))
	mkdir "$results/taken.$n" 2>/dev/null || [ ! -d "$results/taken.$n" ] || return 0
	one "$@" >"$results/lane.$(printf %03d $n)" 2>&1
}

suites=" $* "
wants() { [[ $suites == *" $1 "* ]]; }
for suite; do
	case $suite in check | unit | pipeline | integration | soak) ;; *) echo "run.sh: unknown suite $suite" >&2; exit 2 ;; esac
done
if wants check; then scripts check start; show all; fi
lane=
if wants integration; then
	AT_ONCE=${AT_ONCE:-2}
	scripts integration in_turn & lane=$!
fi
if wants unit; then
	for name in $(units); do
		[[ $name == *"${ONLY:-}"* ]] || continue
		server= # a PostgreSQL of its own
		[[ $name != test_pg_* ]] || server="env PG_DIR=$BUILD/tmp/pg-$name tests/pg.sh run"
		# shellcheck disable=SC2086
		CMOCKA_MESSAGE_OUTPUT=TAP start unit "$name" 600 $server ${WRAP:-} "$BUILD/tests/$name"
	done
fi
! wants pipeline || scripts pipeline start
! wants soak || { AT_ONCE=1; scripts soak start; }
show all
if [ -n "$lane" ]; then
	scripts integration in_turn
	wait "$lane"
fi
for file in "$results"/lane.*; do [ ! -e "$file" ] || add "$file"; done

[ $((passed + failed)) -gt 0 ] || failed=1
[ "$skipped" = 0 ] || echo "$skipped skipped, named above"
[ ! -e "$results/failed" ] || cat "$results/failed"
total="$passed passed, $failed failed"
echo "$total" | tee "$BUILD/total"
[ "$failed" = 0 ]
