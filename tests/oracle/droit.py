"""A Beneficiaire block -> the state of a right; two states -> an event. Contract A6-A11, B."""
import re

from protection import droit_id, nir_right, person_canonical
from reading import Bad, boolean, centimes, day, integer

STATES = {"0": "INSTRUCTION", "1": "REFUSE", "2": "OUVERT", "3": "SUSPENDU_DROIT",
          "4": "SUSPENDU_VERSEMENT", "5": "CLOS", "6": "CLOS_REGUL"}
NOT_COMPARED = {"entete", "fait", "changements", "etat_precedent", "fait_generateur"}
ADDRESS = {"COMPLIDEADR": "complement_identite", "COMPLADR": "complement", "NUMVOIE": "numero",
           "LIBTYPEVOIE": "type_voie", "NOMVOIE": "voie", "LIEUDIST": "lieu_dit",
           "CODEPOS": "code_postal", "NUMCOM": "commune", "NOMCOM": "nom_commune"}


def case_number(block):
    """The canonical number where it passes its rule, else None."""
    number = block.node.text("IdentificationRSA", "DemandeRSA", "NUMDEMRSA")
    if number and re.fullmatch(r"[0-9A-Za-z]{11}", number, re.ASCII):
        return number.upper()
    return None


def identity(block):
    """(FONORG, NUMORG, MATRICULE), texts or None."""
    organism = block.node.all("IdentificationRSA", "Organisme")
    return tuple(next(filter(None, (o.text(n) for o in organism)), None)
                 for n in ("FONORG", "NUMORG", "MATRICULE"))


def without_nulls(pairs):
    return {k: v for k, v in pairs.items() if v is not None} or None


def or_none(pairs):
    return pairs if any(v is not None for v in pairs.values()) else None


def first_null(*values):
    """A sort key of several texts, some of them null."""
    return tuple((v is not None, v if v is not None else "") for v in values)


class Reader:
    """Reads one block; every fault is noted, so that any of them may be the one told."""

    def __init__(self, node):
        self.node, self.codes, self.fields = node, set(), []

    def fault(self, codes, field):
        self.codes |= {codes} if isinstance(codes, str) else set(codes)
        self.fields.append(field)

    def take(self, read, node, *path):
        try:
            return read(node.text(*path), path[-1])
        except Bad as bad:
            self.fault(bad.codes, bad.field)
            return None


def read_person(r, node, ring, number):
    who = node.all("Identification")
    who = who[0] if who else node
    clear = {
        "qualite": who.text("QUAL"), "nom": who.text("NOM"), "nom_naissance": who.text("NOMNAI"),
        "prenom": who.text("PRENOM"), "prenom2": who.text("PRENOM2"),
        "prenom3": who.text("PRENOM3"), "commune_naissance": who.text("NOMCOMNAI"),
        "date_naissance": r.take(day, who, "DTNAI"), "rang_naissance": r.take(integer, who, "RGNAI"),
        "precision_date_naissance": who.text("TYPEDTNAI"), "sexe": who.text("SEXE"),
        "identifiant_france_travail": node.text("DossierPoleEmploi", "IDASSEDIC")}
    nir = who.text("NIR")
    certified = r.take(boolean, who, "TOPVALIEC")
    if nir is None:
        status = "SANS_NIR"
    elif not nir_right(nir):
        status = "NIR_INVALIDE"
    else:
        status, nir = "NIR_CERTIFIE" if certified else "NIR_NON_CERTIFIE", nir[:13]
    canonical = person_canonical(nir, clear["nom_naissance"], clear["prenom"],
                                 clear["date_naissance"], number)
    roles = [{"prestation": p.text("NATPREST"), "role": p.text("ROLEPERS"),
              "a_charge": r.take(boolean, p, "TOPCHAPERS")}
             for p in node.all("Prestations") if p.holds_text()]
    if any(role["prestation"] is None for role in roles):
        r.fault("FIELD_MISSING", "personnes.roles.prestation")
    return {
        "personne": ring.pseudonym("p", canonical),
        "roles": sorted(roles, key=lambda x: x["prestation"] or ""),
        "soumis_droits_devoirs": r.take(boolean, node, "MontantCalculDroitRSAPersonne",
                                        "TOPPERSDRODEVORSA"),
        "debut_rattachement": r.take(day, node, "DossierCAF", "DDRATDOS"),
        "fin_rattachement": r.take(day, node, "DossierCAF", "DFRATDOS"),
        "nir": nir, "identite": without_nulls(clear), "statut_identite": status}


def read_address(r, node):
    """(adresse, commune, day of moving in) of the present address."""
    for address in node.all("DonneesAdministratives", "Adresse"):
        if address.text("TroncCommunAdresse", "RGADR") != "01":
            continue
        moved = r.take(day, address, "TroncCommunAdresse", "DTEMM")
        clear = {"date_emmenagement": moved, "pays": address.text("TroncCommunAdresse", "PAYS")}
        for name, key in ADDRESS.items():
            clear[key] = address.text("AdresseDetailleeFrance", name)
        for n in range(2, 8):
            clear[f"ligne_{n}"] = address.text("AdresseHorsFrance", f"LIBLIG{n}ADR")
        return without_nulls(clear), clear["commune"], moved
    return None, None, None


def read_suspensions(r, situation):
    out = []
    for block, scope in (("SuspensionDroit", "DROIT"), ("SuspensionVersement", "VERSEMENT")):
        short = "DRO" if scope == "DROIT" else "VERS"
        for one in situation.all(block):
            if one.holds_text():
                out.append({"portee": scope, "motif": one.text(f"MOTISUS{short}RSA"),
                            "debut": r.take(day, one, f"DDSUS{short}RSA"),
                            "groupe": one.text("NATGROUPFSUS") if scope == "DROIT" else None})
    return sorted(out, key=lambda s: (s["portee"],) +
                  first_null(s["debut"], s["motif"], s["groupe"]))


def read_state(block, ring, schema):
    """(value without entete and without what a step says, extra, faults).

    faults: (acceptable codes, fields); value None where the identity cannot be made.
    """
    node = block.node
    r = Reader(node)
    ident = node.all("IdentificationRSA")
    ident = ident[0] if ident else node
    raw_number = node.text("IdentificationRSA", "DemandeRSA", "NUMDEMRSA")
    number = case_number(block)
    fonorg, numorg, matricule = identity(block)
    for given, name in ((raw_number, "NUMDEMRSA"), (fonorg, "FONORG"), (numorg, "NUMORG"),
                        (matricule, "MATRICULE")):
        if given is None:
            r.fault("FIELD_MISSING", name)
    if raw_number and not number:
        r.fault({"FIELD_RULE", "FIELD_LENGTH"}, "NUMDEMRSA")
    if block.node.damaged():
        r.fault("ENCODING", "block")
    if r.codes and not (number and fonorg and numorg and matricule):
        # everything else may be told as well
        r.codes |= {"FIELD_MISSING", "FIELD_RULE", "FIELD_TYPE", "CODE_UNKNOWN"} & \
            (r.codes | other_faults(block))
        return None, None, (r.codes, r.fields)
    situation = (node.all("PrestationRSA", "SituationDossierRSA") or [node])[0]
    detail = (node.all("PrestationRSA", "DetailDroitRSA") or [node])[0]
    state = STATES.get(situation.text("EtatDossierRSA", "ETATDOSRSA") or "")
    if state is None:
        r.fault({"CODE_UNKNOWN", "FIELD_MISSING"}
                if not situation.text("EtatDossierRSA", "ETATDOSRSA") else "CODE_UNKNOWN",
                "ETATDOSRSA")
    persons = sorted((read_person(r, p, ring, number) for p in node.all("Personne")),
                     key=lambda p: p["personne"])
    address, commune, moved = read_address(r, node)
    parts = []
    for one in detail.all("DetailCalculDroitRSA"):
        if one.holds_text():
            parts.append({"nature": one.text("NATPF"), "sous_nature": one.text("SOUSNATPF"),
                          "debut": r.take(day, one, "DDNATDRO"),
                          "fin": r.take(day, one, "DFNATDRO"),
                          "montant_centimes": r.take(centimes, one, "MTRSAVERS")})
    parts.sort(key=lambda p: first_null(p["nature"], p["sous_nature"], p["debut"]))
    reductions = [{"montant_centimes": r.take(centimes, one, "MTREDRSA"),
                   "debut": r.take(day, one, "DDREDRSA"), "fin": r.take(day, one, "DFREDRSA")}
                  for one in detail.all("AvisPCGDroitRSA", "ReductionRSA") if one.holds_text()]
    reductions.sort(key=lambda x: first_null(x["debut"]))
    family = (node.all("DonneesAdministratives", "SituationFamille") or [None])[0]
    common = (detail.all("TroncCommunDroitRSA") or [None])[0]
    amounts = [p["montant_centimes"] for p in parts if p["montant_centimes"] is not None]

    def ended(name):
        return next((or_none({"motif": e.text("MOTICLORSA"),
                              "date": r.take(day, e, "DTCLORSA")})
                     for e in situation.all(name)), None)

    def moved_to(name, side, when):
        return next((or_none({"fonorg": o.text(f"FONORG{side}MUT"),
                              "numorg": o.text(f"NUMORG{side}MUT"), "date": r.take(day, o, when)})
                     for o in ident.all(name)), None)

    previous = sorted(filter(None, (p.text("DossierCAF", "NUMDEMRSAPRECE")
                                    for p in node.all("Personne"))))
    dossier = ring.pseudonym("d", number)
    value = {
        "droit": droit_id(dossier, fonorg, numorg, ring.pseudonym("m", matricule)),
        "prestation": "RSA", "etat": state,
        "fait_generateur": [e.text("FG") for e in node.all("Evenement") if e.text("FG")],
        "date_demande": r.take(day, ident, "DemandeRSA", "DTDEMRSA"),
        "organisme": {"fonorg": fonorg, "numorg": numorg},
        "organisme_cedant": moved_to("OrganismeCedant", "CED", "DDARRMUT"),
        "organisme_prenant": moved_to("OrganismePrenant", "PREN", "DDDEPAMUT"),
        "refus": next((or_none({"motif": x.text("MOTIREFURSA"),
                                "date": r.take(day, x, "DTREFURSA")})
                       for x in situation.all("Refus")), None),
        "suspensions": read_suspensions(r, situation),
        "cloture": ended("FinDroit"), "cloture_mois_anterieur": ended("FinDroitMoisAnterieur"),
        "reductions": reductions,
        "montant_mensuel_centimes": sum(amounts) if amounts else None,
        "composantes": parts,
        "foyer": or_none({
            "situation_familiale": family.text("SITFAM") if family else None,
            "depuis": r.take(day, family, "DDSITFAM") if family else None,
            "enfants_a_charge": r.take(integer, common, "NBENFAUTCHA") if common else None,
            "commune": commune,
            "sans_domicile_fixe": r.take(boolean, common, "TOPSANSDOMFIXE") if common else None,
            "soumis_droits_devoirs":
                r.take(boolean, common, "TOPFOYDRODEVORSA") if common else None}),
        "adresse": address, "personnes": persons, "numero_demande": raw_number,
        "matricule": matricule, "numero_demande_precedent": previous[0] if previous else None}
    whole = schema.whole(value)
    return whole, {"number": number, "dossier": dossier, "moved": moved}, (r.codes, r.fields)


def other_faults(block):
    """Codes that a block without identity could also be parked with."""
    node, codes = block.node, set()
    state = node.text("PrestationRSA", "SituationDossierRSA", "EtatDossierRSA", "ETATDOSRSA")
    if (state or "") not in STATES:
        codes.add("CODE_UNKNOWN")
    return codes


# ---- the step between two states
def step_fact(before, now):
    old, new = before and before["etat"], now["etat"]
    if old == new:
        return None
    closed = now["cloture"] or {}
    earlier = now["cloture_mois_anterieur"] or {}
    if new == "INSTRUCTION" and old is None:
        return "DEMANDE"
    if new == "OUVERT":
        return {None: "OUVERTURE", "INSTRUCTION": "OUVERTURE", "REFUSE": "OUVERTURE",
                "SUSPENDU_DROIT": "REPRISE", "SUSPENDU_VERSEMENT": "REPRISE",
                "CLOS": "REOUVERTURE", "CLOS_REGUL": "REOUVERTURE"}.get(old, "REVISION")
    if new == "CLOS":
        reason = closed.get("motif") or earlier.get("motif")
        return "MUTATION_CEDEE" if reason == "MUT" else "CLOTURE"
    return {"SUSPENDU_DROIT": "SUSPENSION_DROIT", "SUSPENDU_VERSEMENT": "SUSPENSION_VERSEMENT",
            "CLOS_REGUL": "REGULARISATION", "REFUSE": "REFUS"}.get(new, "REVISION")


def differing(before, now, fields):
    return sorted(f for f in fields if f not in NOT_COMPARED and before[f] != now[f])


def same_state_fact(before, now, changes):
    def only(keys):
        a, b = before["foyer"] or {}, now["foyer"] or {}
        return all(a.get(k) == b.get(k) for k in set(a) | set(b) if k not in keys)
    if set(changes) <= {"adresse", "foyer"} and only({"commune", "sans_domicile_fixe"}):
        return "ADRESSE"
    if set(changes) <= {"adresse", "foyer", "personnes"}:
        return "FOYER"
    return "REVISION"


def latest(days):
    return max((d for d in days if d), default=None)


def happened_on(fact, before, now, moved):
    """survenu_le in the block's own words, or None."""
    before = before or {}
    if fact == "REFUS":
        return (now["refus"] or {}).get("date")
    if fact in ("SUSPENSION_DROIT", "SUSPENSION_VERSEMENT"):
        known = {(s["portee"], s["debut"]) for s in before.get("suspensions", [])}
        return latest(s["debut"] for s in now["suspensions"]
                      if (s["portee"], s["debut"]) not in known)
    ends = [(now[f] or {}).get("date") for f in ("cloture", "cloture_mois_anterieur")]
    if fact in ("CLOTURE", "MUTATION_CEDEE"):
        return ends[0] or ends[1]
    if fact == "REGULARISATION":
        return ends[1] or ends[0]
    if fact in ("OUVERTURE", "REPRISE", "REOUVERTURE", "REVISION"):
        known = before.get("composantes", [])
        return latest(c["debut"] for c in now["composantes"] if c not in known)
    if fact == "ADRESSE":
        return moved
    if fact == "FOYER":
        known = before.get("personnes", [])
        return latest(d for p in now["personnes"] if p not in known
                      for d in (p["debut_rattachement"], p["fin_rattachement"]))
    return None
