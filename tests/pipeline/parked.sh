#!/bin/bash
# timeout: 120
# A source of which nothing passes goes on, and says that it is not ready, until something does.
. tests/lib.sh
broker || exit 1
port=$(free_port)
cnaf "$work/s" "[ops]
listen = 127.0.0.1:$port"
history "$work/h" dossiers=250 months=2 dailies=0
says() { [ "$(curl -s -o "$work/readyz" -w '%{http_code}' "http://127.0.0.1:$port/readyz")" = "$1" ]; }

sed 's|<NUMDEMRSA>[0-9]*|<NUMDEMRSA>0|' "$(nth "$work/h" 1)" >"$work/broken.xml"
start source "$relais" source "$work/s/relais.ini"
check 'it is ready' wait_for 20 says 200
drop "$work/s" "$work/broken.xml"
check 'it is not where all is parked' wait_for 30 says 503
check 'it says why' grep -q 'mis de côté' "$work/readyz"
check 'so does the log, with code and field' grep -q 'parked_in_a_row=100 code=DUPLICATE where=.*MATRICULE' "$work/source.err"
check 'the file was read to its end' wait_for 30 test -e "$work/s/depot/integres/broken.xml"
fine=$(nth "$work/h" 2)
drop "$work/s" "$fine"
check 'it is ready again once something passes' wait_for 30 says 200
wait_for 30 test -e "$work/s/depot/integres/${fine##*/}" # within a file, its end has another status
halt source
check 'it ends as it was told' test "$status" = 0
