#!/bin/bash
# run.sh BUILD -- each path beside its yardstick, in one run, in turn (a first pair warms up and is
# not counted): a table, and BUILD/bench.json
# (table.py makes docs/MESURES.md of it). Real Kafka, loopback.
#   PAIRS=9      pairs of publish and consume
#   EVENTS=1000000  messages of one run
#   DOSSIERS=100000  of the large integration
#   PG_ROWS=500000  of PostgreSQL's rows, PG_PAIRS=3 runs in turn (postgres.sh)
set -u
cd "$(dirname "$0")/../.." || exit 1
BUILD=$(cd "$1" && pwd) || exit 1
export BUILD
bin=$BUILD/bench PAIRS=${PAIRS:-9} EVENTS=${EVENTS:-1000000} DOSSIERS=${DOSSIERS:-100000}
. tests/lib.sh >/dev/null
rows=$work/rows

# a run that failed gives no figures: nothing is written at the end
failed() { echo "run.sh: $*" >&2; touch "$work/failed"; }
# row NAME OURS YARDSTICK RATIO UNIT TARGET PAIRS
row() {
	printf '%-34s %12s %12s %8s  %-12s %s\n' "$1" "$2" "$3" "$4" "$5" "$6" >&2
	printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$@" >>"$rows"
}
median() { sort -n | awk '{v[NR] = $1} END {print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2}'; }
rate() { sed -n 's/.*rate=\([0-9.]*\).*/\1/p'; }
# in_turn NAME UNIT TARGET RAW OURS: functions that print rate=
in_turn() {
	local a b k
	"$4" >/dev/null && "$5" >/dev/null || { failed "$1 failed"; return 1; }
	: >"$work/a"; : >"$work/b"; : >"$work/r"
	for k in $(seq "$PAIRS"); do
		if [ $((k % 2)) = 1 ]; then a=$("$4" | rate); b=$("$5" | rate); else b=$("$5" | rate); a=$("$4" | rate); fi
		echo "$a" >>"$work/a"; echo "$b" >>"$work/b"
		awk -v a="$a" -v b="$b" 'BEGIN {print b / a}' >>"$work/r"
	done
	row "$1" "$(median <"$work/b")" "$(median <"$work/a")" "$(median <"$work/r" | awk '{printf "%.3f", $1}')" "$2" "$3" "$PAIRS"
}
fresh_topic() { kafka topic bench."$1" 6 >/dev/null; }
drop_topic() { kafka admin org.apache.kafka.tools.TopicCommand --delete --topic bench."$1" >/dev/null; }
n=0
publish_raw() { n=$((n + 1)); fresh_topic r$n; "$bin/bench_publish" raw "$bootstrap" bench.r$n "$EVENTS"; drop_topic r$n; }
publish_ours() { n=$((n + 1)); fresh_topic o$n; "$bin/bench_publish" ours "$bootstrap" bench.o$n "$EVENTS"; drop_topic o$n; }
consume_raw() { "$bin/bench_consume" raw "$bootstrap" "$registry" bench.c "$EVENTS"; }
consume_ours() { "$bin/bench_consume" ours "$bootstrap" "$registry" bench.c "$EVENTS"; }
# integrate FOLDER: seconds, CPU seconds, peak RssAnon in kB of a source run
integrate() {
	local peak=0 now p t0=$EPOCHREALTIME
	"$relais" source "$1/relais.ini" --once -X kafka.queue.buffering.max.kbytes=16384 2>>"$work/source.err" &
	p=$!
	while cpu=$(awk '{print ($14 + $15) / 100}' /proc/$p/stat 2>/dev/null) && [ -n "$cpu" ]; do
		now=$(awk '/^RssAnon/ {print $2}' /proc/$p/status 2>/dev/null)
		[ "${now:-0}" -le $peak ] || peak=$now
		last=$cpu
		sleep 0.05
		[ "$(awk '{print $3}' /proc/$p/stat 2>/dev/null)" != Z ] || break
	done
	wait $p || failed "the source ended with $?"
	awk -v a="$t0" -v b="$EPOCHREALTIME" -v c="$last" -v m=$peak 'BEGIN {print b - a, c, m}'
}
integration() { # DOSSIERS IDEPARTE
	local s=$work/i$1 seconds cpu peak
	history "$work/h$1" dossiers="$1" months=2 dailies=0 ideparte="$2"
	cnaf "$s"
	for n in 1 2; do
		cp "$(nth "$work/h$1" $n)" "$s/depot/"
		read -r seconds cpu peak < <(integrate "$s")
		[ $n = 1 ] && what='first load' || what='second month'
		row "integration, $what, $1" "$(awk -v n="$1" -v s="$seconds" 'BEGIN {printf "%.0f", n / s}')" - - 'dossiers/s' 'reported' 1
		row "  CPU" "$cpu" - - 's' 'reported' 1
		row "  RssAnon" "$(awk -v m="$peak" 'BEGIN {printf "%.1f", m / 1024}')" 96 "$(awk -v m="$peak" 'BEGIN {printf "%.2f", m / 1024 / 96}')" 'MB' '<= 96 MB' 1
	done
}

printf '%-34s %12s %12s %8s  %-12s %s\n' path ours yardstick ratio unit target >&2
while read -r name ours yard ratio; do
	case $name in
	encode*) row "encode (avro-c)" "$ours" "$yard" "$ratio" ns '>= 5' 9 ;;
	resolve) row "resolve (plain decode)" "$ours" "$yard" "$ratio" ns '>= 0.67' 9 ;;
	decode*) row "decode (avro-c)" "$ours" "$yard" "$ratio" ns '>= 8' 9 ;;
	esac
done < <("$bin/bench_avro")
read -r _ ours yard ratio < <("$bin/bench_protect" | grep '^protect')
row 'protect (bare OpenSSL)' "$ours" "$yard" "$ratio" ns '>= 0.80' 9
history "$work/check" dossiers=20000 months=1 dailies=0
read -r ours yard ratio < <("$bin/bench_cnaf" "$(nth "$work/check" 1)" 5 | sed -n 's/.*ours_MBps=\([^ ]*\) yard_MBps=\([^ ]*\) ratio=\([^ ]*\).*/\1 \2 \3/p')
row 'CNAF checking pass (expat)' "$ours" "$yard" "$ratio" MB/s '>= 0.4' 5
export KAFKA_JVM=${KAFKA_JVM:--Xms1g -Xmx1g}
kafka_up || exit 1
in_turn 'publish (raw librdkafka)' 'events/s' '>= 0.95' publish_raw publish_ours
fresh_topic c
"$bin/bench_consume" fill "$bootstrap" "$registry" bench.c "$EVENTS" >/dev/null
in_turn 'consume and decode (raw batches)' 'events/s' '>= 0.95' consume_raw consume_ours
conf "$work/topics.ini" </dev/null
"$relais" topics apply -c "$work/topics.ini" >/dev/null
integration 1000 093
territory=dep92
conf "$work/topics.ini" </dev/null
"$relais" topics apply -c "$work/topics.ini" >/dev/null
integration "$DOSSIERS" 092
. tests/bench/postgres.sh
[ ! -e "$work/failed" ] || exit 1
python3 - "$rows" "$BUILD/bench.json" <<'END'
import json, sys
keys = ("name", "ours", "yardstick", "ratio", "unit", "target", "pairs")
rows = [dict(zip(keys, line.rstrip("\n").split("\t"))) for line in open(sys.argv[1], encoding="utf-8")]
for r in rows:
    for k in ("ours", "yardstick", "ratio", "pairs"):
        r[k] = None if r[k] == "-" else float(r[k])
json.dump(rows, open(sys.argv[2], "w", encoding="utf-8"), indent=1, ensure_ascii=False)
END
echo "$BUILD/bench.json" >&2
