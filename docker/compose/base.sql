-- Deux bases d'essai : `ase` a une table d'envoi que relais lit, `suivi` les tables qu'il tient.
CREATE ROLE relais_source LOGIN REPLICATION;
CREATE ROLE relais_puits LOGIN;
CREATE DATABASE suivi;
GRANT TEMPORARY ON DATABASE suivi TO relais_puits;
CREATE DATABASE ase;
\connect ase
CREATE TABLE outbox (id uuid PRIMARY KEY, aggregatetype text NOT NULL, aggregateid text NOT NULL,
                     type text NOT NULL, payload jsonb NOT NULL);
GRANT SELECT ON outbox TO relais_source;
CREATE PUBLICATION relais_dep93_ase FOR TABLE outbox WITH (publish = 'insert');
