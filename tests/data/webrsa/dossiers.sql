-- Two invented households: one paid, with an address, two persons, a suspension; one almost empty.
INSERT INTO dossiers (id, numdemrsa, dtdemrsa, numorg, fonorg, matricule, ideparte)
VALUES (1, '00000000193', '2025-11-03', '931', 'CAF', '123456700000000', '093'),
       (2, '00000000293', '0001-01-01', '931', 'CAF', '765432100000000', '093');
INSERT INTO foyers (id, dossier_id, sitfam, ddsitfam) VALUES (1, 1, 'MAR', '2019-06-01'), (2, 2, NULL, NULL);
INSERT INTO personnes (id, foyer_id, qual, nom, prenom, nomnai, dtnai, rgnai, nir, topvalec, sexe)
VALUES (1, 1, 'MME', 'DURAND', 'ZOE', 'MARTIN', '1990-02-28', 1, '2900293001002  ', true, '2'),
       (2, 1, 'MR', 'DURAND', 'PAUL', 'DURAND', '1988-07-14', 1, NULL, NULL, '1'),
       (3, 2, NULL, 'PETIT', 'ANNE', 'PETIT', '2000-01-01', NULL, NULL, false, '2');
INSERT INTO prestations (id, personne_id, natprest, rolepers, topchapers)
VALUES (1, 1, 'RSA', 'DEM', false), (2, 2, 'RSA', 'CJT', true), (3, 1, 'PFA', 'DEM', NULL);
INSERT INTO calculsdroitsrsa (id, personne_id, toppersdrodevorsa) VALUES (1, 1, '1'), (2, 2, '0');
INSERT INTO situationsdossiersrsa (id, dossier_id, etatdosrsa) VALUES (1, 1, '4'), (2, 2, '0');
INSERT INTO suspensionsversements (id, situationdossierrsa_id, motisusversrsa, ddsusversrsa) VALUES (1, 1, '06', '2026-01-01');
INSERT INTO detailsdroitsrsa (id, dossier_id, topsansdomfixe, nbenfautcha) VALUES (1, 1, false, 2);
INSERT INTO detailscalculsdroitsrsa (id, detaildroitrsa_id, natpf, sousnatpf, ddnatdro, dfnatdro, mtrsavers)
VALUES (1, 1, 'RSD', 'RSDN1', '2026-01-01', '9999-12-31', 512.30), (2, 1, 'RSI', NULL, '2026-01-01', NULL, 100);
INSERT INTO adresses (id, numvoie, libtypevoie, nomvoie, codepos, numcom, nomcom)
VALUES (1, '3', 'RUE', 'VIEILLE', '93000', '93008', 'BOBIGNY'), (2, '12', 'RUE', 'NEUVE', '93000', '93008', 'BOBIGNY');
INSERT INTO adressesfoyers (id, adresse_id, foyer_id, rgadr, dtemm)
VALUES (1, 1, 1, '02', '2015-01-01'), (2, 2, 1, '01', '2024-09-01');
SELECT setval(pg_get_serial_sequence(t, 'id'), 1000)
FROM unnest(ARRAY['dossiers', 'foyers', 'personnes', 'prestations', 'calculsdroitsrsa', 'situationsdossiersrsa',
  'suspensionsdroits', 'suspensionsversements', 'detailsdroitsrsa', 'detailscalculsdroitsrsa', 'adresses',
  'adressesfoyers', 'avispcgdroitsrsa', 'reducsrsa']) t;
