#!/bin/bash
# timeout: 120
# The page docs/CORRESPONDANCE.md: its tables and files as they are there, and what it says
# of changes.
. tests/lib.sh
broker && pg_up || exit 1
# blocks of the page: language, a word in them
block() { awk -v lang="\`\`\`$1" -v word="$2" '$0 == lang {on = 1; text = ""; next} /^```/ {if (on && index(text, word)) printf "%s", text; on = 0} on {text = text $0 "\n"}' docs/CORRESPONDANCE.md; }
source_of() { # FOLDER CONTRACT
	printf '[connector]\nname = source_postgres_table\nschema = %s\nslot = relais_%s\nmapping = mapping.json\ndsn = %s\n' "$2" "$1" "$pg_url" | conf "$work/$1/relais.ini"
	sed -i "s/^source = .*/source = urn:relais:$1:dep93/" "$work/$1/relais.ini"
}
rights() { # number, state, amount, persons of each event
	"$relais" subscribe dep93.eligibility.v1 -b "$bootstrap" -r "$registry" --keys "$work/ring" -X kafka.fetch.wait.max.ms=10 --until-end 2>>"$work/subscribe.err" |
	    python3 -c 'import json, sys
for v in sorted((json.loads(l)["value"] for l in sys.stdin), key=lambda v: (v["numero_demande"], v["entete"]["sequence"])): print(v["numero_demande"], v["etat"], v["montant_mensuel_centimes"], len(v["personnes"]), sep=" ", end=";")'
}

source_of droits EvenementDroit
block json '"snapshot"' >"$work/droits/mapping.json"
check 'the tables of objects' pg sql "$(block sql 'CREATE TABLE demandes')"
pg sql 'ALTER TABLE demandes REPLICA IDENTITY FULL; ALTER TABLE membres REPLICA IDENTITY FULL; ALTER TABLE mensualites REPLICA IDENTITY FULL;
        CREATE PUBLICATION relais_droits FOR TABLE demandes, membres, mensualites'
check 'their slot' "$relais" slot create "$work/droits/relais.ini"
pg sql "INSERT INTO demandes (numero, matricule, etat, deposee_le) VALUES ('00000001093', '990010100000001', 'D', '2026-01-02'), ('00000002093', '990010100000002', 'O', '2026-01-03');
        INSERT INTO membres (demande_id, nom, prenom, ne_le) VALUES (1, 'INVENTE', 'ALIX', '1990-01-01');
        INSERT INTO mensualites (demande_id, montant) VALUES (2, 512.30), (2, 10)"
sed 's/"DEMANDE"/"DEMANDEE"/' "$work/droits/mapping.json" >"$work/droits/faux.json"
wrong=(-X "connector.mapping=$work/droits/faux.json")
check 'a code that becomes no symbol of the contract is refused at start' exits 78 "$relais" source "$work/droits/relais.ini" --once "${wrong[@]}"
check 'with file, field and symbol' grep -q 'code=CONF_VALUE where=faux.json text="not among the symbols .*: etat: DEMANDEE"' "$work/exits.out"
check 'doctor says it too' exits 1 "$relais" doctor "$work/droits/relais.ini" "${wrong[@]}"
check 'in the same words' grep -q '^!! *correspondance .*faux.json : not among .*: etat: DEMANDEE' "$work/exits.out"
check 'they are published' source_once "$work/droits"
check 'with list and sum' [ "$(rights)" = '00000001093 DEMANDE None 1;00000002093 OUVERT 52230 0;' ]
pg sql "DELETE FROM membres; DELETE FROM demandes WHERE id = 1; UPDATE demandes SET numero = '00000003093' WHERE id = 2"
check 'a row of the root deleted, a case number changed' source_once "$work/droits"
check 'nothing of the former, a right more of the latter' [ "$(rights)" = '00000001093 DEMANDE None 1;00000002093 OUVERT 52230 0;00000003093 OUVERT 52230 0;' ]

source_of faits EvenementPaiement
block json '"fact"' >"$work/faits/mapping.json"
check 'the table of facts' pg sql "$(block sql 'CREATE SCHEMA')"
pay() { pg sql "INSERT INTO \"Compta\".\"Paiements\" (\"Reference\", dossier, mois, montant, etat, emis_le) VALUES (lpad('$1', 32, '0')::uuid, '00000001093', '2026-01-17', $1, 'payé', '2026-01-20')"; }
pg sql "CREATE PUBLICATION relais_faits FOR TABLE \"Compta\".\"Paiements\" WITH (publish = 'insert')"
pay 1
check 'its slot' "$relais" slot create "$work/faits/relais.ini"
pay 2; pay 3; pay 4
pg sql "UPDATE \"Compta\".\"Paiements\" SET montant = 30 WHERE montant = 3; DELETE FROM \"Compta\".\"Paiements\" WHERE montant = 4"
check 'facts are published' source_once "$work/faits"
check 'resnapshot says that facts are not read again' sh -c '"$1" slot resnapshot "$2" | grep -q "ne se relisent pas"' - "$relais" "$work/faits/relais.ini"
pg sql 'UPDATE "Compta"."Paiements" SET montant = 5; TRUNCATE "Compta"."Paiements"'
check 'later changes too are read' source_once "$work/faits"
read_topics "$work/paid.jsonl" payments.v1
check 'what is there when the source reads it is told, once' \
    [ "$(python3 -c 'import json, sys; print(sorted(json.loads(l)["value"]["montant_centimes"] for l in open(sys.argv[1])))' "$work/paid.jsonl")" = '[200, 3000]' ]

check 'the publication of a partitioned table' pg sql "CREATE TABLE lignes (id int PRIMARY KEY, m int) PARTITION BY RANGE (id);
    $(block sql publish_via_partition_root)"
