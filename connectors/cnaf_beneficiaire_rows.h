#ifndef RELAIS_CONNECTORS_CNAF_BENEFICIAIRE_ROWS_H
#define RELAIS_CONNECTORS_CNAF_BENEFICIAIRE_ROWS_H

/* The elements of the Bénéficiaire flow that are read, in the order of vrsb0801.xsd:
 * X(row, parent's row, kind, name). G: a group; L: a leaf whose row is its name.
 */

#include "connectors/cnaf_flow.h"

#define CNAF_BENEFICIAIRE(X, G, L)                                                       \
    X(FOYER, RACINE, RECORD, "InfosFoyerRSA")                                            \
    X(FOREIGN_INSTRUCTION, RACINE, FOREIGN, "InfoDemandeRSA")                            \
    X(FOREIGN_FINANCIER, RACINE, FOREIGN, "InfosFinancieresFoyerRSA")                    \
    X(FOREIGN_CREANCE, RACINE, FOREIGN, "InfosCreanceFoyerRSA")                          \
    G(IDENTIFICATION_RSA, FOYER, "IdentificationRSA")                                    \
    G(ORGANISME, IDENTIFICATION_RSA, "Organisme")                                        \
    L(FONORG, ORGANISME)                                                                 \
    L(NUMORG, ORGANISME)                                                                 \
    L(MATRICULE, ORGANISME)                                                              \
    G(PARTENAIRE, IDENTIFICATION_RSA, "Partenaire")                                      \
    L(IDEPARTE, PARTENAIRE)                                                              \
    G(DEMANDE, IDENTIFICATION_RSA, "DemandeRSA")                                         \
    L(DTDEMRSA, DEMANDE)                                                                 \
    L(NUMDEMRSA, DEMANDE)                                                                \
    G(CEDANT, IDENTIFICATION_RSA, "OrganismeCedant")                                     \
    L(FONORGCEDMUT, CEDANT)                                                              \
    L(NUMORGCEDMUT, CEDANT)                                                              \
    L(DDARRMUT, CEDANT)                                                                  \
    G(PRENANT, IDENTIFICATION_RSA, "OrganismePrenant")                                   \
    L(FONORGPRENMUT, PRENANT)                                                            \
    L(NUMORGPRENMUT, PRENANT)                                                            \
    L(DDDEPAMUT, PRENANT)                                                                \
    G(PERSONNE, FOYER, "Personne")                                                       \
    G(IDENTIFICATION, PERSONNE, "Identification")                                        \
    L(QUAL, IDENTIFICATION)                                                              \
    L(NOM, IDENTIFICATION)                                                               \
    L(NOMNAI, IDENTIFICATION)                                                            \
    L(PRENOM, IDENTIFICATION)                                                            \
    L(PRENOM2, IDENTIFICATION)                                                           \
    L(PRENOM3, IDENTIFICATION)                                                           \
    L(NOMCOMNAI, IDENTIFICATION)                                                         \
    L(DTNAI, IDENTIFICATION)                                                             \
    L(RGNAI, IDENTIFICATION)                                                             \
    L(TYPEDTNAI, IDENTIFICATION)                                                         \
    L(NIR, IDENTIFICATION)                                                               \
    L(TOPVALIEC, IDENTIFICATION)                                                         \
    L(SEXE, IDENTIFICATION)                                                              \
    G(DOSSIER_CAF, PERSONNE, "DossierCAF")                                               \
    L(DDRATDOS, DOSSIER_CAF)                                                             \
    L(DFRATDOS, DOSSIER_CAF)                                                             \
    L(NUMDEMRSAPRECE, DOSSIER_CAF)                                                       \
    G(PRESTATIONS, PERSONNE, "Prestations")                                              \
    L(NATPREST, PRESTATIONS)                                                             \
    L(ROLEPERS, PRESTATIONS)                                                             \
    L(TOPCHAPERS, PRESTATIONS)                                                           \
    G(POLE_EMPLOI, PERSONNE, "DossierPoleEmploi")                                        \
    L(IDASSEDIC, POLE_EMPLOI)                                                            \
    G(CALCUL_PERSONNE, PERSONNE, "MontantCalculDroitRSAPersonne")                        \
    L(TOPPERSDRODEVORSA, CALCUL_PERSONNE)                                                \
    G(ADMINISTRATIVES, FOYER, "DonneesAdministratives")                                  \
    G(SITUATION_FAMILLE, ADMINISTRATIVES, "SituationFamille")                            \
    L(SITFAM, SITUATION_FAMILLE)                                                         \
    L(DDSITFAM, SITUATION_FAMILLE)                                                       \
    G(ADRESSE, ADMINISTRATIVES, "Adresse")                                               \
    G(TRONC_ADRESSE, ADRESSE, "TroncCommunAdresse")                                      \
    L(RGADR, TRONC_ADRESSE)                                                              \
    L(DTEMM, TRONC_ADRESSE)                                                              \
    L(PAYS, TRONC_ADRESSE)                                                               \
    G(ADRESSE_FRANCE, ADRESSE, "AdresseDetailleeFrance")                                 \
    L(COMPLIDEADR, ADRESSE_FRANCE)                                                       \
    L(COMPLADR, ADRESSE_FRANCE)                                                          \
    L(NUMVOIE, ADRESSE_FRANCE)                                                           \
    L(LIBTYPEVOIE, ADRESSE_FRANCE)                                                       \
    L(NOMVOIE, ADRESSE_FRANCE)                                                           \
    L(LIEUDIST, ADRESSE_FRANCE)                                                          \
    L(NUMCOM, ADRESSE_FRANCE)                                                            \
    L(CODEPOS, ADRESSE_FRANCE)                                                           \
    L(NOMCOM, ADRESSE_FRANCE)                                                            \
    G(ADRESSE_HORS_FRANCE, ADRESSE, "AdresseHorsFrance")                                 \
    L(LIBLIG2ADR, ADRESSE_HORS_FRANCE)                                                   \
    L(LIBLIG3ADR, ADRESSE_HORS_FRANCE)                                                   \
    L(LIBLIG4ADR, ADRESSE_HORS_FRANCE)                                                   \
    L(LIBLIG5ADR, ADRESSE_HORS_FRANCE)                                                   \
    L(LIBLIG6ADR, ADRESSE_HORS_FRANCE)                                                   \
    L(LIBLIG7ADR, ADRESSE_HORS_FRANCE)                                                   \
    G(PRESTATION_RSA, FOYER, "PrestationRSA")                                            \
    G(SITUATION, PRESTATION_RSA, "SituationDossierRSA")                                  \
    G(ETAT, SITUATION, "EtatDossierRSA")                                                 \
    L(ETATDOSRSA, ETAT)                                                                  \
    G(REFUS, SITUATION, "Refus")                                                         \
    L(DTREFURSA, REFUS)                                                                  \
    L(MOTIREFURSA, REFUS)                                                                \
    G(SUSPENSION_DROIT, SITUATION, "SuspensionDroit")                                    \
    L(MOTISUSDRORSA, SUSPENSION_DROIT)                                                   \
    L(DDSUSDRORSA, SUSPENSION_DROIT)                                                     \
    L(NATGROUPFSUS, SUSPENSION_DROIT)                                                    \
    G(SUSPENSION_VERSEMENT, SITUATION, "SuspensionVersement")                            \
    L(MOTISUSVERSRSA, SUSPENSION_VERSEMENT)                                              \
    L(DDSUSVERSRSA, SUSPENSION_VERSEMENT)                                                \
    G(FIN_DROIT, SITUATION, "FinDroit")                                                  \
    X(FIN_MOTICLORSA, FIN_DROIT, LEAF, "MOTICLORSA")                                     \
    X(FIN_DTCLORSA, FIN_DROIT, LEAF, "DTCLORSA")                                         \
    G(FIN_ANTERIEURE, SITUATION, "FinDroitMoisAnterieur")                                \
    X(ANTERIEURE_MOTICLORSA, FIN_ANTERIEURE, LEAF, "MOTICLORSA")                         \
    X(ANTERIEURE_DTCLORSA, FIN_ANTERIEURE, LEAF, "DTCLORSA")                             \
    G(DETAIL_DROIT, PRESTATION_RSA, "DetailDroitRSA")                                    \
    G(TRONC_DROIT, DETAIL_DROIT, "TroncCommunDroitRSA")                                  \
    L(TOPSANSDOMFIXE, TRONC_DROIT)                                                       \
    L(NBENFAUTCHA, TRONC_DROIT)                                                          \
    L(TOPFOYDRODEVORSA, TRONC_DROIT)                                                     \
    G(DETAIL_CALCUL, DETAIL_DROIT, "DetailCalculDroitRSA")                               \
    L(NATPF, DETAIL_CALCUL)                                                              \
    L(SOUSNATPF, DETAIL_CALCUL)                                                          \
    L(DDNATDRO, DETAIL_CALCUL)                                                           \
    L(DFNATDRO, DETAIL_CALCUL)                                                           \
    L(MTRSAVERS, DETAIL_CALCUL)                                                          \
    G(AVIS_PCG, DETAIL_DROIT, "AvisPCGDroitRSA")                                         \
    G(REDUCTION, AVIS_PCG, "ReductionRSA")                                               \
    L(MTREDRSA, REDUCTION)                                                               \
    L(DDREDRSA, REDUCTION)                                                               \
    L(DFREDRSA, REDUCTION)                                                               \
    G(EVENEMENT, FOYER, "Evenement")                                                     \
    L(FG, EVENEMENT)                                                                     \
    G(ANOMALIE, FOYER, "Anomalie")

enum {
    CNAF_BENEFICIAIRE_FIRST = CNAF_COMMON_COUNT - 1,
#define X(row, parent, kind, name) CNAF_##row,
#define G(row, parent, name)       CNAF_##row,
#define L(row, parent)             CNAF_##row,
    CNAF_BENEFICIAIRE(X, G, L)
#undef X
#undef G
#undef L
        CNAF_BENEFICIAIRE_COUNT
};

#endif
