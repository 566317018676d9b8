#!/bin/bash
# timeout: 300
# A secure cluster (mutual TLS, deny by default): what is refused says so and ends with 78;
# the Write right, then the Read right, withdrawn in the middle and given back loses nothing.
. tests/lib.sh
kafka_up secure || exit 1
tls=$work/kafka/tls
bootstrap=$(kafka bootstrap | sed 's/:\([0-9]*\)/:\1/')
bootstrap=127.0.0.1:$((${bootstrap##*:} + 30))
acl() { kafka admin org.apache.kafka.tools.AclCommand "$@" >>"$work/acl.out" 2>&1 ||
    kafka admin kafka.admin.AclCommand "$@" >>"$work/acl.out" 2>&1; }
allow() { acl --add --allow-principal User:carol --resource-pattern-type prefixed "$@"; }
history "$work/h" dossiers=6000 months=1 dailies=1 daily=600
cp "$(nth "$work/h" 1)" "$work/1.xml"
port=$(free_port)
cnaf "$work/s" "[ops]
listen = 127.0.0.1:$port
ready_age_ms = 3000
[limits]
inflight_records = 200"
secure=(-X kafka.security.protocol=ssl -X kafka.ssl.ca.location="$tls/ca.crt"
    -X kafka.ssl.certificate.location="$tls/client.crt" -X kafka.ssl.key.location="$tls/client.key")
as_stranger=(-X kafka.security.protocol=ssl -X kafka.ssl.ca.location="$tls/ca.crt"
    -X kafka.ssl.certificate.location="$tls/stranger.crt" -X kafka.ssl.key.location="$tls/stranger.key")
ini=$work/s/relais.ini
# librdkafka tells a refused certificate only as a lost connection: the source waits and says so
check 'an unknown certificate is told in the log' sh -c '
    timeout -s TERM 12 "$@" 2>"$0" || :; grep -Eq "alert certificate (unknown|required)" "$0"' \
    "$work/stranger.err" "$relais" source "$ini" --once "${as_stranger[@]}"
check 'doctor ends with 1 there too' exits 1 timeout 60 "$relais" doctor "$ini" "${as_stranger[@]}"
check 'without rights a source ends with 78' exits 78 timeout 60 "$relais" source "$ini" --once "${secure[@]}"
check 'doctor ends with 1 there' exits 1 timeout 60 "$relais" doctor "$ini" "${secure[@]}"
allow --operation Create --operation Describe --operation DescribeConfigs --operation Alter --operation AlterConfigs --topic dep93.
acl --add --allow-principal User:carol --operation Create --operation Describe --operation DescribeConfigs --cluster
check 'topics are made with the right to' "$relais" topics apply -c "$ini" "${secure[@]}"
check 'without Write a source ends with 78' exits 78 timeout 60 "$relais" source "$ini" --once "${secure[@]}"
check 'it names the right' grep -q RIGHTS "$work/exits.out"
allow --operation Write --operation Read --topic dep93.
allow --operation Read --operation Describe --group relais.
published() { curl -s "http://127.0.0.1:$port/metrics" | sed -n 's/^relais_events_published_total[^ ]* //p'; }
some() { [ "$(published)" -ge "$1" ]; }
drop "$work/s" "$work/1.xml"
start source "$relais" source "$ini" "${secure[@]}"
wait_for 60 some 300
# it stands still meanwhile: a fast machine would be done before the right is gone
kill -STOP "${pids[source]}"
acl --remove --force --allow-principal User:carol --operation Write --topic dep93. --resource-pattern-type prefixed
kill -CONT "${pids[source]}"
say "Write withdrawn after $(published) events"
ready() { [ "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$port/readyz")" = "$1" ]; }
check 'without Write the source is not ready' wait_for 60 ready 503
sleep 5
running source && ok 'it waits for the right' || not_ok 'it ended when Write was withdrawn'
[ ! -e "$work/s/depot/integres/1.xml" ] && ok 'the file is not called integrated' || not_ok 'the file is called integrated'
allow --operation Write --topic dep93.
check 'with Write given back it finishes by itself' wait_for 90 test -e "$work/s/depot/integres/1.xml"
halt source
[ "$status" = 0 ] && ok 'SIGTERM ends it with 0' || not_ok "SIGTERM ends it with $status"
"$relais" subscribe dep93.eligibility.v1 dep93.control.v1 -b "$bootstrap" -r "$registry" "${secure[@]}" \
    --until-end >"$work/1.json" 2>>"$work/subscribe.err"
check 'order, identity, no hole' tests/events.py order "$work/1.json"
[ "$(tests/events.py count "$work/1.json")" -gt 5000 ] && ok 'all events are there' || not_ok 'all events are there'

# Read withdrawn from a sink and a subscriber that run, while events come
sport=$(free_port)
conf "$work/k/relais.ini" <<-END
	[ops]
	listen = 127.0.0.1:$sport
	[sink]
	topics = eligibility
	[connector]
	name = sink_file
	file = events.jsonl
END
check 'doctor says who may read the topic, and as which group' sh -c '"$@" >"$0"; grep -q "^ok *droits *dep93.eligibility.v1 : lecture accordée à User:carol" "$0" &&
    grep -q "^ok *droits *groupe relais.dep93.essai : lecture accordée à User:carol" "$0" || { cat "$0"; exit 1; }' "$work/doctor.out" "$relais" doctor "$work/k/relais.ini" "${secure[@]}"
start sink "$relais" sink "$work/k/relais.ini" "${secure[@]}"
start reader "$relais" subscribe dep93.eligibility.v1 --from earliest -b "$bootstrap" -r "$registry" "${secure[@]}"
# the sink drops what was sent again: ids are counted
ids() { grep '"topic":"dep93.eligibility.v1"' "$1" | grep -oE '"entete":\{"id":"[^"]*' | sort -u; }
count() { ids "$1" | wc -l; }
has() { [ -e "$1" ] && [ "$(count "$1")" -ge "$2" ]; }
first=$(count "$work/1.json")
check 'the sink has what is there' wait_for 60 has "$work/k/events.jsonl" "$first"
check 'the subscriber has what is there' wait_for 60 has "$work/reader.out" "$first"
acl --remove --force --allow-principal User:carol --operation Read --topic dep93. --resource-pattern-type prefixed
cp "$(nth "$work/h" 2)" "$work/2.xml"
drop "$work/s" "$work/2.xml"
# a source reads its topics at its start: it waits for the right as well
start source2 "$relais" source "$ini" "${secure[@]}"
says() { curl -s "http://127.0.0.1:$sport/readyz" | grep -q 'lecture'; }
check 'without Read the sink is not ready, and says why' wait_for 90 says
sleep 3
running sink && running reader && ok 'both wait for the right' || not_ok 'one ended when Read was withdrawn'
allow --operation Read --topic dep93.
check 'with Read given back the source integrates' wait_for 120 test -e "$work/s/depot/integres/2.xml"
"$relais" subscribe dep93.eligibility.v1 -b "$bootstrap" -r "$registry" "${secure[@]}" --until-end >"$work/2.json" 2>>"$work/subscribe.err"
all=$(count "$work/2.json")
[ "$all" -gt "$first" ] && ok 'there were events meanwhile' || not_ok "no event came: $all of $first"
check 'the sink goes on by itself' wait_for 90 has "$work/k/events.jsonl" "$all"
check 'the subscriber goes on by itself' wait_for 90 has "$work/reader.out" "$all"
halt sink; halt reader; halt source2
ids "$work/2.json" >"$work/want"; ids "$work/k/events.jsonl" >"$work/got"; ids "$work/reader.out" >"$work/read"
same 'the sink misses nothing' "$work/want" "$work/got"
same 'the subscriber misses nothing' "$work/want" "$work/read"
