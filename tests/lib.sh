# lib.sh -- sourced by the test scripts: TAP lines, processes that end by their own pid,
# waiting for a condition, the embedded broker and a configuration for it.
#
#   . tests/lib.sh            from the project's folder; BUILD is set by tests/run.sh
#   ok TEXT | not_ok TEXT     one test
#   check TEXT COMMAND...     ok if COMMAND succeeds
#   same TEXT A B             ok if the files are equal; else their difference
#   skip TEXT WHY             one test that cannot run here
#   start NAME COMMAND...     in the background, output to $work/NAME.out and .err
#   halt NAME [SIGNAL]        ends it, waits, leaves its status in $status
#   wait_for SECONDS COMMAND...
#   broker                    relais broker and its registry; sets $bootstrap, $registry
#   kafka_up [plain|secure]   real Kafka (KAFKA_NODES), a registry, the territory's topics;
#                             sets $bootstrap, $registry; kafka COMMAND... afterwards
#   pg_up                     a PostgreSQL; sets $pg_url; pg COMMAND... afterwards, as pg sql TEXT
#   conf FILE <LINES          an INI file with them, and further lines; $territory: dep93
#   history FOLDER [OPTION=VALUE]...  invented CNAF files and what must come of them;
#                             nth FOLDER N: its N-th file
#   cnaf FOLDER [LINES]       FOLDER/relais.ini of a CNAF source with FOLDER/depot
#   webrsa FOLDER FROM TO     WebRSA's tables with dossiers FROM to TO, their publication, and
#                             FOLDER/relais.ini of source_postgres_table by the example mapping;
#                             webrsa_full: their old rows are whole in the log
#   outbox FOLDER [DSN]       FOLDER/relais.ini of source_postgres_outbox, its table and publication
#   base FOLDER TOPICS [DSN]  FOLDER/relais.ini of sink_postgres; <LINES of [sink]
#   outbox_arrived FILE...    what writers wrote (outbox.py) is in the topic, in its order
#   drop FOLDER FILE [NAME]   as if the CAF had put it there
#   source_once FOLDER        what is there is published; the status is the source's
#   read_topics FILE FAMILY... every event of the territory's topics, as JSON lines
# $work is this script's folder, removed at its end unless a test failed.
set -u
BUILD=${BUILD:-$PWD/build}
relais=$BUILD/relais
script=$(basename "$0" .sh)
mkdir -p "$BUILD/tmp"
work=$(mktemp -d "$BUILD/tmp/$script.XXXXXX")
tests=0 failures=0 status=0
territory=dep93
declare -A pids=()
declare -a at_end=()

say() { echo "# $*"; }
ok() { tests=$((tests + 1)); echo "ok $tests - $*"; }
not_ok() { tests=$((tests + 1)); failures=$((failures + 1)); echo "not ok $tests - $*"; }
skip() { tests=$((tests + 1)); echo "ok $tests - $1 # SKIP $2"; }
check() {
	local text=$1; shift
	if "$@" >"$work/check.out" 2>&1; then ok "$text"; else not_ok "$text"; sed 's/^/#   /' "$work/check.out" | tail -n 30; fi
}
same() {
	if diff -u "$2" "$3" >"$work/check.out" 2>&1; then ok "$1"; else not_ok "$1"; sed 's/^/#   /' "$work/check.out" | head -n 40; fi
}
# exits STATUS COMMAND...: does COMMAND end with it? Its output: $work/exits.out
exits() {
	local want=$1 got=0; shift
	"$@" >"$work/exits.out" 2>&1 || got=$?
	[ "$got" = "$want" ] || { echo "status $got, not $want: $*"; cat "$work/exits.out"; return 1; }
}
wait_for() {
	local end=$((SECONDS + $1)); shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || { say "waited in vain for: $*"; return 1; }
		sleep 0.1
	done
}
start() {
	local name=$1; shift
	"$@" >>"$work/$name.out" 2>>"$work/$name.err" </dev/null &
	pids[$name]=$!
}
running() { [ -n "${pids[$1]:-}" ] && kill -0 "${pids[$1]}" 2>/dev/null; }
halt() { # NAME [SIGNAL]: at most 40 s, then KILL
	local p=${pids[$1]:-} k=0
	[ -n "$p" ] || return 0
	kill -"${2:-TERM}" "$p" 2>/dev/null || :
	while kill -0 "$p" 2>/dev/null && [ $k -lt 400 ]; do sleep 0.1; k=$((k + 1)); done
	kill -KILL "$p" 2>/dev/null || :
	status=0; wait "$p" 2>/dev/null || status=$?
	unset "pids[$1]"
}
finish() {
	local rc=$? name
	trap - EXIT INT TERM HUP
	for name in "${!pids[@]}"; do kill -CONT "${pids[$name]}" 2>/dev/null; done
	for name in "${!pids[@]}"; do halt "$name"; done
	for name in "${at_end[@]+"${at_end[@]}"}"; do eval "$name"; done
	echo "1..$tests"
	if [ "$failures" != 0 ] || [ $rc != 0 ]; then
		say "what was left: $work"
		for name in "$work"/*.err; do
			[ -s "$name" ] && { say "--- $(basename "$name")"; tail -n 25 "$name" | sed 's/^/#   /'; }
		done
		[ $rc != 0 ] || rc=1
	else
		rm -rf "$work"
	fi
	exit $rc
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

broker() {
	rm -f "$work/bootstrap" "$work/broker.out"
	start broker "$relais" broker --bootstrap-file "$work/bootstrap" --registry 127.0.0.1:0 \
	    -X relais.territory="$territory" "$@"
	wait_for 20 test -s "$work/bootstrap" || return 1
	bootstrap=$(cat "$work/bootstrap")
	registry=$(sed -n 's/^url = //p' "$work/broker.out")
}
kafka() { KAFKA_DIR=$work/kafka tests/kafka.sh "$@" 2>>"$work/kafka.err"; }
kafka_up() {
	at_end+=('kafka down')
	kafka up "${1:-plain}" || return 1
	bootstrap=$(kafka bootstrap)
	start registry "$relais" registry --listen 127.0.0.1:0 --dir "$work/registry"
	wait_for 10 grep -q '^url = ' "$work/registry.out" || return 1
	registry=$(sed -n 's/^url = //p' "$work/registry.out")
}
pg() { PG_DIR=$work/pg tests/pg.sh "$@" 2>>"$work/pg.err"; }
pg_up() {
	at_end+=('pg down')
	pg up || return 1
	pg_url=$(pg url)
}
conf() {
	mkdir -p "$(dirname "$1")"
	[ -e "$work/ring" ] || "$relais" keys init "$work/ring" >/dev/null
	cat >"$1" <<-END
	[relais]
	territory = $territory
	instance = essai
	source = urn:relais:cnaf:cristal:$territory
	state = state
	[kafka]
	bootstrap.servers = $bootstrap
	[registry]
	url = $registry
	[keys]
	file = $work/ring
	END
	cat >>"$1"
}
cnaf() {
	mkdir -p "$1/depot"
	{
		printf '[codes]\ndir = %s\n' "$PWD/tests/data/cnaf/codes"
		[ $# -lt 2 ] || printf '%s\n' "$2"
		printf '[connector]\nname = source_cnaf_beneficiaire\ndepot = depot\nquiet_ms = 100\n'
	} | conf "$1/relais.ini"
}
webrsa_tables="dossiers situationsdossiersrsa suspensionsdroits suspensionsversements detailsdroitsrsa detailscalculsdroitsrsa avispcgdroitsrsa reducsrsa foyers adressesfoyers adresses personnes prestations calculsdroitsrsa"
webrsa() {
	local f
	for f in schema dossiers; do psql -X -q -v ON_ERROR_STOP=1 "$pg_url" -f tests/data/webrsa/$f.sql >/dev/null || return 1; done
	pg sql "
	INSERT INTO dossiers (numdemrsa, dtdemrsa, numorg, fonorg, matricule, ideparte)
	  SELECT lpad(i::text, 8, '0') || '093', '2025-01-01', '931', 'CAF', lpad(i::text, 7, '0') || '00000000', '093'
	  FROM generate_series($2, $3) i;
	INSERT INTO foyers (dossier_id, sitfam) SELECT id, 'CEL' FROM dossiers WHERE id > 1000;
	INSERT INTO personnes (foyer_id, nom, prenom, nomnai, dtnai) SELECT id, 'INVENTE', 'NUMERO ' || id, 'INVENTE', '1990-01-01' FROM foyers WHERE id > 1000;
	INSERT INTO prestations (personne_id, natprest, rolepers) SELECT id, 'RSA', 'DEM' FROM personnes WHERE id > 1000;
	INSERT INTO situationsdossiersrsa (dossier_id, etatdosrsa) SELECT id, '2' FROM dossiers WHERE id > 1000;
	INSERT INTO detailsdroitsrsa (dossier_id, nbenfautcha) SELECT id, 0 FROM dossiers WHERE id > 1000;
	INSERT INTO detailscalculsdroitsrsa (detaildroitrsa_id, natpf, ddnatdro, mtrsavers) SELECT id, 'RSD', '2026-01-01', 500 FROM detailsdroitsrsa WHERE id > 1000;" || return 1
	pg sql "CREATE PUBLICATION relais_${territory}_essai FOR TABLE ${webrsa_tables// /, }" || return 1
	printf '[connector]\nname = source_postgres_table\nschema = EvenementDroit\nmapping = %s\ndsn = %s\n' \
	    "$PWD/docs/exemples/webrsa-source.json" "$pg_url" | conf "$1/relais.ini"
}
webrsa_full() { local t; for t in $webrsa_tables; do pg sql "ALTER TABLE $t REPLICA IDENTITY FULL" || return 1; done; }
outbox() {
	pg sql 'CREATE TABLE outbox (id uuid PRIMARY KEY, aggregatetype text, aggregateid text, type text, payload jsonb)' &&
	    pg sql "CREATE PUBLICATION relais_${territory}_essai FOR TABLE outbox" || return 1
	printf '[connector]\nname = source_postgres_outbox\nroutes = paiement=EvenementPaiement\ndsn = %s\n' "${2:-$pg_url}" | conf "$1/relais.ini"
	"$relais" topics apply -c "$1/relais.ini" >/dev/null
}
base() {
	{
		printf '[sink]\ntopics = %s\nflush_ms = 100\n' "$2"
		cat
		printf '[connector]\nname = sink_postgres\ndsn = %s\n' "${3:-$pg_url}"
	} | conf "$1/relais.ini"
}
outbox_arrived() {
	read_topics "$work/topic.jsonl" payments.v1 &&
	    python3 tests/integration/outbox.py compare "$work/topic.jsonl" "$@"
}
drop() {
	cp "$2" "$1/depot/.${3:-$(basename "$2")}.part"
	mv "$1/depot/.${3:-$(basename "$2")}.part" "$1/depot/${3:-$(basename "$2")}"
}
source_once() { "$relais" source "$1/relais.ini" --once "${@:2}" >>"$work/source.out" 2>>"$work/source.err"; }
read_topics() {
	local file=$1 family list=(); shift
	for family; do list+=("$territory.$family"); done
	"$relais" subscribe "${list[@]}" -b "$bootstrap" -r "$registry" -X kafka.fetch.wait.max.ms=10 --until-end \
	    >"$file" 2>>"$work/subscribe.err"
}
history() { mkdir -p "$1" && "$BUILD/tools/cnaf_gen" "$@"; }
nth() { ls "$1"/*_B"$(printf '%07d' "$2")".RCV; }
