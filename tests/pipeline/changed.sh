#!/bin/bash
# timeout: 300
# A file that changes while relais checks or publishes it is refused, whenever it happens;
# the right file given afterwards is integrated, and each household is published once.
. tests/lib.sh
broker || exit 1
history "$work/h" dossiers=9000 months=1 dailies=0
file=$(nth "$work/h" 1)
port=$(free_port)
cnaf "$work/s" "[ops]
listen = 127.0.0.1:$port
[limits]
inflight_records = 500"
start source "$relais" source "$work/s/relais.ini"
read_count() { curl -s "http://127.0.0.1:$port/metrics" | sed -n 's/^relais_records_read_total[^ ]* //p'; }
publishing() { [ "$(read_count)" -gt "$before" ]; }
# The broker stands still: the source publishes until its ring is full, and waits.
half_published() { kill -STOP "${pids[broker]}"; wait_for 30 publishing; }
refused() { test -s "$work/s/depot/refuses/$1.motif"; }
# changed NAME WHEN COMMAND...: after COMMAND, near the file's end
changed() {
	local name=$1 when=$2; shift 2
	drop "$work/s" "$file" "$name"
	wait_for 20 test -e "$work/s/depot/en_cours/$name" || not_ok "$name is taken"
	"$@"
	printf 9 | dd of="$work/s/depot/en_cours/$name" bs=1 seek=$(($(stat -c %s "$file") - 2000)) \
	    conv=notrunc,nocreat status=none 2>"$work/dd.err" || not_ok "$name is changed under way"
	kill -CONT "${pids[broker]}"
	wait_for 150 refused "$name" && ok "changed $when: refused" || not_ok "changed $when: refused"
	check 'its reason says so' grep -q 'FILE_CHANGED' "$work/s/depot/refuses/$name.motif"
}
changed one.xml 'while it is checked' sleep 0.1
before=$(read_count)
changed two.xml 'while it is published' half_published
drop "$work/s" "$file" right.xml
wait_for 90 test -e "$work/s/depot/integres/right.xml" && ok 'the right file is integrated' || not_ok 'the right file is integrated'
halt source
[ "$status" = 0 ] && ok 'the source ends well' || not_ok "the source ends with $status"
read_topics "$work/all" eligibility.v1
[ "$(wc -l <"$work/all")" = 9000 ] && ok 'each household has one event' || not_ok "events: $(wc -l <"$work/all") of 9000"
check 'order and identity' tests/events.py order "$work/all"
