#!/bin/bash
# timeout: 300
# Every sample of the CNAF's Beneficiaire flow, each in a fresh territory's topics: which
# events, which are parked, what becomes of the file.
. tests/lib.sh
territory=dep099
d=tests/data/cnaf
broker || exit 1

# expect NAME FILE... : a source that begins with nothing is given the files in turn;
# standard input: the lines of events.py list, `-` for none
n=0
expect() {
	local name=$1 file rc=0; shift
	cat >"$work/$name.want"
	n=$((n + 1))
	halt broker; broker || exit 1
	cnaf "$work/$name"
	for file; do
		drop "$work/$name" "$d/$file"
		source_once "$work/$name" || rc=$?
	done
	[ $rc = 0 ] && ok "$name: the source ends well" || not_ok "$name: the source ends with $rc"
	{
		read_topics "$work/$name.json" eligibility.v1 && tests/events.py list "$work/$name.json" | cut -d' ' -f3- | sort
		read_topics "$work/$name.dlq" eligibility.v1.dlq && tests/events.py list "$work/$name.dlq" | awk '{print "parked", $5}' | sort
		read_topics "$work/$name.ctl" control.v1 && python3 - "$work/$name.ctl" <<-'END'
		import json, sys
		for line in sorted(open(sys.argv[1]), key=lambda l: json.loads(l)["value"]["entete"]["sequence"]):
		    v = json.loads(line)["value"]
		    print(v["issue"], v["acceptes"], v["publies_total"], v["inchanges"], v["perimes"], v["remplaces"],
		          sum(p["nombre"] for p in v["parques"]))
		END
		(cd "$work/$name/depot" && find . -mindepth 2 -type f | sed 's|^\./||' | sort)
	} >"$work/$name.got" 2>&1
	same "$name: events, parked records, control and files" "$work/$name.want" "$work/$name.got"
	check "$name: order and identity" tests/events.py order "$work/$name.json" "$work/$name.ctl"
}

expect correct mensuel-correct.xml <<'END'
1 INITIALISATION MUTATION_CEDEE CLOS 
1 INITIALISATION OUVERTURE OUVERT 
1 INITIALISATION OUVERTURE OUVERT 
1 INITIALISATION REFUS REFUSE 
1 INITIALISATION SUSPENSION_VERSEMENT SUSPENDU_VERSEMENT 
INTEGRE 5 5 0 0 0 0
integres/mensuel-correct.xml
END
expect quotidien mensuel-correct.xml quotidien-correct.xml <<'END'
1 INITIALISATION MUTATION_CEDEE CLOS 
1 INITIALISATION OUVERTURE OUVERT 
1 INITIALISATION OUVERTURE OUVERT 
1 INITIALISATION REFUS REFUSE 
1 INITIALISATION SUSPENSION_VERSEMENT SUSPENDU_VERSEMENT 
2 NORMAL REVISION OUVERT composantes,montant_mensuel_centimes
INTEGRE 5 5 0 0 0 0
INTEGRE 3 1 2 0 0 0
integres/mensuel-correct.xml
integres/quotidien-correct.xml
END
expect zero zero-dossier.xml <<'END'
INTEGRE 0 0 0 0 0 0
integres/zero-dossier.xml
END
expect anomalies anomalies.xml <<'END'
INTEGRE 1 0 1 0 0 0
integres/anomalies.xml
END
expect tronque mensuel-tronque.xml <<'END'
REFUSE 0 0 0 0 0 0
refuses/mensuel-tronque.xml
refuses/mensuel-tronque.xml.motif
END
expect mauvais-total mensuel-mauvais-total.xml <<'END'
RETENU 0 0 0 0 0 0
retenus/mensuel-mauvais-total.xml
retenus/mensuel-mauvais-total.xml.motif
END
expect doublon mensuel-doublon.xml <<'END'
1 INITIALISATION MUTATION_CEDEE CLOS 
1 INITIALISATION OUVERTURE OUVERT 
1 INITIALISATION OUVERTURE OUVERT 
1 INITIALISATION REFUS REFUSE 
1 INITIALISATION SUSPENSION_VERSEMENT SUSPENDU_VERSEMENT 
INTEGRE 6 5 0 0 1 0
integres/mensuel-doublon.xml
END
check 'doublon: the last of a case counts' grep -q '"montant_mensuel_centimes":77777' "$work/doublon.json"
expect cle-nir mensuel-cle-nir.xml <<'END'
1 INITIALISATION MUTATION_CEDEE CLOS 
1 INITIALISATION OUVERTURE OUVERT 
1 INITIALISATION OUVERTURE OUVERT 
1 INITIALISATION REFUS REFUSE 
1 INITIALISATION SUSPENSION_VERSEMENT SUSPENDU_VERSEMENT 
INTEGRE 5 5 0 0 0 0
integres/mensuel-cle-nir.xml
END
check 'cle-nir: the wrong NIR is told as such' grep -q NIR_INVALIDE "$work/cle-nir.json"
expect code-inconnu mensuel-code-inconnu.xml <<'END'
1 INITIALISATION MUTATION_CEDEE CLOS 
1 INITIALISATION OUVERTURE OUVERT 
1 INITIALISATION REFUS REFUSE 
parked CODE_UNKNOWN
parked CODE_UNKNOWN
INTEGRE 3 3 0 0 0 2
integres/mensuel-code-inconnu.xml
END
expect valeur-impossible mensuel-valeur-impossible.xml <<'END'
1 INITIALISATION MUTATION_CEDEE CLOS 
1 INITIALISATION REFUS REFUSE 
1 INITIALISATION SUSPENSION_VERSEMENT SUSPENDU_VERSEMENT 
parked FIELD_RULE
parked FIELD_TYPE
INTEGRE 3 3 0 0 0 2
integres/mensuel-valeur-impossible.xml
END
expect sans-entete mensuel-sans-entete.xml <<'END'
REFUSE 0 0 0 0 0 0
refuses/mensuel-sans-entete.xml
refuses/mensuel-sans-entete.xml.motif
END
expect mauvaise-declaration mensuel-mauvaise-declaration.xml <<'END'
REFUSE 0 0 0 0 0 0
refuses/mensuel-mauvaise-declaration.xml
refuses/mensuel-mauvaise-declaration.xml.motif
END
# The same header with other bytes: a person decides.
expect accents mensuel-accents-iso-8859-1.xml mensuel-accents-utf-8.xml <<'END'
1 INITIALISATION OUVERTURE OUVERT 
1 INITIALISATION OUVERTURE OUVERT 
1 INITIALISATION SUSPENSION_VERSEMENT SUSPENDU_VERSEMENT 
INTEGRE 3 3 0 0 0 0
RETENU 0 0 0 0 0 0
integres/mensuel-accents-iso-8859-1.xml
retenus/mensuel-accents-utf-8.xml
retenus/mensuel-accents-utf-8.xml.motif
END
# The same values in two encodings are the same events.
names() { "$relais" subscribe $territory.eligibility.v1 -b "$bootstrap" -r "$registry" --keys "$work/ring" --until-end 2>/dev/null |
    python3 -c 'import json, sys
print(sorted(json.dumps([json.loads(l)["value"][f] for f in ("personnes", "adresse", "droit")], sort_keys=True) for l in sys.stdin))'; }
for pair in 'accents-iso-8859-1 accents-utf-8' 'oe-iso-8859-15 oe-windows-1252'; do
	for one in $pair; do
		expect "$one" "mensuel-$one.xml" <<-END
		1 INITIALISATION OUVERTURE OUVERT 
		1 INITIALISATION OUVERTURE OUVERT 
		1 INITIALISATION SUSPENSION_VERSEMENT SUSPENDU_VERSEMENT 
		INTEGRE 3 3 0 0 0 0
		integres/mensuel-$one.xml
		END
		names >"$work/$one.names"
	done
	# shellcheck disable=SC2086
	set -- $pair
	same "$1 and $2 say the same" "$work/$1.names" "$work/$2.names"
done
check 'Œ and Š are read' grep -q 'ŠTERNOVA\|\\u0160TERNOVA' "$work/oe-windows-1252.names"
