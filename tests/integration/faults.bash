# faults.bash -- what the scripts of this folder share; sources tests/lib.sh.
#
#   reference FILE CNAF_FILE...  dump of a run that nothing disturbs, over the embedded
#                                broker: same configuration, ring and schema ids
#   fill OPTION=VALUE...        $files: a history of cnaf_gen, in the order of the files
#   dump FILE FAMILY...          dump of the territory's topics (build/tools/kdump)
#   sink FOLDER [LINES]          FOLDER/relais.ini of sink_file into FOLDER/events.jsonl
#   metric PORT NAME             value of a metric, summed over its labels
#   reached PORT NAME N          is it at least N?
#   readyz PORT CODE             does /readyz answer so? Its text: $work/readyz
#   lines FILE N                 has it at least N lines?
#   within SECONDS COMMAND...    wait_for, longer where SLOW= says so
#   compare WANT GOT             the events of a dump are those of the reference
#   outbox_whole                 what $work/written? say is in the topic and in the tables, once
#   is TEXT GOT WANT | ended TEXT STATUS
# verify=: tests/integration/verify.py. slow=: options under which a source sends some
# hundred events a second, so that a fault falls among them.
. tests/lib.sh
verify=tests/integration/verify.py
slow=(-X limits.inflight_records=8 -X kafka.linger.ms=20)
declare -a kafka_x=() # -X options of a secure cluster, for kdump
declare -a files=()
topics=(eligibility.v1 eligibility.v1.dlq control.v1)

is() { [ "$2" = "$3" ] && ok "$1" || not_ok "$1: $2, not $3"; }
ended() { is "$1" "$status" "$2"; }
within() { local n=$1; shift; wait_for $((n * ${SLOW:-1})) "$@"; }
dump() {
	local out=$1 list=() t; shift
	for t; do list+=("$territory.$t"); done
	"$BUILD/tools/kdump" "$bootstrap" "${list[@]}" "${kafka_x[@]+"${kafka_x[@]}"}" >"$out" 2>>"$work/kdump.err"
}
reference() {
	local out=$1 f was_bootstrap=$bootstrap was_registry=$registry; shift
	broker || return 1
	registry=$was_registry
	cnaf "$work/reference"
	for f; do drop "$work/reference" "$f"; done
	"$relais" source "$work/reference/relais.ini" --once 2>>"$work/reference.err" &&
	    (kafka_x=(); dump "$out" "${topics[@]}") || return 1
	halt broker
	bootstrap=$was_bootstrap
}
sink() {
	{
		[ $# -lt 2 ] || printf '%s\n' "$2"
		printf '[connector]\nname = sink_file\nfile = events.jsonl\n'
	} | conf "$1/relais.ini"
}
metric() {
	curl -s -m 5 "http://127.0.0.1:$1/metrics" |
	    awk -v n="$2" '$1 == n || index($1, n "{") == 1 {s += $2; f = 1} END {if (!f) exit 1; printf "%.0f\n", s}'
}
reached() { local n; n=$(metric "$1" "$2") && [ "$n" -ge "$3" ]; }
readyz() { [ "$(curl -s -m 5 -o "$work/readyz" -w '%{http_code}' "http://127.0.0.1:$1/readyz")" = "$2" ]; }
lines() { [ -e "$1" ] && [ "$(wc -l <"$1")" -ge "$2" ]; }
fill() {
	local n f
	history "$work/h" "$@" || return 1
	files=()
	for n in $(seq 99); do f=$(nth "$work/h" "$n" 2>/dev/null) || break; files+=("$f"); done
}
compare() {
	check 'nothing lost, nothing else, same bytes, in order' "$verify" same "$1" "$2"
	sed 's/^/# /' "$work/check.out"
}
gone() { ! running "$1"; }
integrated() { # FOLDER FILE...
	local f folder=$1; shift
	for f; do [ -e "$folder/depot/integres/$(basename "$f")" ] || return 1; done
}
outbox_whole() {
	local tables=(python3 tests/integration/outbox.py tables "$work/topic.jsonl" "$pg_url")
	within 90 outbox_arrived "$work"/written? || :
	check 'every event that was committed is in the topic, in the order of its dossier' outbox_arrived "$work"/written?
	check 'what came twice is the same' tests/events.py order "$work/topic.jsonl"
	within 90 "${tables[@]}" || :
	check 'each is in the tables once, and of each payment the newest' "${tables[@]}"
	check 'nothing was parked' sh -c '! grep -q "parked=[1-9]" "$1"/*.err' - "$work"
}
