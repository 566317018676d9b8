-- The tables of WebRSA that eligibility touches, as its published schema has them: columns,
-- keys, unique indexes, lists of values, triggers. Foreign keys to tables that are not here are left out.

CREATE TABLE dossiers (
    id serial NOT NULL,
    numdemrsa character varying(11),
    dtdemrsa date,
    dtdemrmi date,
    numdepinsrmi character(3),
    typeinsrmi character(1),
    numcominsrmi integer,
    numagrinsrmi character(2),
    numdosinsrmi integer,
    numcli integer,
    numorg character(3),
    fonorg character(3) DEFAULT NULL::bpchar,
    matricule character(15),
    statudemrsa character(1) DEFAULT NULL::bpchar,
    typeparte character(4),
    ideparte character(3),
    fonorgcedmut character(3) DEFAULT NULL::bpchar,
    numorgcedmut character(3),
    matriculeorgcedmut character(15),
    ddarrmut date,
    codeposanchab character(5),
    fonorgprenmut character(3) DEFAULT NULL::bpchar,
    numorgprenmut character(3),
    dddepamut date,
    detaildroitrsa_id integer,
    avispcgdroitrsa_id integer,
    organisme_id integer,
    PRIMARY KEY (id),
    CONSTRAINT dossiers_fonorg_in_list_chk CHECK (fonorg IN ('CAF', 'MSA')),
    CONSTRAINT dossiers_fonorgcedmut_in_list_chk CHECK (fonorgcedmut IN ('CAF', 'MSA', 'OPF', '')),
    CONSTRAINT dossiers_fonorgprenmut_in_list_chk CHECK (fonorgprenmut IN ('CAF', 'MSA', 'OPF')),
    CONSTRAINT dossiers_statudemrsa_in_list_chk CHECK (statudemrsa IN ('N', 'C', 'A', 'M', 'S'))
);

CREATE TABLE foyers (
    id serial NOT NULL,
    dossier_id integer NOT NULL,
    sitfam character(3) DEFAULT NULL::bpchar,
    ddsitfam date,
    typeocclog character(3) DEFAULT NULL::bpchar,
    mtvallocterr numeric(9,2),
    mtvalloclog numeric(9,2),
    contefichliairsa text,
    mtestrsa numeric(9,2) DEFAULT NULL::numeric,
    raisoctieelectdom character varying(32),
    regagrifam character varying(3),
    haspiecejointe character varying(1) DEFAULT '0'::character varying NOT NULL,
    created timestamp without time zone,
    modified timestamp without time zone,
    PRIMARY KEY (id),
    CONSTRAINT foyers_haspiecejointe_in_list_chk CHECK (haspiecejointe IN ('0', '1')),
    CONSTRAINT foyers_sitfam_in_list_chk CHECK (sitfam IN ('ABA', 'CEL', 'DIV', 'ISO', 'MAR', 'PAC', 'RPA', 'RVC', 'RVM', 'SEF', 'SEL', 'VEU', 'VIM')),
    CONSTRAINT foyers_typeocclog_in_list_chk CHECK (typeocclog IN ('ACC', 'BAL', 'HCG', 'HCO', 'HGP', 'HOP', 'HOT', 'LOC', 'OLI', 'PRO', 'SRG', 'SRO'))
);

CREATE TABLE personnes (
    id serial NOT NULL,
    foyer_id integer NOT NULL,
    qual character varying(3),
    nom character varying(50),
    prenom character varying(50),
    nomnai character varying(50),
    prenom2 character varying(50),
    prenom3 character varying(50),
    nomcomnai character varying(26),
    dtnai date,
    rgnai integer,
    typedtnai character(1),
    nir character(15),
    topvalec boolean,
    sexe character(1),
    nati character(1),
    dtnati date,
    pieecpres character(1),
    idassedic character varying(8),
    numagenpoleemploi character(3) DEFAULT NULL::bpchar,
    dtinscpoleemploi date,
    numfixe character varying(14),
    numport character varying(14),
    haspiecejointe character varying(1) DEFAULT '0'::character varying,
    email character varying(100),
    modified_numfixe timestamp without time zone,
    modified_numport timestamp without time zone,
    modified_email timestamp without time zone,
    created timestamp without time zone,
    modified timestamp without time zone,
    PRIMARY KEY (id),
    CONSTRAINT personnes_haspiecejointe_in_list_chk CHECK (haspiecejointe IN ('0', '1'))
);

CREATE TABLE prestations (
    personne_id integer NOT NULL,
    natprest character(3),
    rolepers character(3),
    topchapers boolean,
    id serial NOT NULL,
    PRIMARY KEY (id)
);

CREATE UNIQUE INDEX prestations_personne_id_natprest_idx ON prestations (personne_id, natprest);

CREATE TABLE rattachements (
    id serial NOT NULL,
    personne_id integer NOT NULL,
    nomnai character varying(28),
    prenom character varying(32),
    typepar character(3),
    dtnai date,
    nir character(15),
    PRIMARY KEY (id)
);

CREATE TABLE calculsdroitsrsa (
    id serial NOT NULL,
    personne_id integer NOT NULL,
    mtpersressmenrsa numeric(9,2),
    mtpersabaneursa numeric(9,2),
    toppersdrodevorsa character varying(1),
    toppersentdrodevorsa character(1) DEFAULT NULL::bpchar,
    PRIMARY KEY (id),
    CONSTRAINT calculsdroitsrsa_toppersdrodevorsa_in_list_chk CHECK (toppersdrodevorsa IN ('0', '1')),
    CONSTRAINT calculsdroitsrsa_toppersentdrodevorsa_in_list_chk CHECK (toppersentdrodevorsa IN ('0', '1'))
);

CREATE UNIQUE INDEX calculsdroitsrsa_personne_id_idx ON calculsdroitsrsa (personne_id);

CREATE TABLE situationsdossiersrsa (
    id serial NOT NULL,
    dossier_id integer NOT NULL,
    etatdosrsa character(1),
    dtrefursa date,
    moticlorsa character(3),
    dtclorsa date,
    motirefursa character(3),
    PRIMARY KEY (id)
);

CREATE UNIQUE INDEX situationsdossiersrsa_dossier_id ON situationsdossiersrsa (dossier_id);

CREATE TABLE suspensionsdroits (
    id serial NOT NULL,
    situationdossierrsa_id integer NOT NULL,
    motisusdrorsa character(2),
    ddsusdrorsa date,
    natgroupfsus character(3) DEFAULT NULL::bpchar,
    PRIMARY KEY (id)
);

CREATE TABLE suspensionsversements (
    id serial NOT NULL,
    situationdossierrsa_id integer NOT NULL,
    motisusversrsa character(2),
    ddsusversrsa date,
    PRIMARY KEY (id)
);

CREATE TABLE detailsdroitsrsa (
    id serial NOT NULL,
    dossier_id integer NOT NULL,
    topsansdomfixe boolean,
    nbenfautcha integer,
    oridemrsa character(3),
    dtoridemrsa date,
    topfoydrodevorsa boolean,
    ddelecal date,
    dfelecal date,
    mtrevminigararsa numeric(9,2),
    mtpentrsa numeric(9,2),
    mtlocalrsa numeric(9,2),
    mtrevgararsa numeric(9,2),
    mtpfrsa numeric(9,2),
    mtalrsa numeric(9,2),
    mtressmenrsa numeric(9,2),
    mtsanoblalimrsa numeric(9,2),
    mtredhosrsa numeric(9,2),
    mtredcgrsa numeric(9,2),
    mtcumintegrsa numeric(9,2),
    mtabaneursa numeric(9,2),
    mttotdrorsa numeric(9,2),
    surfagridom numeric(5,2),
    ddsurfagridom date,
    surfagridompla numeric(5,2),
    nbtotaidefamsurfdom integer,
    nbtotpersmajosurfdom integer,
    created timestamp without time zone,
    modified timestamp without time zone,
    PRIMARY KEY (id)
);

CREATE UNIQUE INDEX detailsdroitsrsa_dossier_id ON detailsdroitsrsa (dossier_id);

CREATE TABLE detailscalculsdroitsrsa (
    id serial NOT NULL,
    detaildroitrsa_id integer NOT NULL,
    natpf character(3),
    sousnatpf character(5),
    ddnatdro date,
    dfnatdro date,
    mtrsavers numeric(9,2),
    dtderrsavers date,
    PRIMARY KEY (id)
);

CREATE TABLE adresses (
    id serial NOT NULL,
    numvoie character varying(6),
    nomvoie character varying(32),
    complideadr character varying(38),
    compladr character varying(38),
    lieudist character varying(38),
    codepos character(5),
    pays character varying(3),
    canton character varying(20),
    typeres character(1),
    topresetr character varying(1),
    foyerid integer,
    libtypevoie character varying(30) DEFAULT NULL::character varying,
    numcom character(5) DEFAULT NULL::bpchar,
    nomcom character varying(32),
    liblig2adr character varying(38) DEFAULT NULL::character varying,
    liblig3adr character varying(38) DEFAULT NULL::character varying,
    liblig4adr character varying(38) DEFAULT NULL::character varying,
    liblig5adr character varying(38) DEFAULT NULL::character varying,
    liblig6adr character varying(38) DEFAULT NULL::character varying,
    liblig7adr character varying(38) DEFAULT NULL::character varying,
    created timestamp without time zone,
    modified timestamp without time zone,
    PRIMARY KEY (id),
    CONSTRAINT adresses_topresetr_in_list_chk CHECK (topresetr IN ('0', '1'))
);

CREATE TABLE adressesfoyers (
    id serial NOT NULL,
    adresse_id integer NOT NULL,
    foyer_id integer NOT NULL,
    rgadr character(2),
    dtemm date,
    typeadr character(1),
    etatadr character varying(2) DEFAULT 'NC'::character varying NOT NULL,
    created timestamp without time zone,
    modified timestamp without time zone,
    PRIMARY KEY (id)
);

CREATE TABLE reducsrsa (
    id serial NOT NULL,
    avispcgdroitrsa_id integer NOT NULL,
    mtredrsa numeric(9,2),
    ddredrsa date,
    dfredrsa date,
    PRIMARY KEY (id)
);

CREATE TABLE evenements (
    id serial NOT NULL,
    dtliq date,
    heuliq time without time zone,
    fg character varying(30),
    foyer_id integer NOT NULL,
    PRIMARY KEY (id)
);

CREATE TABLE dossierscaf (
    id serial NOT NULL,
    personne_id integer NOT NULL,
    ddratdos date,
    dfratdos date,
    toprespdos boolean,
    numdemrsaprece character varying(11) DEFAULT NULL::character varying,
    PRIMARY KEY (id)
);

CREATE TABLE historiquesdroits (
    id serial NOT NULL,
    personne_id integer NOT NULL,
    toppersdrodevorsa character varying(1) DEFAULT NULL::character varying,
    etatdosrsa character varying(1) DEFAULT NULL::character varying,
    created timestamp without time zone,
    modified timestamp without time zone,
    moticlorsa character(3),
    nom character varying(50),
    prenom character varying(50),
    motif character varying(255),
    PRIMARY KEY (id),
    CONSTRAINT historiquesdroits_etatdosrsa_in_list_chk CHECK (etatdosrsa IN ('Z', '0', '1', '2', '3', '4', '5', '6')),
    CONSTRAINT historiquesdroits_toppersdrodevorsa_in_list_chk CHECK (toppersdrodevorsa IN ('0', '1'))
);

CREATE TABLE orientsstructs (
    id serial NOT NULL,
    personne_id integer NOT NULL,
    typeorient_id integer,
    structurereferente_id integer,
    propo_algo integer,
    valid_cg boolean,
    date_propo date,
    date_valid date,
    statut_orient character varying(15) DEFAULT NULL::character varying,
    date_impression date,
    daterelance date,
    statutrelance character(1) DEFAULT 'E'::bpchar,
    date_impression_relance date,
    referent_id integer,
    etatorient character varying(11) DEFAULT NULL::character varying,
    rgorient integer,
    structureorientante_id integer,
    referentorientant_id integer,
    user_id integer,
    haspiecejointe character varying(1) DEFAULT '0'::character varying NOT NULL,
    origine character varying(13) DEFAULT NULL::character varying,
    typenotification character varying(15) DEFAULT 'normale'::character varying,
    id_base_ali integer,
    created timestamp without time zone,
    modified timestamp without time zone,
    is_envoye_francetravail boolean DEFAULT false,
    date_envoi_francetravail timestamp without time zone,
    PRIMARY KEY (id),
    CONSTRAINT orientsstructs_etatorient_in_list_chk CHECK (etatorient IN ('proposition', 'decision')),
    CONSTRAINT orientsstructs_haspiecejointe_in_list_chk CHECK (haspiecejointe IN ('0', '1')),
    CONSTRAINT orientsstructs_statutrelance_in_list_chk CHECK (statutrelance IN ('E', 'R')),
    CONSTRAINT orientsstructs_typenotification_in_list_chk CHECK (typenotification IN ('normale', 'systematique', 'dejainscritpe')),
    CONSTRAINT orientsstructs_statut_orient_in_list_chk CHECK (statut_orient IN ('Orienté', 'En attente', 'Non orienté', 'Refusé')),
    CONSTRAINT orientsstructs_origine_in_list_chk CHECK (origine IN ('manuelle', 'cohorte', 'reorientation', 'demenagement', 'prestaorient', 'entdiag', 'initinap'))
);

CREATE UNIQUE INDEX orientsstructs_personne_id_rgorient_idx ON orientsstructs (personne_id, rgorient);

CREATE TABLE avispcgdroitsrsa (
    id serial NOT NULL,
    dossier_id integer NOT NULL,
    avisdestpairsa character(1),
    dtavisdestpairsa date,
    nomtie character varying(64),
    typeperstie character(1),
    PRIMARY KEY (id)
);

CREATE TABLE infosfinancieres (
    id serial NOT NULL,
    dossier_id integer NOT NULL,
    moismoucompta date,
    type_allocation character varying(25),
    natpfcre character(3),
    rgcre integer,
    numintmoucompta integer,
    typeopecompta character(3),
    sensopecompta character(2),
    mtmoucompta numeric(11,2),
    ddregu date,
    dttraimoucompta date,
    heutraimoucompta time without time zone,
    PRIMARY KEY (id)
);

ALTER TABLE dossiers ADD CONSTRAINT dossiers_avispcgdroitrsa_id_fkey FOREIGN KEY (avispcgdroitrsa_id) REFERENCES avispcgdroitsrsa(id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE dossiers ADD CONSTRAINT dossiers_detaildroitrsa_id_fkey FOREIGN KEY (detaildroitrsa_id) REFERENCES detailsdroitsrsa(id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE foyers ADD CONSTRAINT foyers_dossier_id_fkey FOREIGN KEY (dossier_id) REFERENCES dossiers(id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE personnes ADD CONSTRAINT personnes_foyer_id_fkey FOREIGN KEY (foyer_id) REFERENCES foyers(id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE prestations ADD CONSTRAINT prestations_personne_id_fkey FOREIGN KEY (personne_id) REFERENCES personnes(id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE rattachements ADD CONSTRAINT rattachements_personne_id_fkey FOREIGN KEY (personne_id) REFERENCES personnes(id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE calculsdroitsrsa ADD CONSTRAINT calculsdroitsrsa_personne_id_fkey FOREIGN KEY (personne_id) REFERENCES personnes(id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE situationsdossiersrsa ADD CONSTRAINT situationsdossiersrsa_dossier_id_fkey FOREIGN KEY (dossier_id) REFERENCES dossiers(id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE suspensionsdroits ADD CONSTRAINT suspensionsdroits_situationdossierrsa_id_fkey FOREIGN KEY (situationdossierrsa_id) REFERENCES situationsdossiersrsa(id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE suspensionsversements ADD CONSTRAINT suspensionsversements_situationdossierrsa_id_fkey FOREIGN KEY (situationdossierrsa_id) REFERENCES situationsdossiersrsa(id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE detailsdroitsrsa ADD CONSTRAINT detailsdroitsrsa_dossier_id_fkey FOREIGN KEY (dossier_id) REFERENCES dossiers(id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE detailscalculsdroitsrsa ADD CONSTRAINT detailscalculsdroitsrsa_detaildroitrsa_id_fkey FOREIGN KEY (detaildroitrsa_id) REFERENCES detailsdroitsrsa(id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE adressesfoyers ADD CONSTRAINT adressesfoyers_adresse_id_fkey FOREIGN KEY (adresse_id) REFERENCES adresses(id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE adressesfoyers ADD CONSTRAINT adressesfoyers_foyer_id_fkey FOREIGN KEY (foyer_id) REFERENCES foyers(id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE reducsrsa ADD CONSTRAINT reducsrsa_avispcgdroitrsa_id_fkey FOREIGN KEY (avispcgdroitrsa_id) REFERENCES avispcgdroitsrsa(id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE evenements ADD CONSTRAINT evenements_foyer_id_fkey FOREIGN KEY (foyer_id) REFERENCES foyers(id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE historiquesdroits ADD CONSTRAINT historiquesdroits_personne_id_fkey FOREIGN KEY (personne_id) REFERENCES personnes(id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE orientsstructs ADD CONSTRAINT orientsstructs_personne_id_fkey FOREIGN KEY (personne_id) REFERENCES personnes(id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE avispcgdroitsrsa ADD CONSTRAINT avispcgdroitsrsa_dossier_id_fkey FOREIGN KEY (dossier_id) REFERENCES dossiers(id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE infosfinancieres ADD CONSTRAINT infosfinancieres_dossier_id_fkey FOREIGN KEY (dossier_id) REFERENCES dossiers(id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE dossierscaf ADD CONSTRAINT dossierscaf_personne_id_fkey FOREIGN KEY (personne_id) REFERENCES personnes(id) ON UPDATE CASCADE ON DELETE CASCADE;
CREATE INDEX dossierscaf_personne_id_idx ON dossierscaf (personne_id);
CREATE INDEX dossiers_avispcgdroitrsa_id_idx ON dossiers (avispcgdroitrsa_id);
CREATE INDEX dossiers_detaildroitrsa_id_idx ON dossiers (detaildroitrsa_id);
CREATE INDEX dossiers_organisme_id_idx ON dossiers (organisme_id);
CREATE INDEX dossiers_rsa_numdemrsa_idx ON dossiers (numdemrsa);
CREATE INDEX foyers_dossier_id_idx ON foyers (dossier_id);
CREATE INDEX personnes_foyer_id_idx ON personnes (foyer_id);
CREATE INDEX prestations_personne_id_idx ON prestations (personne_id);
CREATE INDEX rattachements_personne_id_idx ON rattachements (personne_id);
CREATE INDEX situationsdossiersrsa_dossier_id_idx ON situationsdossiersrsa (dossier_id);
CREATE INDEX suspensionsdroits_situationdossierrsa_id_idx ON suspensionsdroits (situationdossierrsa_id);
CREATE INDEX suspensionsversements_situationdossierrsa_id_idx ON suspensionsversements (situationdossierrsa_id);
CREATE INDEX detailsdroitsrsa_dossier_id_idx ON detailsdroitsrsa (dossier_id);
CREATE INDEX detailsdroitsrsa_dossier_rsa_id_idx ON detailsdroitsrsa (dossier_id);
CREATE INDEX detailscalculsdroitsrsa_detaildroitrsa_id_idx ON detailscalculsdroitsrsa (detaildroitrsa_id);
CREATE INDEX adressesfoyers_adresse_id_idx ON adressesfoyers (adresse_id);
CREATE INDEX adressesfoyers_foyer_id_idx ON adressesfoyers (foyer_id);
CREATE INDEX adressesfoyers_foyer_id_rgadr_idx ON adressesfoyers (foyer_id, rgadr);
CREATE INDEX reducsrsa_avispcgdroitrsa_id_idx ON reducsrsa (avispcgdroitrsa_id);
CREATE INDEX evenements_foyer_id_idx ON evenements (foyer_id);
CREATE INDEX historiquesdroits_personne_id_idx ON historiquesdroits (personne_id);
ALTER TABLE orientsstructs ADD CONSTRAINT orientsstructs_statut_orient_oriente_rgorient_not_null_chk CHECK (((((statut_orient)::text <> 'Orienté'::text) AND (rgorient IS NULL)) OR (((statut_orient)::text = 'Orienté'::text) AND (rgorient IS NOT NULL))));
ALTER TABLE orientsstructs ADD CONSTRAINT orientsstructs_origine_check CHECK ((((origine IS NULL) AND (date_valid IS NULL)) OR ((origine IS NOT NULL) AND (date_valid IS NOT NULL) AND ((((rgorient >= 1) OR (rgorient IS NULL)) AND ((origine)::text = ANY (ARRAY[('manuelle'::character varying)::text, ('cohorte'::character varying)::text, ('prestaorient'::character varying)::text, ('entdiag'::character varying)::text, ('initinap'::character varying)::text]))) OR ((rgorient > 1) AND ((origine)::text = 'reorientation'::text)) OR ((rgorient > 1) AND ((origine)::text = 'demenagement'::text)))) OR ((origine IS NOT NULL) AND (date_valid IS NULL) AND (rgorient >= 1) AND ((origine)::text = ANY (ARRAY[('manuelle'::character varying)::text, ('cohorte'::character varying)::text, ('prestaorient'::character varying)::text, ('entdiag'::character varying)::text, ('initinap'::character varying)::text])))));
CREATE INDEX orientsstructs_personne_id_idx ON orientsstructs (personne_id);
CREATE INDEX orientsstructs_referent_id_idx ON orientsstructs (referent_id);
CREATE INDEX orientsstructs_referentorientant_id_idx ON orientsstructs (referentorientant_id);
CREATE INDEX orientsstructs_structureorientante_id_idx ON orientsstructs (structureorientante_id);
CREATE INDEX orientsstructs_structurereferente_id_idx ON orientsstructs (structurereferente_id);
CREATE INDEX orientsstructs_typeorient_id_idx ON orientsstructs (typeorient_id);
CREATE INDEX orientsstructs_user_id_idx ON orientsstructs (user_id);
CREATE INDEX avispcgdroitsrsa_dossier_id_idx ON avispcgdroitsrsa (dossier_id);
CREATE INDEX infosfinancieres_dossier_id_idx ON infosfinancieres (dossier_id);
CREATE FUNCTION update_created() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.created = NOW(); RETURN NEW; END $$;
CREATE FUNCTION update_modified() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.modified = NOW(); RETURN NEW; END $$;
CREATE TRIGGER update_created BEFORE INSERT ON foyers FOR EACH ROW EXECUTE FUNCTION update_created();
CREATE TRIGGER update_modified BEFORE INSERT OR UPDATE ON foyers FOR EACH ROW EXECUTE FUNCTION update_modified();
CREATE TRIGGER update_created BEFORE INSERT ON personnes FOR EACH ROW EXECUTE FUNCTION update_created();
CREATE TRIGGER update_modified BEFORE INSERT OR UPDATE ON personnes FOR EACH ROW EXECUTE FUNCTION update_modified();
CREATE TRIGGER update_created BEFORE INSERT ON adresses FOR EACH ROW EXECUTE FUNCTION update_created();
CREATE TRIGGER update_modified BEFORE INSERT OR UPDATE ON adresses FOR EACH ROW EXECUTE FUNCTION update_modified();
CREATE TRIGGER update_created BEFORE INSERT ON adressesfoyers FOR EACH ROW EXECUTE FUNCTION update_created();
CREATE TRIGGER update_modified BEFORE INSERT OR UPDATE ON adressesfoyers FOR EACH ROW EXECUTE FUNCTION update_modified();
CREATE TRIGGER update_created BEFORE INSERT ON detailsdroitsrsa FOR EACH ROW EXECUTE FUNCTION update_created();
CREATE TRIGGER update_modified BEFORE INSERT OR UPDATE ON detailsdroitsrsa FOR EACH ROW EXECUTE FUNCTION update_modified();
CREATE TRIGGER update_created BEFORE INSERT ON orientsstructs FOR EACH ROW EXECUTE FUNCTION update_created();
CREATE TRIGGER update_modified BEFORE INSERT OR UPDATE ON orientsstructs FOR EACH ROW EXECUTE FUNCTION update_modified();
