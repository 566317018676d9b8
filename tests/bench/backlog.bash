# backlog.bash -- sourced by the benches of an outbox, after tests/lib.sh.
#   backlog ROWS SIZE     payments into the outbox, SIZE rows a transaction, of CASES (50,000) cases in turn
backlog() {
	pg sql "DO \$\$ BEGIN FOR t IN 0..$(($1 / $2 - 1)) LOOP INSERT INTO outbox
	  SELECT lpad((t * $2 + i)::text, 32, '0')::uuid, 'paiement', lpad(((t * $2 + i) % ${CASES:-50000})::text, 8, '0') || '093', 'EMIS',
	    jsonb_build_object('paiement', ('1' || lpad((t * $2 + i)::text, 31, '0'))::uuid, 'prestation', 'RSA', 'fait', 'EMIS', 'etat', 'EMIS',
	      'mois', '2026-01-01', 'montant_centimes', 100 + i, 'sens', 'AJOUT', 'destinataire', 'ALLOCATAIRE',
	      'entete', jsonb_build_object('survenu_le', '2026-01-05')) FROM generate_series(1, $2) i; COMMIT; END LOOP; END \$\$"
}
