#!/bin/bash
# Generated pages are up to date; the README's table leads to files that exist; nothing names
# a machine of ours.
. tests/lib.sh
"$relais" conf doc >"$work/conf.md" 2>&1
same 'docs/CONFIGURATION.md is what relais conf doc says' docs/CONFIGURATION.md "$work/conf.md"
"$relais" conf metrics >"$work/metrics.md" 2>&1
same 'docs/METRICS.md is what relais conf metrics says' docs/METRICS.md "$work/metrics.md"
links() { # FILE: relative links that lead nowhere
	local dir out
	dir=$(dirname "$1")
	out=$(grep -oE '\]\([^)#]+' "$1" | cut -c3- | grep -vE '^[a-z]+:' | while read -r l; do
		[ -e "$dir/$l" ] || echo "$1: $l"
	done)
	[ -z "$out" ] || { echo "$out"; return 1; }
}
for page in README.md docs/*.md; do check "links of $page lead to files" links "$page"; done
paths() { # `path/in/backquotes` of the README that does not exist
	local out
	out=$(grep -oE '`(core|schemas|connectors|producers|consumers|cli|tests|docker|docs)/[A-Za-z0-9_./@-]*`' README.md |
	    tr -d '`' | sort -u | while read -r p; do [ -e "$p" ] || echo "$p"; done)
	[ -z "$out" ] || { echo "$out"; return 1; }
}
check 'every file that the README names exists' paths
check 'README is one page' sh -c '[ "$(grep -c . README.md)" -le 120 ]'
check 'compose.yaml is YAML with the four services' python3 tests/check/compose.py docker/compose.yaml
