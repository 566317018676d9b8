#!/bin/bash
# demo.sh BUILD -- two months of a CAF's files on the embedded broker, told in sentences;
# a placement that redirects a payment; a source killed in the middle; a state rebuilt.
set -u
cd "$(dirname "$0")/../.." || exit 1
BUILD=$(cd "$1" && pwd) || exit 1
relais=$BUILD/relais
work=$(mktemp -d "$BUILD/demo.XXXXXX")
broker= abonne= failures=0 shown=0
territory=dep93
topics="$territory.eligibility.v1 $territory.placements.v1 $territory.payments.v1 $territory.control.v1"

finish() {
	trap - EXIT
	for p in $abonne $broker; do kill "$p" 2>/dev/null; wait "$p" 2>/dev/null; done
	if [ "$failures" = 0 ] && [ "${1:-0}" = 0 ]; then rm -rf "$work"; else echo "(traces : $work)"; fi
}
trap 'finish $?' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

if [ -t 1 ]; then gras=$(printf '\033[1m') pale=$(printf '\033[2m') fin=$(printf '\033[0m'); else gras= pale= fin=; fi
titre() { printf '\n%s%s%s\n' "$gras" "$*" "$fin"; }
note() { printf '%s  %s%s\n' "$pale" "$*" "$fin"; }
verdict() { # 0|other TEXT
	if [ "$1" = 0 ]; then printf '  ✔ %s\n' "$2"; else printf '  ✘ %s\n' "$2"; failures=$((failures + 1)); fi
}
attendre() { # SECONDS COMMAND...
	local end=$((SECONDS + $1)); shift
	until "$@" 2>/dev/null; do [ $SECONDS -lt $end ] || return 1; sleep 0.05; done
}
lignes() { [ "$(wc -l <"$work/phrases")" -ge "$1" ]; }
montrer() { # N: the next N sentences of the subscriber
	attendre 20 lignes $((shown + $1)) || verdict 1 "il manque des événements"
	tail -n +$((shown + 1)) "$work/phrases" | head -n "$1" | sort | sed 's/^/  /'
	shown=$((shown + $1))
}
source_() { "$relais" source "$work/source.ini" --once "$@" >>"$work/source.log" 2>&1; }
deposer() { cp "$1" "$work/depot/"; }
lire() { "$relais" subscribe "$@" -c "$work/abonne.ini" --until-end 2>>"$work/lire.log"; }
# One line an event: its id, its key, its value; where and when it lies left out
empreintes() { sed -E 's/^.*"key":("[^"]*").*"value":(.*)\}$/\1 \2/' "$1" | sort; }

# ---- the house ---------------------------------------------------------------------
titre 'relais : deux mois de dossiers de la Seine-Saint-Denis (personnes inventées)'
mkdir -p "$work/depot"
: >"$work/phrases"
"$relais" broker --bootstrap-file "$work/bootstrap" --registry 127.0.0.1:0 >"$work/broker.ini" 2>"$work/broker.log" &
broker=$!
attendre 20 test -s "$work/bootstrap" || { cat "$work/broker.log"; exit 1; }
"$relais" keys init "$work/dep93.ring" >/dev/null
(umask 077; "$relais" keys export "$work/dep93.ring" --lecteur identite >"$work/lecteur.ring")
ini() { # SOURCE STATE
	printf '[relais]\nterritory = %s\ninstance = demo\nsource = %s\nstate = %s\n' "$territory" "$1" "$2"
	cat "$work/broker.ini"
	printf '[keys]\nfile = dep93.ring\n'
}
{
	ini urn:relais:cnaf:cristal:dep93 etat
	printf '[connector]\nname = source_cnaf_beneficiaire\ndepot = depot\nquiet_ms = 50\n'
} >"$work/source.ini"
ini urn:relais:dep:ase:dep93 etat-ase >"$work/ase.ini"
ini urn:relais:caf:paiements:dep93 etat-paiements >"$work/paiements.ini"
ini urn:relais:abonne:dep93 etat-abonne | sed 's/dep93.ring/lecteur.ring/' >"$work/abonne.ini"
# shellcheck disable=SC2086
"$relais" subscribe $topics -c "$work/abonne.ini" --phrases >"$work/phrases" 2>"$work/abonne.log" &
abonne=$!
note "un Kafka et un registre embarqués ($(cat "$work/bootstrap")), un trousseau, un abonné qui lit quatre topics"
note "l'abonné a la clé « identite » : il voit les numéros et les noms ; sans elle, des pseudonymes"

# ---- two months --------------------------------------------------------------------
titre '6 janvier : le fichier mensuel de la CAF, quatre foyers'
deposer tests/demo/1-mensuel-janvier.xml; source_; verdict $? 'intégré'
montrer 5
titre '13 janvier : le quotidien. Solène travaille, la demande de Paul est acceptée'
deposer tests/demo/2-quotidien-13-janvier.xml; source_; verdict $? 'intégré'
montrer 3
titre "21 janvier : le quotidien. La suspension d'Irène est levée, Karim et Lina déménagent"
deposer tests/demo/3-quotidien-21-janvier.xml; source_; verdict $? 'intégré'
montrer 3
titre '4 février : le mensuel, cinq foyers. Seul ce qui a changé devient un événement'
deposer tests/demo/4-mensuel-fevrier.xml; source_; verdict $? 'intégré'
montrer 3

titre "9 février : le juge confie Noé au service de l'ASE (relais publish placements)"
"$relais" publish placements -c "$work/ase.ini" <tests/demo/5-mesure.json >>"$work/publish.log" 2>&1
verdict $? 'publié'
montrer 1
titre "Février et mars : la part d'allocations familiales de Noé suit l'enfant (CSS L521-2)"
"$relais" publish EvenementPaiement -c "$work/paiements.ini" <tests/demo/6-paiements.json >>"$work/publish.log" 2>&1
verdict $? 'publié'
montrer 3
note 'le même enfant porte le même pseudonyme dans les trois familles'

# ---- the source killed in the middle -------------------------------------------------
titre 'Mars : 2 000 foyers de plus, et la source est tuée (kill -9) en plein milieu'
mkdir "$work/mars"
"$BUILD/tools/cnaf_gen" "$work/mars" dossiers=2000 months=1 dailies=0 start=2026-02
mv "$work"/mars/*.RCV "$work/depot/5-mensuel-mars.xml"
tues=0
for n in 1 2 3; do
	"$relais" source "$work/source.ini" --once >>"$work/source.log" 2>&1 &
	p=$!
	attendre 20 lignes $((shown + n * 400)) || :
	kill -KILL "$p" 2>/dev/null && tues=$((tues + 1))
	wait "$p" 2>/dev/null
done
note "tuée $tues fois ; l'abonné a déjà lu $(($(wc -l <"$work/phrases") - shown)) événements"
source_; verdict $? 'relancée : le fichier est intégré'
# shellcheck disable=SC2086
lire $topics >"$work/tout.json"
depot=$(sha256sum <"$work/depot/integres/5-mensuel-mars.xml" | cut -c1-16)
grep "\"origine\":{\"depot\":\"$depot\"" "$work/tout.json" | grep -v '"topic":"[^"]*control' >"$work/mars.json"
annonce=$(grep "\"depot\":\"$depot\",\"issue\":\"INTEGRE\"" "$work/tout.json" | sed -E 's/.*"publies_total":([0-9]+).*/\1/' | head -n 1)
ids=$(grep -oE '"entete":\{"id":"[^"]*"' "$work/mars.json" | sort -u | wc -l)
contenus=$(empreintes "$work/mars.json" | sort -u | wc -l)
[ -n "$annonce" ] && [ "$ids" = "$annonce" ]; verdict $? "rien de perdu : $ids événements distincts, $annonce annoncés par l'événement de contrôle"
[ "$contenus" = "$ids" ]; verdict $? "rien de doublé : $(wc -l <"$work/mars.json") messages, un seul contenu par identifiant"
shown=$(wc -l <"$work/phrases")

# ---- the state taken away ------------------------------------------------------------
titre "Le dossier d'état est effacé, puis refait d'après les topics"
rm -rf "$work/etat"
source_; [ $? = 78 ]; verdict $? 'sans état, la source refuse de partir, et dit quoi faire'
"$relais" depot rebuild -c "$work/source.ini" 2>>"$work/source.log" | sed 's/^/  /'
cp "$work"/depot/integres/*.xml "$work/depot/"
source_; verdict $? 'tous les fichiers lui sont redonnés'
# shellcheck disable=SC2086
lire $topics >"$work/apres.json"
[ "$(wc -l <"$work/apres.json")" = "$(wc -l <"$work/tout.json")" ]
verdict $? "rien de nouveau : $(wc -l <"$work/apres.json") messages avant comme après"
"$relais" depot list -c "$work/source.ini" | head -n 4 | sed 's/^/  /'

titre 'À essayer ensuite'
cat <<'END'
  build/relais broker                      un Kafka et un registre d'essai à vous
  build/relais doctor source.ini           ce qui manque, et quoi faire
  build/relais subscribe --help            lire, avec un groupe, à partir d'une date, en clair ou non
  build/relais check FICHIER -c source.ini contrôler un fichier sans le publier
  docs/CONTRAT.md                          ce que dit un événement, comment ouvrir un champ chiffré
  make test                                tous les tests, sur un vrai Kafka 4
END
[ "$failures" = 0 ]
