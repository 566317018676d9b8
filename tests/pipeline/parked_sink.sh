#!/bin/bash
# timeout: 200
# A sink of which nothing passes goes on, and says that it is not ready, until something
# does; beside it, what it parked is given again.
. tests/lib.sh
broker && pg_up || exit 1
conf "$work/pub/relais.ini" </dev/null
port=$(free_port)
base "$work/k" payments <<-END
	[ops]
	listen = 127.0.0.1:$port
END
ini=$work/k/relais.ini
says() { [ "$(curl -s -o "$work/readyz" -w '%{http_code}' "http://127.0.0.1:$port/readyz")" = "$1" ]; }
written() { [ "$(pg sql 'SELECT count(*) FROM relais.evenement_paiement')" = "$1" ]; }
pay() { # FROM TO
	local i
	for i in $(seq "$1" "$2"); do
		sed "s/204c01\"/$(printf 20%04d "$i")\"/; q" tests/demo/6-paiements.json
	done | "$relais" publish EvenementPaiement -c "$work/pub/relais.ini" 2>>"$work/publish.err"
}
"$relais" sink ddl "$ini" --famille payments >"$work/ddl.sql"
pg sql "$(cat "$work/ddl.sql")" >/dev/null
pg sql 'ALTER TABLE relais.evenement_paiement ADD CONSTRAINT aucun CHECK (montant_centimes < 0)' >/dev/null
start sink "$relais" sink "$ini"
check 'it is ready' wait_for 20 says 200
pay 1 110
check 'it is not where all is parked' wait_for 60 says 503
check 'it says why' grep -q 'mis de côté' "$work/readyz"
check 'so does the log, with code and field' grep -q 'parked_in_a_row=100 code=PG_ROW where=' "$work/sink.err"
check 'given again beside it, it is refused again' exits 65 "$relais" dlq reinject -c "$ini"
pg sql 'ALTER TABLE relais.evenement_paiement DROP CONSTRAINT aucun' >/dev/null
pay 111 111
check 'it is ready again once something passes' wait_for 30 says 200
check 'and given again beside it, all is there' "$relais" dlq reinject -c "$ini"
check '. once' written 111
halt sink
check 'it ends as it was told' test "$status" = 0
