"""What tables of WebRSA must hold, from the CNAF's own files, and what they do hold.

expect FILE.xml... (in their order) | dump 'PSQL COMMAND': one line a case: its number, its
situation, its household, its components, its persons with their roles. The files are read
here by another reader than relais's, from the flow's own names.
"""

import subprocess
import sys
import xml.etree.ElementTree as tree


def text(block, path):
    found = block.find(path)
    return (found.text or "").strip() if found is not None else ""


def amount(given):
    """0001675.00 -> 1675.00, without a float."""
    whole, _, rest = given.partition(".")
    return f"{int(whole)}.{(rest + '00')[:2]}" if given else ""


def closing(block):
    for name in ("FinDroit", "FinDroitMoisAnterieur"):
        found = block.find(f".//{name}")
        if found is not None:
            return text(found, "MOTICLORSA"), text(found, "DTCLORSA")
    return "", ""


def person(block):
    roles = sorted(
        f"{text(p, 'NATPREST')}:{text(p, 'ROLEPERS')}:{text(p, 'TOPCHAPERS')}"
        for p in block.findall("Prestations")
    )
    identity = [text(block, f"Identification/{n}") for n in ("NOM", "NOMNAI", "PRENOM", "DTNAI", "SEXE")]
    nir = text(block, "Identification/NIR")[:13]
    subject = text(block, "MontantCalculDroitRSAPersonne/TOPPERSDRODEVORSA")
    attached = text(block, "DossierCAF/DDRATDOS")
    return "/".join([*identity, nir, subject, attached, ",".join(roles)])


def case(block):
    kinds = (("SuspensionDroit", "MOTISUSDRORSA", "DDSUSDRORSA"), ("SuspensionVersement", "MOTISUSVERSRSA", "DDSUSVERSRSA"))
    suspensions = sorted(
        f"{kind}:{text(s, motive)}:{text(s, since)}" for kind, motive, since in kinds for s in block.iter(kind)
    )
    components = sorted(
        ":".join([text(c, "NATPF"), text(c, "SOUSNATPF"), text(c, "DDNATDRO"), amount(text(c, "MTRSAVERS"))])
        for c in block.iter("DetailCalculDroitRSA")
    )
    address = next((a for a in block.iter("Adresse") if text(a, "TroncCommunAdresse/RGADR") == "01"), None)
    lives = [text(address, f"TroncCommunAdresse/{n}") for n in ("DTEMM", "PAYS")] + [
        text(address, f"AdresseDetailleeFrance/{n}") for n in ("NUMVOIE", "LIBTYPEVOIE", "NOMVOIE", "NUMCOM", "CODEPOS", "NOMCOM")
    ]
    fields = [
        *(text(block, f"IdentificationRSA/DemandeRSA/{n}") for n in ("NUMDEMRSA", "DTDEMRSA")),
        text(block, "IdentificationRSA/Partenaire/IDEPARTE"),
        *(text(block, f"IdentificationRSA/Organisme/{n}") for n in ("FONORG", "NUMORG", "MATRICULE")),
        *(text(block, f"IdentificationRSA/OrganismePrenant/{n}") for n in ("FONORGPRENMUT", "NUMORGPRENMUT", "DDDEPAMUT")),
        *(text(block, f"DonneesAdministratives/SituationFamille/{n}") for n in ("SITFAM", "DDSITFAM")),
        *(text(block, f".//{n}") for n in ("ETATDOSRSA", "MOTIREFURSA", "DTREFURSA")),
        *closing(block),
        *(text(block, f".//TroncCommunDroitRSA/{n}") for n in ("NBENFAUTCHA", "TOPSANSDOMFIXE", "TOPFOYDRODEVORSA")),
        "/".join(lives),
        ";".join(suspensions),
        ";".join(components),
        ";".join(sorted(person(p) for p in block.findall("Personne"))),
    ]
    return "|".join(fields)


def expect(*files):
    cases = {}
    for file in files:
        for block in tree.parse(file).getroot().iter("InfosFoyerRSA"):
            cases[text(block, "IdentificationRSA/DemandeRSA/NUMDEMRSA")] = case(block)
    for number in sorted(cases):
        print(cases[number])


SQL = """
SELECT concat_ws('|', d.numdemrsa, coalesce(d.dtdemrsa::text, ''), coalesce(d.ideparte, ''), rtrim(d.fonorg), rtrim(d.numorg), rtrim(d.matricule),
  coalesce(rtrim(d.fonorgprenmut), ''), coalesce(rtrim(d.numorgprenmut), ''), coalesce(d.dddepamut::text, ''),
  coalesce(rtrim(f.sitfam), ''), coalesce(f.ddsitfam::text, ''),
  s.etatdosrsa, coalesce(rtrim(s.motirefursa), ''), coalesce(s.dtrefursa::text, ''),
  coalesce(rtrim(s.moticlorsa), ''), coalesce(s.dtclorsa::text, ''),
  e.nbenfautcha, e.topsansdomfixe::int, e.topfoydrodevorsa::int,
  (SELECT concat_ws('/', l.dtemm, a.pays, a.numvoie, a.libtypevoie, a.nomvoie, a.numcom, a.codepos, a.nomcom)
   FROM adressesfoyers l JOIN adresses a ON a.id = l.adresse_id WHERE l.foyer_id = f.id AND l.rgadr = '01'),
  coalesce((SELECT string_agg(t, ';' ORDER BY t COLLATE "C") FROM (
     SELECT 'SuspensionDroit:' || motisusdrorsa || ':' || ddsusdrorsa AS t FROM suspensionsdroits x WHERE x.situationdossierrsa_id = s.id AND motisusdrorsa <> 'ZZ'
     UNION ALL SELECT 'SuspensionVersement:' || motisusversrsa || ':' || ddsusversrsa FROM suspensionsversements x
     WHERE x.situationdossierrsa_id = s.id) u), ''),
  coalesce((SELECT string_agg(t, ';' ORDER BY t COLLATE "C") FROM (
     SELECT concat_ws(':', rtrim(natpf), rtrim(sousnatpf), ddnatdro, mtrsavers) AS t FROM detailscalculsdroitsrsa c
     WHERE c.detaildroitrsa_id = e.id) u), ''),
  (SELECT string_agg(t, ';' ORDER BY t COLLATE "C") FROM (
     SELECT concat_ws('/', p.nom, p.nomnai, p.prenom, p.dtnai, p.sexe, coalesce(rtrim(p.nir), ''),
       coalesce((SELECT k.toppersdrodevorsa FROM calculsdroitsrsa k WHERE k.personne_id = p.id), ''),
       (SELECT k.ddratdos FROM dossierscaf k WHERE k.personne_id = p.id),
       (SELECT string_agg(concat_ws(':', rtrim(natprest), rtrim(rolepers), topchapers::int), ',' ORDER BY natprest)
        FROM prestations r WHERE r.personne_id = p.id)) AS t
     FROM personnes p WHERE p.foyer_id = f.id AND EXISTS (SELECT FROM prestations r WHERE r.personne_id = p.id)) u))
FROM dossiers d JOIN foyers f ON f.dossier_id = d.id JOIN situationsdossiersrsa s ON s.dossier_id = d.id
JOIN detailsdroitsrsa e ON e.dossier_id = d.id
WHERE d.numdemrsa NOT LIKE 'A%' ORDER BY d.numdemrsa COLLATE "C"
"""


def dump(psql):
    sys.stdout.write(subprocess.run(psql, shell=True, input=SQL, text=True, capture_output=True, check=True).stdout)


{"expect": expect, "dump": dump}[sys.argv[1]](*sys.argv[2:])
