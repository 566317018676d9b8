#!/bin/bash
# run.sh BUILD -- foreign clients of the embedded registry: each registers every contract,
# all must be told the same ids, and each reads back what its own serializer wrote.
# Not part of `make test`: the clients come from PyPI, npm, the Go proxy and Maven Central.
#   CLIENTS="python node go java"   which ones; one whose tool is absent is skipped
set -u
cd "$(dirname "$0")/../.." || exit 1
BUILD=$(mkdir -p "${1:-build}" && cd "${1:-build}" && pwd) || exit 1
work=$BUILD/interop
mkdir -p "$work"
rm -rf "$work/registry"
passed=0 failed=0 skipped=0

"$BUILD/relais" registry --listen 127.0.0.1:0 --dir "$work/registry" >"$work/registry.out" 2>"$work/registry.err" &
server=$!
trap 'kill "$server" 2>/dev/null; wait "$server" 2>/dev/null' EXIT
for _ in $(seq 100); do
	url=$(sed -n 's/^url = //p' "$work/registry.out")
	[ -n "$url" ] && break
	sleep 0.1
done
[ -n "$url" ] || { cat "$work/registry.err"; exit 1; }
contracts=$(echo schemas/*/*.avsc)

python() {
	[ -x "$work/venv/bin/python" ] || python3 -m venv "$work/venv" || return 1
	"$work/venv/bin/pip" install -q -r tests/interop/python/requirements.txt || return 1
	"$work/venv/bin/python" tests/interop/python/client.py "$@"
}
node() {
	mkdir -p "$work/node" && cp tests/interop/node/* "$work/node" || return 1
	npm --prefix "$work/node" install --silent >&2 || return 1
	command node "$work/node/client.js" "$@"
}
go() {
	mkdir -p "$work/go" && cp tests/interop/go/* "$work/go" || return 1
	(cd "$work/go" && command go build -o client .) >&2 || return 1
	"$work/go/client" "$@"
}
java() {
	mvn -q -B -f tests/interop/java/pom.xml dependency:copy-dependencies "-DoutputDirectory=$work/jars" >&2 || return 1
	command java -cp "$work/jars/*" tests/interop/java/Client.java "$@"
}

# A client prints "NAME ID" a contract, and fails when anything is not as it should be.
for client in ${CLIENTS:-python node go java}; do
	tool=$client
	[ "$client" = python ] && tool=python3
	if ! type -P "$tool" >/dev/null; then
		echo "ok - $client # SKIP $tool is not installed"; skipped=$((skipped + 1))
	elif ! $client "$url" $contracts >"$work/$client.ids" 2>"$work/$client.err"; then
		echo "not ok - $client"; tail -n 20 "$work/$client.err"; failed=$((failed + 1))
	elif cp -n "$work/$client.ids" "$work/ids.$server" && diff "$work/ids.$server" "$work/$client.ids"; then
		echo "ok - $client: $(wc -l <"$work/$client.ids") contracts"; passed=$((passed + 1))
	else
		echo "not ok - $client was told other ids"; failed=$((failed + 1))
	fi
done
rm -f "$work/ids.$server"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
