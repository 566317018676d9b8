#!/bin/sh
# pg.sh COMMAND [ARG...] -- a throwaway PostgreSQL on the loopback, fit for logical
# replication. As root the server runs as the user postgres.
#
#   up           make the cluster, start it
#   run COMMAND...   up, COMMAND with PG_URL and PG_DIR set, down; COMMAND's status
#   down         stop it (and its standby) at once, remove its data
#   url          a connection string (user postgres, no password)
#   sql TEXT     run TEXT, rows on standard output
#   start | stop     stop is clean
#   crash        as a power cut: no checkpoint; then start
#   pid          of the server
#   standby      a second server that follows the first; its commands: PG_NODE=standby pg.sh ...
#   promote      the standby becomes a server of its own (PG_NODE=standby)
#   clone DIR    a copy of the stopped cluster's data, as a backup; restore DIR puts it back
#
#   BUILD     where everything is made                               (build)
#   PG_DIR    where the cluster lives                             (BUILD/pg)
#   PG_BIN    PostgreSQL's programs     (the newest under /usr/lib/postgresql)
#   PG_EXTRA  further lines for postgresql.conf
#
# Roles named scram_* log in over TCP by password only. The port is the first free one,
# remembered beside the data.
set -eu
die() { echo "pg.sh: $*" >&2; exit 1; }
bin=${PG_BIN:-$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)}
[ -x "$bin/initdb" ] || die "no PostgreSQL server (package postgresql), or set PG_BIN"
dir=${PG_DIR:-${BUILD:-build}/pg}
case $dir in /*) ;; *) dir=$PWD/$dir ;; esac
node=${PG_NODE:-data}
export PG_DIR="$dir"
as=; [ "$(id -u)" != 0 ] || as="setpriv --reuid=postgres --regid=postgres --init-groups"

# Where the server's user cannot reach the folder, its data is in a temporary one; `at` says.
home() { cat "$dir/at" 2>/dev/null || echo "$dir"; }
run() { # shellcheck disable=SC2086
	(cd "$(home)" && $as env HOME="$(home)" LC_ALL=C.UTF-8 PATH="$bin:$PATH" "$@"); }
port() { cat "$dir/$node.port"; }
url() { echo "host=127.0.0.1 port=$(port) user=postgres dbname=postgres"; }
sql() { "$bin/psql" -X -q -At -v ON_ERROR_STOP=1 "$(url)" -c "$1"; }
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
start() { run pg_ctl -D "$node" -l "$node.log" -o "-p $(port)" -w -s start || { tail -n 5 "$(home)/$node.log" >&2; return 1; }; }
# a free port can be taken before the server has it
start_new() {
	for try in 1 2 3 4 5; do
		free_port >"$dir/$node.port"
		start 2>"$dir/start.err" && return 0
	done
	cat "$dir/start.err" >&2; return 1
}
stop() { [ ! -f "$(home)/$node/postmaster.pid" ] || run pg_ctl -D "$node" -m "$1" -w -s stop; }
down() {
	[ -e "$dir" ] || return 0
	[ -f "$dir/data.port" ] || [ -z "$(ls -A "$dir")" ] || die "$dir is not a cluster of ours"
	for node in standby data; do stop immediate || :; done
	rm -rf "$(home)" "$dir"
}
settings() {
	cat <<-END
	listen_addresses = '127.0.0.1'
	unix_socket_directories = ''
	wal_level = logical
	password_encryption = 'scram-sha-256'
	max_wal_senders = 8
	max_replication_slots = 8
	max_wal_size = 64MB
	shared_buffers = 32MB
	wal_sender_timeout = 5s
	max_slot_wal_keep_size = 64MB
	${PG_EXTRA:-}
	END
}
up() {
	down; mkdir -p "$dir"; : >"$dir/data.port"; chmod 755 "$dir"
	if [ -n "$as" ]; then
		# shellcheck disable=SC2086
		$as test -x "$dir" 2>/dev/null || mktemp -d "${TMPDIR:-/tmp}/relais-pg.XXXXXX" >"$dir/at"
		chown postgres: "$(home)"
	fi
	# 1 MiB segments: "slot lost" needs megabytes, not gigabytes; nothing is synced while it is made
	run initdb -D data -U postgres -A trust --no-sync --wal-segsize=1 -E UTF8 >"$dir/initdb.log"
	settings >>"$(home)/data/postgresql.conf"
	{ echo 'host all /^scram_ 127.0.0.1/32 scram-sha-256'; cat "$(home)/data/pg_hba.conf"; } >"$dir/hba"
	# before PostgreSQL 16 a role is named, not matched
	[ "$(cut -d. -f1 "$(home)/data/PG_VERSION")" -ge 16 ] ||
	    sed -i 's|/^scram_|scram_one,scram_two,scram_three|' "$dir/hba"
	cat "$dir/hba" >"$(home)/data/pg_hba.conf"
	start_new
}
# By hand: pg_basebackup refuses servers that are newer than itself.
standby() {
	begin="pg_start_backup('standby', true, false)" end=pg_stop_backup
	[ "$(cut -d. -f1 "$(home)/data/PG_VERSION")" -lt 15 ] || begin="pg_backup_start('standby', true)" end=pg_backup_stop
	upstream=$(node=data; url)
	(cd "$(home)" && "$bin/psql" -X -q -At -v ON_ERROR_STOP=1 "$upstream" >/dev/null) <<-END
	SELECT $begin;
	\! cp -a data standby && rm -rf standby/postmaster.pid standby/pg_replslot/*
	SELECT labelfile FROM $end(false) \g standby/backup_label
	END
	node=standby
	echo "primary_conninfo = '$upstream'" >>"$(home)/standby/postgresql.conf"
	run touch standby/standby.signal
	chown --reference="$(home)/data/PG_VERSION" "$(home)/standby/backup_label"
	start_new
}
[ $# -ge 1 ] || { sed -n '2,/^set -eu/s/^# \{0,1\}//p' "$0" >&2; exit 2; }
cmd=$1; shift
case $cmd in
up)    up ;;
run)
	trap down EXIT; trap 'exit 130' INT; trap 'exit 143' TERM HUP
	up; rc=0
	# in the background, so that a signal ends it as well
	PG_URL=$(url) "$@" & child=$!
	trap 'kill $child 2>/dev/null; exit 143' TERM HUP
	wait $child || rc=$?
	exit $rc ;;
down)  down ;;
url)   url ;;
sql)   sql "$1" ;;
start) start ;;
stop)  stop fast ;;
crash) stop immediate; start ;;
pid)   head -n 1 "$(home)/$node/postmaster.pid" ;;
standby) standby ;;
promote) run pg_ctl -D "$node" -w -s promote ;;
clone) run cp -a "$node" "$1" ;;
restore) run rm -rf "$node"; run cp -a "$1" "$node" ;;
*) die "unknown command $cmd" ;;
esac
