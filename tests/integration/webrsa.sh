#!/bin/bash
# timeout: 600
# CNAF files to a topic to WebRSA's own tables, by the example mapping and with the rights of
# its page: the sink killed, its connections ended, the server crashed, while the application
# writes as well. Afterwards the tables say what the files say, ids are what they were, and
# nothing of a caseworker's has moved.
. tests/lib.sh
kafka_up plain && pg_up || exit 1
history "$work/files" dossiers=2000 months=2 dailies=1 change=300 daily=200 seed="${SEED:-11}" >"$work/history.txt"
cnaf "$work/s"
"$relais" topics apply -c "$work/s/relais.ini" >/dev/null || exit 1
psql -X -q -v ON_ERROR_STOP=1 "$pg_url" -f tests/data/webrsa/schema.sql >/dev/null || exit 1

# What the application holds before: cases of earlier years, one in ten of those to come, with
# what caseworkers wrote; a case that the CAF knows nothing of; an address that nothing links.
pg sql "
INSERT INTO dossiers (numdemrsa, matricule, numcli, statudemrsa)
  SELECT lpad(i::text, 8, '0') || '093', lpad((i - 999)::text, 7, '0') || '00000000', i, 'C' FROM generate_series(1000, 2990, 10) i;
INSERT INTO dossiers (numdemrsa, numcli) VALUES ('AUTREDOSSIE', 1);
INSERT INTO foyers (dossier_id, mtestrsa, contefichliairsa) SELECT id, 12.34, 'note' FROM dossiers;
INSERT INTO personnes (foyer_id, nom, prenom, nomnai, dtnai, email, numport)
  SELECT id, 'SAISIE', 'AGENT', 'SAISIE', '1980-01-01', 'a@exemple.fr', '0600000000' FROM foyers;
INSERT INTO orientsstructs (personne_id, statut_orient, rgorient) SELECT id, 'Orienté', 1 FROM personnes;
INSERT INTO historiquesdroits (personne_id, etatdosrsa) SELECT id, '2' FROM personnes;
INSERT INTO adresses (nomvoie, canton) SELECT 'ANCIENNE', 'C' || id FROM foyers;
INSERT INTO adressesfoyers (foyer_id, adresse_id, rgadr, typeadr) SELECT f.id, a.id, '02', 'P' FROM foyers f JOIN adresses a ON a.canton = 'C' || f.id;
INSERT INTO adresses (nomvoie, canton) VALUES ('SANS LIEN', 'X');
INSERT INTO situationsdossiersrsa (dossier_id, etatdosrsa) SELECT id, 'Z' FROM dossiers;
INSERT INTO suspensionsdroits (situationdossierrsa_id, motisusdrorsa, ddsusdrorsa) SELECT id, 'ZZ', '2020-01-01' FROM situationsdossiersrsa WHERE dossier_id % 7 = 0"
caseworkers() {
	pg sql "
	SELECT 'd', id, numdemrsa, numcli, statudemrsa FROM dossiers WHERE numcli IS NOT NULL ORDER BY id;
	SELECT 'f', id, dossier_id, mtestrsa, contefichliairsa, created FROM foyers WHERE contefichliairsa IS NOT NULL ORDER BY id;
	SELECT 'p', p.* FROM personnes p WHERE nom = 'SAISIE' ORDER BY id;
	SELECT 'o', o.* FROM orientsstructs o ORDER BY id;
	SELECT 'h', h.* FROM historiquesdroits h ORDER BY id;
	SELECT 'a', a.* FROM adresses a WHERE canton IS NOT NULL ORDER BY id;
	SELECT 'l', l.* FROM adressesfoyers l WHERE rgadr = '02' ORDER BY id;
	SELECT 's', id, dossier_id FROM situationsdossiersrsa WHERE dossier_id IN (SELECT id FROM dossiers WHERE numcli IS NOT NULL) ORDER BY id;
	SELECT 'z', z.* FROM suspensionsdroits z WHERE motisusdrorsa = 'ZZ' ORDER BY id"
}
caseworkers >"$work/before.txt"

base "$work/k" 'eligibility, control' "${pg_url/user=postgres/user=relais_webrsa}" <<<'batch_records = 200'
echo "mapping = $PWD/docs/exemples/webrsa-puits.json" >>"$work/k/relais.ini"
sink() { start "$1" "$relais" sink "$work/k/relais.ini" -X keys.file="$work/ring" "${@:2}"; }
block() { awk -v word="$1" '/^```sql/ {on = 1; text = ""; next} /^```/ {if (on && index(text, word)) print text; on = 0} on {text = text $0 "\n"}' docs/POSTGRESQL.md; }
"$relais" sink ddl "$work/k/relais.ini" --famille eligibility >"$work/tables.sql"
check 'relais sink ddl gives our own tables, none of the events that the mapping writes' sh -c '! grep -q evenement_ "$1"' - "$work/tables.sql"
check 'they are made' pg sql "$(cat "$work/tables.sql")"
check 'the rights that the page gives' pg sql "$(block 'CREATE ROLE relais_webrsa' | sed "s/'…'/'x'/; s/DATABASE webrsa/DATABASE postgres/")"
check 'doctor finds the mapping in order' sh -c '"$1" doctor "$2" >"$3"; grep -q "^ok *correspondance *EvenementDroit : 15 tables" "$3"' - "$relais" "$work/k/relais.ini" "$work/doctor.txt"
sed 's/"etatdosrsa"/"etatdosrs"/' docs/exemples/webrsa-puits.json >"$work/faux.json"
check 'a wrong column stops the start' exits 78 "$relais" sink "$work/k/relais.ini" -X connector.mapping="$work/faux.json"
check 'and is named, with the nearest' grep -q 'where="faux.json: situation.set.etatdosrs" text="no such column in public.situationsdossiersrsa; the nearest is etatdosrsa"' "$work/exits.out"
sed 's/"foyer.depuis"/"foyer.depui"/' docs/exemples/webrsa-puits.json >"$work/faux.json"
check 'a path that leads nowhere too' exits 78 "$relais" sink "$work/k/relais.ini" -X connector.mapping="$work/faux.json"
check 'and is named' grep -q 'where="faux.json: foyer.set.ddsitfam" text="no such field in the message: foyer.depui"' "$work/exits.out"
check 'a contract that no topic brings' exits 78 "$relais" sink "$work/k/relais.ini" -X sink.topics=payments
check 'is named' grep -q 'no topic of \[sink\] brings EvenementDroit' "$work/exits.out"

# the application goes on writing: new cases by the same sequences
application() {
	while :; do
		pg sql "WITH d AS (INSERT INTO dossiers (numdemrsa) VALUES ('A' || (random() * 1e9)::bigint) RETURNING id),
		  f AS (INSERT INTO foyers (dossier_id) SELECT id FROM d RETURNING id)
		INSERT INTO personnes (foyer_id, nom, prenom) SELECT id, 'APPLI', 'APPLI' FROM f" || :
		sleep 0.02
	done
}
application >/dev/null 2>&1 &
pids[application]=$!
sink one
sink two
written() { pg sql 'SELECT count(*) FROM relais.relais_recus'; }
moved() { [ "$(written)" -gt "$1" ]; }
for n in 1 2 3 4; do
	file=$(nth "$work/files" $n 2>/dev/null) || break
	drop "$work/s" "$file"
	start "source$n" "$relais" source "$work/s/relais.ini" --once
	before=$(written)
	wait_for 60 moved "$before"
	case $n in
	1) halt one KILL; sink one; wait_for 60 moved "$(written)"; pg crash ;;
	2) pg sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'relais/%'" >/dev/null ;;
	3) halt two KILL; halt one KILL; sink one ;;
	esac
	wait "${pids[source$n]}"; status=$?; unset "pids[source$n]"
	check "file $n is published" [ "$status" = 0 ]
	python3 tests/integration/webrsa.py expect $(for k in $(seq 1 $n); do nth "$work/files" "$k"; done) >"$work/want.txt"
	dump() { python3 tests/integration/webrsa.py dump "psql -X -q -At '$pg_url'" >"$work/got.txt"; }
	level() { dump && cmp -s "$work/want.txt" "$work/got.txt"; }
	# a killed sink keeps its partitions for a session; a partition that stands still is begun anew after 60 s
	wait_for 180 level || dump
	same "after file $n the tables say what the files say" "$work/want.txt" "$work/got.txt"
	pg sql "
	SELECT 'dossier', d.id, numdemrsa FROM dossiers d UNION ALL SELECT 'foyer', id, dossier_id::text FROM foyers
	UNION ALL SELECT 'personne', id, foyer_id::text FROM personnes UNION ALL SELECT 'situation', id, dossier_id::text FROM situationsdossiersrsa
	UNION ALL SELECT 'detail', id, dossier_id::text FROM detailsdroitsrsa UNION ALL SELECT 'lien', id, foyer_id || '-' || adresse_id FROM adressesfoyers
	UNION ALL SELECT 'prestation', id, personne_id || '-' || natprest FROM prestations" | sort >"$work/ids.$n"
	[ "$n" = 1 ] || check "ids of file $((n - 1)) are those of file $n" \
	    sh -c 'test -s "$1" && [ -z "$(comm -23 "$1" "$2")" ]' - "$work/ids.$((n - 1))" "$work/ids.$n"
done
kill "${pids[application]}"; wait "${pids[application]}" 2>/dev/null; unset 'pids[application]'
caseworkers >"$work/after.txt"
same 'what caseworkers wrote is what it was' "$work/before.txt" "$work/after.txt"
check 'there were some cases of theirs among those written' [ "$(pg sql "SELECT count(*) FROM dossiers WHERE numcli IS NOT NULL AND fonorg = 'CAF'")" -ge 190 ]
check 'each case is there once' [ "$(pg sql 'SELECT count(*) - count(DISTINCT numdemrsa) FROM dossiers')" = 0 ]
check 'the rows of the application hang where it put them' \
    [ "$(pg sql "SELECT count(*) FROM dossiers d JOIN foyers f ON f.dossier_id = d.id JOIN personnes p ON p.foyer_id = f.id WHERE d.numdemrsa LIKE 'A%' AND (p.nom NOT IN ('APPLI', 'SAISIE') OR d.fonorg IS NOT NULL)")" = 0 ]
check "nothing of ours is left in the application's schema" [ "$(pg sql "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname LIKE '%relais%'")" = 0 ]
proved() { [ "$(pg sql 'SELECT count(*) FROM relais.relais_completude')" -ge 3 ] &&
	[ "$(pg sql 'SELECT count(*) FROM relais.relais_completude WHERE annonce <> ecrit OR annonce_centimes <> ecrit_centimes')" = 0 ]; }
wait_for 30 proved || pg sql 'SELECT * FROM relais.relais_completude'
check 'all that control events announce was written, to the centime' proved
halt one
check 'SIGTERM ends the sink with 0' [ "$status" = 0 ]
check 'nothing was parked' sh -c '! grep -q "stage=" "$1"/*.err' - "$work"
check 'no row is in a log' sh -c '! grep -aE "Failing row|Key \(|DETAIL|LUSTREPIC|SAISIE" "$1"/one.err "$1"/two.err' - "$work"
