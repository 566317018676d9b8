#!/bin/sh
# deps.sh PACKAGE... -- installs by apt those that are missing; a name that ends in "?" is
# taken only where the distribution has it. Says nothing where nothing is missing.
set -eu

has() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }
# a virtual package (pkg-config on newer Debians) counts when its command is there
has_command() { [ "$1" = pkg-config ] && command -v pkg-config >/dev/null 2>&1; }

command -v dpkg-query >/dev/null 2>&1 || {
	echo "deps.sh: pas de Debian ici ; installez l'equivalent de : $*" >&2
	exit 0
}
missing= optional=
for p; do
	name=${p%\?}
	if has "$name" || has_command "$name"; then continue; fi
	if [ "$p" = "$name" ]; then missing="$missing $name"; else optional="$optional $name"; fi
done
[ -n "$missing$optional" ] || exit 0

sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
# Only optional ones are missing: ask what apt knows already, and be quiet if it has none.
if [ -z "$missing" ]; then
	known=
	for p in $optional; do apt-cache show "$p" >/dev/null 2>&1 && known="$known $p"; done
	[ -n "$known" ] || exit 0
fi
[ -z "$sudo" ] || command -v sudo >/dev/null || { echo "deps.sh: il faut root ou sudo pour :$missing" >&2; exit 1; }
echo "installation :$missing" >&2
log=$(mktemp)
run() { $sudo env DEBIAN_FRONTEND=noninteractive "$@" >>"$log" 2>&1 || { tail -n 20 "$log" >&2; rm -f "$log"; exit 1; }; }
run apt-get -q update
for p in $optional; do
	if apt-cache show "$p" >/dev/null 2>&1; then missing="$missing $p"; fi
done
# shellcheck disable=SC2086
[ -z "$missing" ] || run apt-get -q install -y --no-install-recommends $missing
rm -f "$log"
