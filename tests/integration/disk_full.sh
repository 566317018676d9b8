#!/bin/bash
# timeout: 300
# The disk of Kafka, then that of PostgreSQL, full in the middle of an outbox that is published
# and written to tables: once there is room again everything goes on, nothing is lost. Disks of
# 200 MiB in memory: only root can make them.
. tests/integration/faults.bash
if [ "$(id -u)" != 0 ]; then skip 'full disks' 'only root can make a small one'; exit 0; fi
small=$(mktemp -d)
chmod 755 "$small"
mount -t tmpfs -o size=200m,mode=755 tmpfs "$small" 2>"$work/mount.err" || {
	rmdir "$small"; skip 'full disks' 'no tmpfs can be mounted here'; exit 0; }
mkdir "$small/kafka" "$small/pg"
kafka() { KAFKA_DIR=$small/kafka/node tests/kafka.sh "$@" 2>>"$work/kafka.err"; }
pg() { PG_DIR=$small/pg/server tests/pg.sh "$@" 2>>"$work/pg.err"; }
fill_disk() { head -c 300M /dev/zero >"$small/ballast" 2>/dev/null || :; }
kafka_up && pg_up || exit 1
at_end+=('umount "$small" && rmdir "$small"')
base "$work/k" payments </dev/null
outbox "$work/s" && "$relais" slot create "$work/s/relais.ini" >/dev/null || exit 1
pg sql "$("$relais" sink ddl "$work/k/relais.ini" --historique --famille payments)" || exit 1
start source "$relais" source "$work/s/relais.ini"
start sink "$relais" sink "$work/k/relais.ini"
for w in 1 2; do start "writer$w" python3 tests/integration/outbox.py write "$pg_url" "$w" 0 "$work/written$w"; done
rows() { pg sql 'SELECT count(*) FROM relais.evenement_paiement_historique' || echo 0; }
moves() { [ "$(rows)" -gt "$1" ]; }
kafka_gone() { ! kill -0 "$(kafka pid 1)" 2>/dev/null; }
check 'events flow from end to end' within 60 moves 20

fill_disk
check 'without room PostgreSQL writes nothing more' within 60 sh -c '! psql -X -q "$1" -c "CREATE TABLE plein AS SELECT repeat(md5(i::text), 50) FROM generate_series(1, 100000) i"' - "$pg_url"
sleep 3
kafka_gone && say 'Kafka ended' || say 'Kafka goes on, in what it had taken before'
for p in source sink; do running $p && ok "the $p waits" || not_ok "the $p ended on a full disk"; done
rm -f "$small/ballast"
if kafka_gone; then kafka start 1; fi
pg sql 'SELECT 1' >/dev/null || pg start
check 'with room again it goes on' within 90 moves "$(rows)"
for w in 1 2; do touch "$work/written$w.end"; done
for w in 1 2; do wait "${pids[writer$w]}"; unset "pids[writer$w]"; done
outbox_whole
halt source; halt sink
ended 'SIGTERM ends the sink with 0' 0
