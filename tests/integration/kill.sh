#!/bin/bash
# timeout: 300
# kill -9 of the source at random points, 20 times over a file of 2,000 cases: every event
# of an undisturbed run is there once or more, the same bytes, none else, in order.
# KILLS= how often; SEED= the same points again.
. tests/integration/faults.bash
kafka_up || exit 1
fill dossiers=2000 months=2 dailies=1 change=300 daily=50
port=$(free_port)
cnaf "$work/s" "[ops]
listen = 127.0.0.1:$port"
ini=$work/s/relais.ini
check 'the topics are made' "$relais" topics apply -c "$ini"
check 'an undisturbed run, over the embedded broker' reference "$work/want" "${files[@]}"
for f in "${files[@]}"; do drop "$work/s" "$f"; done

# A third of the blows falls in the start, the others while events are on their way; on until
# one has fallen between an event's publication and its state: the next start found events in
# the topics that the state did not know.
amid() { grep -c 'caught up .* taken=[1-9]' "$work/killed.err"; }
kills=${KILLS:-20} hits=0 runs=0
seed=${SEED:-$RANDOM}
RANDOM=$seed
while { [ $hits -lt "$kills" ] || [ "$(amid)" = 0 ]; } && [ $runs -lt $((kills * 3)) ]; do
	runs=$((runs + 1))
	start killed "$relais" source "$ini" "${slow[@]}"
	[ $((RANDOM % 3)) = 0 ] || within 30 reached "$port" relais_events_published_total 1
	sleep "$(printf '0.%03d' $((RANDOM % 500)))"
	running killed && hits=$((hits + 1))
	{ halt killed KILL; } 2>/dev/null
done
say "seed $seed: $hits kills, $(amid) of them before the state knew of an event in the topic"
[ $hits -ge "$kills" ] && ok "killed $kills times or more" || not_ok "killed $hits times"
[ "$(amid)" -gt 0 ] && ok 'also between publication and state' || not_ok 'never between publication and state'
check 'the source comes to the end of its files' source_once "$work/s"
check 'every file is integrated' integrated "$work/s" "${files[@]}"
dump "$work/got" "${topics[@]}"
compare "$work/want" "$work/got"
read_topics "$work/got.json" eligibility.v1 control.v1
check 'sequences have no hole' tests/events.py order "$work/got.json"
check 'what the generator expected' test "$(wc -l <"$work/h/attendu.tsv")" = "$("$verify" count <(grep '^[^	]*eligibility.v1	' "$work/got") | cut -d' ' -f2)"

rm -rf "$work/s/state"
check 'the state is rebuilt from the topics' "$relais" depot rebuild -c "$ini"
for f in "${files[@]}"; do drop "$work/s" "$f"; done
check 'the same files again' source_once "$work/s"
dump "$work/again" "${topics[@]}"
same 'give nothing new' <(sort "$work/got") <(sort "$work/again")
