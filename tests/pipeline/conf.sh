#!/bin/bash
# Configuration: unknown keys name the nearest, types and bounds are checked, -X wins.
. tests/lib.sh
bootstrap=127.0.0.1:1 registry=http://127.0.0.1:1
conf "$work/a.ini" <<END
[connector]
name = source_cnaf_beneficiaire
depot = depot
END
mkdir "$work/depot"
says() { # TEXT COMMAND...: its output holds TEXT, its status is 78
	local text=$1; shift
	exits 78 "$@" && grep -q -- "$text" "$work/exits.out" || { cat "$work/exits.out"; return 1; }
}
check 'a right file is accepted' "$relais" conf check "$work/a.ini"
check 'an unknown key names the nearest' says 'territory' "$relais" conf check "$work/a.ini" -X relais.teritory=dep93
check 'an unknown section names the nearest' says 'registry' "$relais" conf check "$work/a.ini" -X registri.url=x
check 'an unknown connector names the nearest' says 'sink_file' "$relais" conf check "$work/a.ini" -X connector.name=sink_fil
check 'an unknown key of librdkafka is refused' says 'kafka' "$relais" conf check "$work/a.ini" -X kafka.bootstrap.severs=x
check 'a key that our guarantees rest on is refused' says 'acks' "$relais" conf check "$work/a.ini" -X kafka.acks=1
check 'a number out of its bounds is refused' says 'timeout_ms' "$relais" conf check "$work/a.ini" -X registry.timeout_ms=1
check '-X before the command counts too' says 'territory' "$relais" -X relais.teritory=x conf check "$work/a.ini"
check 'a missing file is named' says 'absent.ini' "$relais" conf check "$work/absent.ini"
printf 'territory = dep93\n' >"$work/b.ini"
check 'a key before any section is refused' says 'b.ini:1' "$relais" conf check "$work/b.ini"
check 'every subcommand that reads a file checks it' says 'territory' "$relais" source "$work/a.ini" -X relais.teritory=x
printf '[relais]\nteritory = dep93\n' >"$work/c.ini"
check 'file and line of an unknown key are told' says 'c.ini:2' "$relais" sink "$work/c.ini"
printf '[relais]\nterritory = dep93\n' >"$work/d.ini"
check 'a file that lacks a key is named' says 'd.ini : \[relais\] instance' "$relais" conf check "$work/d.ini"
printf '[relais]\nterritory = dep93\ninstance = x\n[connector]\nname = sink_fil\n' >"$work/e.ini"
check 'file and line of an unknown connector are told' says 'e.ini:5.*sink_file' "$relais" sink "$work/e.ini"
chmod 644 "$work/ring"
check 'a ring readable by others is refused' says 'ring' "$relais" keys check "$work/ring"
chmod 600 "$work/ring"
check 'keys check never shows a key' sh -c '! "$0" keys check "$1" | grep -qF "$(awk "{print \$5; exit}" "$1")"' "$relais" "$work/ring"
check 'keys init never writes over a ring' exits 78 "$relais" keys init "$work/ring"
(umask 077; "$relais" keys export "$work/ring" --lecteur nir,identite >"$work/reader")
check 'a reader ring has what it was given' sh -c '[ "$(awk "{print \$2}" "$0" | sort | tr "\n" " ")" = "identite nir " ]' "$work/reader"
check 'a reader ring cannot hold the pseudonym key' exits 78 "$relais" keys export "$work/ring" --lecteur pseudonyme
check 'a source refuses a reader ring' says 'KEYRING' "$relais" source "$work/a.ini" --once -X keys.file="$work/reader"
