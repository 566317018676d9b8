#!/bin/bash
# timeout: 300
# One node of Apache Kafka 4: topics, doctor, a monthly and a daily file, publish, sink,
# subscribe from a date; what the embedded broker cannot show.
. tests/lib.sh
territory=dep099
d=tests/data/cnaf
kafka_up || exit 1
cnaf "$work/s"
ini=$work/s/relais.ini
is() { [ "$2" = "$3" ] && ok "$1" || not_ok "$1: $2, not $3"; }

check 'without its topics a source ends with 78' exits 78 "$relais" source "$ini" --once
check 'it names the topic' grep -q "$territory\.[a-z]*\.v1" "$work/exits.out"
check 'doctor ends with 1' exits 1 "$relais" doctor "$ini"
check 'doctor says what to do' grep -q 'relais topics apply' "$work/exits.out"
check 'topics plan ends with 1 while something is missing' exits 1 "$relais" topics plan -c "$ini"
check 'topics apply makes them' "$relais" topics apply -c "$ini"
check 'then there is nothing to do' exits 0 "$relais" topics plan -c "$ini"
check 'apply again changes nothing' exits 0 "$relais" topics apply -c "$ini"
kafka admin org.apache.kafka.tools.TopicCommand --describe --topic "$territory.eligibility.v1" >"$work/described"
check 'the topic has 6 partitions' grep -q 'PartitionCount: 6' "$work/described"
check 'it deletes by time, never compacts' sh -c '! grep -q compact "$0" && grep -q retention.ms "$0"' "$work/described"
kafka admin kafka.admin.ConfigCommand --entity-type topics --entity-name "$territory.eligibility.v1" \
    --alter --add-config retention.ms=1000 >/dev/null
check 'plan sees a changed retention' exits 1 "$relais" topics plan -c "$ini"
check 'apply puts it right' sh -c '"$0" topics apply -c "$1" && "$0" topics plan -c "$1"' "$relais" "$ini"
check 'doctor ends with 0' exits 0 "$relais" doctor "$ini"

before=$(date -u +%Y-%m-%dT%H:%M:%SZ)
drop "$work/s" "$d/mensuel-correct.xml"
check 'a monthly file is integrated' source_once "$work/s"
sleep 1.1
middle=$(date -u +%Y-%m-%dT%H:%M:%SZ)
drop "$work/s" "$d/quotidien-correct.xml"
check 'a daily file is integrated' source_once "$work/s"
read_topics "$work/all.json" eligibility.v1 control.v1
check 'order and identity' tests/events.py order "$work/all.json"
is 'six events and two control events' "$(tests/events.py count "$work/all.json")" 8
since() { "$relais" subscribe "$territory.eligibility.v1" -b "$bootstrap" -r "$registry" --from "$1" --until-end 2>/dev/null | wc -l; }
is 'from a date before: all' "$(since "$before")" 6
is 'from a date between: what came later' "$(since "$middle")" 1
is 'from tomorrow: nothing' "$(since "$(date -u -d tomorrow +%Y-%m-%dT%H:%M:%SZ)")" 0

# on the embedded broker the same files are the same bytes
real=$bootstrap
broker || exit 1
mkdir "$work/m"
registry=$(sed -n 's/^url = //p' "$work/registry.out")
cnaf "$work/m"
drop "$work/m" "$d/mensuel-correct.xml"
source_once "$work/m"
drop "$work/m" "$d/quotidien-correct.xml"
source_once "$work/m"
read_topics "$work/mock.json" eligibility.v1 control.v1
check 'the embedded broker carries the same events' tests/events.py same "$work/all.json" "$work/mock.json"
bootstrap=$real

start first "$relais" source "$ini"
wait_for 20 grep -q . "$work/first.err"
sleep 1
check 'a second process on the same state ends with 78' exits 78 "$relais" source "$ini"
check 'it says why' grep -q STATE_LOCKED "$work/exits.out"
cp "$d/quotidien-correct.xml" "$work/late.xml"
sed -i 's|<DTCREAFLUX>2026-02-06|<DTCREAFLUX>2026-02-07|; s|0000455.00|0000460.00|g' "$work/late.xml"
start live "$relais" subscribe "$territory.eligibility.v1" -b "$bootstrap" -r "$registry" --group "relais.$territory.live" --from latest
sleep 3
drop "$work/s" "$work/late.xml"
check 'a running source takes a dropped file' wait_for 30 test -e "$work/s/depot/integres/late.xml"
check 'a running subscriber prints it' wait_for 10 grep -q '"montant_mensuel_centimes":46000' "$work/live.out"
halt first
is 'SIGTERM ends the source' "$status" 0
halt live
is 'SIGTERM ends the subscriber' "$status" 0

conf "$work/sink/relais.ini" <<END
[sink]
topics = $territory.eligibility.v1
[connector]
name = sink_file
file = events.jsonl
END
check 'a sink takes it all' "$relais" sink "$work/sink/relais.ini" --once
is 'seven lines' "$(wc -l <"$work/sink/events.jsonl")" 7
check 'the sink again: nothing twice' "$relais" sink "$work/sink/relais.ini" --once
is 'still seven lines' "$(wc -l <"$work/sink/events.jsonl")" 7
check 'SCRAM is refused under librdkafka 2.6.1, and says why' sh -c '
	case $("$0" --version) in *"librdkafka 2."[0-5].*|*"librdkafka 2.6.0"*) ;; *) exit 0 ;; esac
	"$0" conf check "$1" -X kafka.sasl.mechanism=SCRAM-SHA-512 -X kafka.security.protocol=sasl_ssl 2>&1 | grep -qi scram' "$relais" "$ini"
