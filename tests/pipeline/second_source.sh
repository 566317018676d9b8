#!/bin/bash
# timeout: 200
# Two sources of one slot, each with a state of its own: the second one waits, and goes on
# where the first one was killed. Made later, its state is made from the topics first.
. tests/lib.sh
broker && pg_up || exit 1
outbox "$work/o" 2>>"$work/outbox.err" # the embedded broker has made the topics
ini=$work/o/relais.ini
pay() { # FROM TO
	pg sql "INSERT INTO outbox SELECT lpad(i::text, 32, '0')::uuid, 'paiement', lpad((i % 7)::text, 8, '0') || '093', 'EMIS',
	  jsonb_build_object('paiement', ('1' || lpad(i::text, 31, '0'))::uuid, 'prestation', 'RSA', 'fait', 'EMIS', 'etat', 'EMIS',
	  'mois', '2026-01-01', 'montant_centimes', 100 + i, 'sens', 'AJOUT', 'destinataire', 'ALLOCATAIRE',
	  'entete', jsonb_build_object('survenu_le', '2026-01-05')) FROM generate_series($1, $2) i"
}
source() { start "source$1" "$relais" source "$ini" -X "relais.state=state$1" -X "ops.listen=127.0.0.1:${ports[$1]}"; }
ids() { read_topics "$work/topic.jsonl" payments.v1 && python3 -c 'import json, sys
print(len({json.loads(l)["value"]["entete"]["id"] for l in open(sys.argv[1])}))' "$work/topic.jsonl"; }
has() { [ "$(ids)" = "$1" ]; }
ready() { [ "$(curl -s -m 5 -o "$work/readyz" -w '%{http_code}' "http://127.0.0.1:${ports[$1]}/readyz")" = "$2" ]; }
ports=("" "$(free_port)" "$(free_port)")
check 'the slot is made' "$relais" slot create "$ini"
source 1
pay 1 20
check 'the first one publishes' wait_for 30 has 20
check 'a state that is empty beside events does not start' exits 78 "$relais" source "$ini" -X relais.state=state2
check '. and it is told how to go on' grep -q 'STATE_EMPTY.*relais depot rebuild' "$work/exits.out"
check 'the second state is made from the topics, while the first one goes on' "$relais" depot rebuild -c "$ini" -X relais.state=state2
source 2
check 'the second one waits: it is not ready' wait_for 30 ready 2 503
check '. and the first one is' ready 1 200
pay 21 40
check 'the first one goes on' wait_for 30 has 40
{ halt source1 KILL; } 2>/dev/null
pay 41 60
check 'killed, the second one publishes what comes' wait_for 60 has 60
check '. and is ready' wait_for 10 ready 2 200
check '. in the order of each case, without a hole' tests/events.py order "$work/topic.jsonl"
source 1
pay 61 80
check 'the first one comes back, and waits' wait_for 30 ready 1 503
halt source2
pay 81 100
check '. until the other one leaves' wait_for 60 has 100
check '. in the order of each case, without a hole' tests/events.py order "$work/topic.jsonl"
check 'nothing was parked' sh -c '! grep -q "parked=[1-9]" "$1"/*.err' - "$work"
