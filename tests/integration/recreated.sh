#!/bin/bash
# timeout: 500
# A topic is deleted and made again under its old name, under sinks and a subscriber that run
# and under ones that stand still. The new topic grows beyond the old positions at once: whoever
# went on there would skip its first events in silence. Each either reads it all, or stops with
# POSITION_LOST and reads it all when told to (position_perdue = debut).
. tests/lib.sh
kafka_up plain && pg_up || exit 1
conf "$work/p1/relais.ini" </dev/null
"$relais" topics apply -c "$work/p1/relais.ini" >/dev/null || exit 1
conf "$work/f/relais.ini" <<-END
[sink]
topics = payments
flush_ms = 100
[connector]
name = sink_file
file = events.jsonl
END
base "$work/d" payments </dev/null
sed -i 's/^instance = .*/instance = base/' "$work/d/relais.ini"
"$relais" sink ddl "$work/d/relais.ini" --famille payments >"$work/ddl.sql"
pg sql "$(cat "$work/ddl.sql")" >/dev/null

# publish LIFE COUNT: that many payments of as many dossiers, by a source of its own
publish() {
	local ini=$work/p$1/relais.ini
	[ -e "$ini" ] || conf "$ini" </dev/null
	sed -i "s/^source = .*/source = urn:relais:essai$1:dep93/" "$ini"
	python3 - "$1" "$2" <<-'END' | "$relais" publish EvenementPaiement -c "$ini" 2>>"$work/publish.err"
	import json, sys, uuid
	life, count = sys.argv[1], int(sys.argv[2])
	for i in range(count):
	    name = lambda what: str(uuid.uuid5(uuid.NAMESPACE_OID, f"{what} {life} {i}"))
	    print(json.dumps({"entete": {"id": name("id"), "dossier": f"{i % 40:08d}093", "survenu_le": "2026-01-05",
	          "constate_le": "2026-01-05T10:00:00Z"}, "paiement": name("paiement"), "prestation": "RSA", "fait": "EMIS", "etat": "EMIS",
	          "mois": "2026-01-01", "montant_centimes": 100 + i, "sens": "AJOUT", "destinataire": "ALLOCATAIRE"}))
	END
}
ids() { python3 -c 'import sys, uuid
for i in range(int(sys.argv[2])): print(uuid.uuid5(uuid.NAMESPACE_OID, f"id {sys.argv[1]} {i}"))' "$1" "$2" | sort; }
in_file() { grep -oE '"entete":\{"id":"[^"]*' "$1" | sed 's/.*"//' | sort -u; }
in_base() { pg sql 'SELECT entete_id FROM relais.evenement_paiement' | sort; }
# has WHAT LIFE COUNT: every event of that life, whatever else
has() {
	case $1 in file) in_file "$work/f/events.jsonl" ;; read) in_file "$work/$reader.out" ;; base) in_base ;; esac >"$work/has.$1"
	[ -z "$(comm -13 "$work/has.$1" <(ids "$2" "$3"))" ]
}
over() { ! running "$1"; }
lost() { grep -q 'code=POSITION_LOST' "$work/$1.err" || grep -q 'POSITION_LOST' "$work/$1.err"; }
has_or_lost() { has "$1" "$3" "$4" || { over "$2" && lost "$2"; }; }
launch() { # further options
	start file "$relais" sink "$work/f/relais.ini" -X kafka.session.timeout.ms=6000 "$@"
	start base "$relais" sink "$work/d/relais.ini" -X kafka.session.timeout.ms=6000 "$@"
}
delete() { kafka admin org.apache.kafka.tools.TopicCommand --delete --topic dep93.payments.v1 >/dev/null; }
gone() { ! kafka admin org.apache.kafka.tools.TopicCommand --list | grep -qx dep93.payments.v1; }
remake() { "$relais" topics apply -c "$work/p1/relais.ini" >/dev/null; }
# After the topic was made anew: everyone has the events of LIFE, or stopped and said so, and then
# has them when told to begin again.
everyone() { # LIFE COUNT
	local what name
	for what in file base; do
		check "life $1: the sink to a $what has every event, or says that its position is lost" wait_for 60 has_or_lost $what $what "$1" "$2"
		if over $what; then
			halt $what
			[ "$status" = 78 ] && ok "life $1: it ended with 78" || not_ok "life $1: $what ended with $status"
			grep -q 'made anew\|with their topic' "$work/$what.err" && ok "life $1: it says what may have happened" || not_ok "life $1: what $what says"
			name=$([ $what = file ] && echo f || echo d)
			start $what "$relais" sink "$work/$name/relais.ini" -X kafka.session.timeout.ms=6000 -X sink.position_perdue=debut
			check "life $1: told to begin again, the sink to a $what has every event" wait_for 60 has $what "$1" "$2"
		fi
	done
}

publish 1 60
launch
reader=reader1
start reader1 "$relais" subscribe dep93.payments.v1 --from earliest -b "$bootstrap" -r "$registry"
check 'life 1: the file' wait_for 60 has file 1 60
check 'life 1: the base' wait_for 60 has base 1 60
check 'life 1: the subscriber' wait_for 60 has read 1 60

say "deleted and made again under those that run, once they have looked back"
sleep 11
delete; wait_for 30 gone; sleep 3; remake
publish 2 400
everyone 2 400
check 'life 2: the subscriber has every event, or says that its position is lost' wait_for 60 has_or_lost read reader1 2 400

say 'deleted and made again while all stand still'
halt file; halt base; halt reader1
delete; wait_for 30 gone; remake
publish 3 900
launch
everyone 3 900

say 'emptied by retention, then deleted and made again under those that read nothing of it'
empty() { # GROUP: of another one, it holds nothing
	halt file; halt base
	delete; wait_for 30 gone; remake
	publish "1$1" 30
	python3 -c 'import json; print(json.dumps({"version": 1, "partitions": [
	    {"topic": "dep93.payments.v1", "partition": p, "offset": -1} for p in range(6)]}))' >"$work/empty.json"
	kafka admin org.apache.kafka.tools.DeleteRecordsCommand --offset-json-file "$work/empty.json" >"$work/empty.out"
	sed -i "s/^instance = .*/instance = file$1/" "$work/f/relais.ini"
	sed -i "s/^instance = .*/instance = base$1/" "$work/d/relais.ini"
	launch -X kafka.session.timeout.ms=120000
}
pause() { kill -"$1" "${pids[file]}" "${pids[base]}" "${pids[reader5]}"; }
empty 5
reader=reader5
start reader5 "$relais" subscribe dep93.payments.v1 --from earliest -b "$bootstrap" -r "$registry"
sleep 15
pause STOP # they see nothing of what happens
delete; wait_for 30 gone; remake
publish 5 400
pause CONT
everyone 5 400
check 'life 5: the subscriber has every event, or says that its position is lost' wait_for 60 has_or_lost read reader5 5 400
halt reader5

say 'the same under those that stand still, of one partition with an event'
empty 6
publish 6 1
check 'life 6: the file' wait_for 60 has file 6 1
check 'life 6: the base' wait_for 60 has base 6 1
halt file; halt base
delete; wait_for 30 gone; remake
publish 7 500
launch
everyone 7 500

say 'asked to end while the topic is away'
delete; wait_for 30 gone; sleep 2
for what in file base; do
	before=$SECONDS
	halt $what
	check "a sink to a $what ends within 30 s" [ $((SECONDS - before)) -le 32 ]
	case $status in 0 | 75 | 78) ok "with 0, 75 or 78" ;; *) not_ok "with $status" ;; esac
done
