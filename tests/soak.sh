#!/bin/bash
# soak.sh BUILD -- hours instead of minutes: many histories before the second implementation, many
# kills of the source over a real Kafka, many faults of PostgreSQL, Kafka, clocks and networks
# between an outbox and tables, a first load of millions of objects (soak/snapshot.sh), Debezium that hands its slot
# over (soak/debezium.sh: a minute, alone by ONLY=debezium tests/run.sh build soak).
# HISTORIES=100 KILLS=200 FAULTS=200 ROWS=10000000; each part ends with its sum.
cd "$(dirname "$0")/.." || exit 1
export SEEDS KILLS=${KILLS:-200} SLOW=20
SEEDS=$(seq -s ' ' "${HISTORIES:-100}")
rc=0
tests/run.sh "$1" soak || rc=1
ONLY=oracle tests/run.sh "$1" pipeline || rc=1
ONLY=kill tests/run.sh "$1" integration || rc=1
FAULTS=${FAULTS:-200} ONLY=pg_faults tests/run.sh "$1" integration || rc=1
exit $rc
