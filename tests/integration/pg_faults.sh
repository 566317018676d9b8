#!/bin/bash
# timeout: 600
# An outbox to three brokers and from there to tables, two sources (one waits) and two sinks,
# while applications write: faults in an order that a seed gives. Afterwards every event is in
# the topic, in the order of its dossier, and in the tables, once.
# FAULTS= how many; SEED= the same ones again; FAULT= only those so named.
export KAFKA_NODES=3
. tests/integration/faults.bash
KAFKA_ADVERTISE=$(python3 - <<'END'
import random, socket
while True:
    base, held = random.randrange(32000, 36000, 8), []
    try:
        for port in range(base + 1, base + 4):
            held.append(socket.socket())
            held[-1].bind(("127.0.0.1", port))
    except OSError:
        continue
    print(base)
    break
END
)
export KAFKA_ADVERTISE
kafka_up && pg_up || exit 1
base=$(cat "$work/kafka.base")
net() { echo "${@:2}" >"$work/$1.net"; } # kafka|pg WORDS
port=$(free_port) direct=${pg_url#*port=}
direct=${direct%% *}
start kafka_proxy python3 tests/proxy.py "$work/kafka.net" $((KAFKA_ADVERTISE + 1)):$((base + 1)) \
    $((KAFKA_ADVERTISE + 2)):$((base + 2)) $((KAFKA_ADVERTISE + 3)):$((base + 3))
start pg_proxy python3 tests/proxy.py "$work/pg.net" "$port:$direct"
far=${pg_url/port=$direct/port=$port}
for p in kafka pg; do wait_for 10 grep -q ready "$work/${p}_proxy.out" || exit 1; done

# the wall clock of both sources, both sinks and the database
clock=$(mktemp -d)
chmod 755 "$clock"
at_end+=('rm -rf "$clock"')
shift_clock() { python3 -c 'import struct, sys; open(sys.argv[1], "r+b").write(struct.pack("q", int(sys.argv[2])))' "$clock/shift" "$1"; }
head -c 8 /dev/zero >"$clock/shift"
"${CC:-cc}" -shared -fPIC -O1 -o "$clock/clock.so" tests/faults/clock.c || exit 1
clocked() { CLOCK_SHIFT=$clock/shift LD_PRELOAD=$clock/clock.so "$@"; }
pg stop && clocked pg start || exit 1

base "$work/k" payments "$far" <<<'batch_records = 50'
outbox "$work/s" "$far" && "$relais" slot create "$work/s/relais.ini" >/dev/null || exit 1
pg sql "$("$relais" sink ddl "$work/k/relais.ini" --historique --famille payments)" || exit 1
quick=(-X kafka.linger.ms=300 -X kafka.socket.timeout.ms=4000 -X kafka.reconnect.backoff.max.ms=500)
source() { clocked start "source$1" "$relais" source "$work/s/relais.ini" -X "relais.state=state$1" "${quick[@]}"; }
sink() { clocked start "sink$1" "$relais" sink "$work/k/relais.ini" "${quick[@]}" -X kafka.session.timeout.ms=6000 -X kafka.heartbeat.interval.ms=500; }
source 1
wait_for 30 grep -q started "$work/source1.err" || exit 1
source 2
# one whose state is empty beside events would not start
wait_for 30 grep -q 'caught up' "$work/source2.err" || exit 1
sink 1
sink 2
for w in 1 2 3; do start "writer$w" python3 tests/integration/outbox.py write "$pg_url" "$w" 0 "$work/written$w"; done
rows() { pg sql 'SELECT count(*) FROM relais.evenement_paiement_historique' || echo 0; }
moves() { [ "$(rows)" -gt "$1" ]; }

nap() { sleep "$((RANDOM % $1)).$((RANDOM % 10))"; }
again() { halt "$1$2" KILL; "$1" "$2"; }
frozen() { kill -STOP "${pids[$1]}"; sleep "$2"; kill -CONT "${pids[$1]}"; }
fault_source_killed() { again source 1; }
fault_other_source_killed() { again source 2; }
fault_sink_killed() { again sink 1; }
fault_sinks_killed() { again sink 1; again sink 2; }
fault_sink_leaves() { halt sink2; nap 3; sink 2; }
fault_source_frozen() { frozen source1 12; }
fault_other_source_frozen() { frozen source2 12; }
fault_sink_frozen() { frozen sink1 9; }
fault_postgres_crashes() { clocked pg crash; }
fault_postgres_restarts() { pg stop; nap 3; clocked pg start; }
fault_backends_terminated() { for _ in 1 2 3; do pg sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'relais/%'" >/dev/null; nap 2; done; }
fault_postgres_silent() { net pg hold; sleep 9; net pg pass; }
fault_postgres_half_open() { net pg hold; sleep 7; net pg reset; }
fault_postgres_reset() { net pg reset; nap 2; net pg pass; }
fault_postgres_slow() { net pg slow 4000; sleep 6; net pg pass; }
fault_postgres_refuses() { net pg refuse; nap 4; net pg pass; }
fault_kafka_silent() { net kafka hold; sleep 8; net kafka pass; }
fault_kafka_half_open() { net kafka hold; sleep 6; net kafka reset; }
fault_kafka_reset() { net kafka reset; nap 2; net kafka pass; }
fault_kafka_slow() { net kafka slow 8000; sleep 6; net kafka pass; }
fault_leader_killed() { local n; n=$(kafka leader dep93.payments.v1); kafka signal KILL "$n"; sleep 4; kafka start "$n"; }
fault_leader_frozen() { local n; n=$(kafka leader dep93.payments.v1); kafka signal STOP "$n"; sleep 6; kafka signal CONT "$n"; }
fault_too_few_replicas() { kafka signal KILL 2; kafka signal KILL 3; sleep 5; kafka start 2; kafka start 3; }
fault_clock_forward() { shift_clock $((RANDOM % 3000)); nap 3; } # Kafka refuses what is an hour ahead
fault_clock_back() { shift_clock $((-RANDOM * 9)); nap 3; }
mapfile -t all < <(declare -F | sed -n 's/^declare -f fault_//p' | grep -E "${FAULT:-.}")

seed=${SEED:-$RANDOM}
RANDOM=$seed
say "seed $seed"
# every fault once before any comes again
order=()
while [ ${#order[@]} -lt "${FAULTS:-10}" ]; do
	mapfile -t all < <(for f in "${all[@]}"; do echo "$RANDOM $f"; done | sort -n | cut -d' ' -f2)
	order+=("${all[@]}")
done
order=("${order[@]:0:${FAULTS:-10}}")
check 'events flow from end to end' wait_for 60 moves 20
stuck=0
for f in "${order[@]}"; do
	n=$(rows)
	nap 2
	"fault_$f"
	for p in source1 source2 sink1 sink2; do
		running $p || { not_ok "$p ended after $f"; ${p%?} ${p#"${p%?}"}; }
	done
	within 60 moves "$n" || { stuck=$((stuck + 1)); say "nothing moved after $f"; }
done
is "after each of ${#order[@]} faults it goes on" $stuck 0

shift_clock 0
for w in 1 2 3; do touch "$work/written$w.end"; done
for w in 1 2 3; do wait "${pids[writer$w]}"; unset "pids[writer$w]"; done
outbox_whole
say "$(wc -l <"$work/topic.jsonl") messages, $(rows) events"
for p in source1 source2 sink1 sink2; do halt $p; done
ended 'SIGTERM ends a sink with 0' 0
check 'no row is in a log' sh -c '! grep -E "Failing row|Key \(|DETAIL" "$1"/s*.err' - "$work"
