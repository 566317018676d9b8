#!/bin/bash
# timeout: 400
# kill -9 of the source at random points, 20 times over a file of 2,000 cases, on a real
# broker: every event of an undisturbed run is there, byte for byte, in order.
. tests/lib.sh
kafka_up || exit 1
real=$bootstrap
history "$work/h" dossiers=2000 months=2 dailies=0 change=300
cp "$(nth "$work/h" 1)" "$work/1.xml"
cp "$(nth "$work/h" 2)" "$work/2.xml"

# the undisturbed run, on the embedded broker, with the same ring and registry
broker || exit 1
registry=$(sed -n 's/^url = //p' "$work/registry.out")
cnaf "$work/quiet"
drop "$work/quiet" "$work/1.xml"
t0=$(date +%s%N)
check 'an undisturbed run' source_once "$work/quiet"
span=$((($(date +%s%N) - t0) / 1000000))
drop "$work/quiet" "$work/2.xml"
check 'a second file' source_once "$work/quiet"
read_topics "$work/quiet.json" eligibility.v1 control.v1
check 'order of the undisturbed run' tests/events.py order "$work/quiet.json"
halt broker
say "undisturbed: $span ms for the first file, $(tests/events.py count "$work/quiet.json") events"

bootstrap=$real
cnaf "$work/s"
"$relais" topics apply -c "$work/s/relais.ini" >/dev/null
drop "$work/s" "$work/1.xml"
drop "$work/s" "$work/2.xml"
kills=0 runs=0
while [ $kills -lt 20 ] && [ $runs -lt 60 ]; do
	runs=$((runs + 1))
	"$relais" source "$work/s/relais.ini" >>"$work/killed.out" 2>>"$work/killed.err" &
	p=$!
	# most of the first blows fall early, so that the file is not done too soon
	sleep "$(printf '%d.%03d' 0 $((50 + (RANDOM % (span > 900 ? 900 : span + 100)) * kills / 20 + RANDOM % 300)))"
	kill -KILL $p 2>/dev/null && kills=$((kills + 1))
	wait $p 2>/dev/null
done
[ $kills = 20 ] && ok 'killed 20 times' || not_ok "killed $kills times"
check 'the source comes to the end of its files' source_once "$work/s"
check 'both files are integrated' test -e "$work/s/depot/integres/1.xml" -a -e "$work/s/depot/integres/2.xml"
read_topics "$work/s.json" eligibility.v1 control.v1
say "after 20 kills: $(wc -l <"$work/s.json") messages, $(tests/events.py count "$work/s.json") events"
check 'nothing lost, nothing else, same bytes, in order' tests/events.py same "$work/quiet.json" "$work/s.json"
check 'sequences have no hole' tests/events.py order "$work/s.json"
rm -rf "$work/s/state"
check 'the state is rebuilt' "$relais" depot rebuild -c "$work/s/relais.ini"
cp "$work"/[12].xml "$work/s/depot/"
check 'both files again' source_once "$work/s"
read_topics "$work/again.json" eligibility.v1 control.v1
[ "$(wc -l <"$work/again.json")" = "$(wc -l <"$work/s.json")" ] && ok 'nothing new after a rebuild' || not_ok 'nothing new after a rebuild'
