#!/usr/bin/env python3
"""history.py FOLDER [--seed N] [--dossiers N] [--months N] -- a random history of invented
households as CNAF Beneficiaire files, with all that may go wrong in them.

Writes the files, and FOLDER/ordre: their names in the order in which they are fed, one at a
time (a name twice: the same file arrives again), and "release NAME" or "refuse NAME" where a
person says so of a file that may be held. Deterministic by seed.
"""
import argparse
import datetime
import os
import random

from protection import nir_key

DAY = datetime.timedelta(days=1)
VERSEMENT = ["01", "02", "05", "06", "09", "31", "34", "36", "44", "70", "97", "AB", "CZ", "DA"]
DROIT = ["DA", "DB", "DC", "DK", "GF", "GR", "GX"]
CLOSED = ["PCG", "ECH", "RGD", "RFD", "RAU", "RST", "MUT", "MUT"]
REFUSED = ["F02", "F04", "F97", "FDD", "DSD", "PCG"]
PARTS = [("RSD", "RSDN2"), ("RSI", "RSIN1"), ("RSU", "RSUN1"), ("RSB", "RSBN2"), ("RSJ", "RSJN1")]
FACTS = ["SUS", "SITPRO", "ETACIV", "SITFAM", "ADR", "RAD", "MUT", "REA", "DEMRSA", "PASDANSLA"]
NAMES = ["QUIRVELLE", "MORTEFANE", "ZABULONDE", "D'ESSAI-FICTIF", "OUBLIEFANT", "BRISANDOU",
         "LE  TESTEUR", "CASTIFICTO", "NOËLIN", "GRAÇONNE"]
FIRST = ["AMANDINE", "ROMARIC", "ELVIRE", "SOLVEIG", "FULBERT", "LIVIA", "BERTRAM", "ZOÉ",
         "JEAN-TEST", "ANAÏS", "TITOUAN"]
TOWNS = [("93001", "93300", "AUBERVILLIERS"), ("93066", "93200", "SAINT-DENIS"),
         ("93008", "93000", "BOBIGNY"), ("75056", "75010", "PARIS")]


def iso(at):
    return at.isoformat() if at else None


class Household:
    def __init__(self, rng, number):
        self.r, r = rng, rng
        self.number = f"0{number:05d}{rng.randrange(100):02d}093"
        self.matricule = f"{number * 37 % 10000000:07d}00000000"
        self.fonorg, self.numorg = rng.choice([("CAF", "931")] * 4 + [("MSA", "751")])
        self.ideparte = rng.choice(["093"] * 5 + [None])
        self.asked = datetime.date(2024, 1, 1) + rng.randrange(700) * DAY
        self.persons = []
        for role in ["DEM"] + (["CJT"] if r.random() < .4 else []) + ["ENF"] * r.randrange(4):
            self.add_person(role)
        self.family = ("CEL", datetime.date(2015, 3, 2))
        self.addresses = []
        self.move(self.asked)
        self.state = r.choice("0012222234561")
        self.sus, self.end, self.end_before, self.refused = [], None, None, None
        self.parts, self.cuts = [], []
        self.ceding = self.taking = None
        self.homeless, self.children, self.bound = "0", r.choice([None, 0, 1, 2, 9]), "1"
        self.facts, self.previous = [], r.choice([None] * 6 + ["0G123456789"])
        self.settle(datetime.date(2026, 1, 1))

    # ---- what may happen
    def add_person(self, role):
        r = self.r
        born = datetime.date(1965 if role != "ENF" else 2008, 1, 1) + r.randrange(9000) * DAY
        if born > datetime.date(2025, 12, 31):
            born = datetime.date(2025, 5, 5)
        sex = r.choice("12")
        nir = (f"{sex}{born.year % 100:02d}{born.month:02d}" + r.choice(["75", "93", "2A", "2B"]) +
               f"985{r.randrange(1, 999):03d}")
        kind = r.random()
        shown = (None if role == "ENF" and kind < .6 or kind < .1 else nir if kind < .6 else
                 nir + f"{nir_key(nir):02d}" if kind < .9 else
                 nir + f"{nir_key(nir) % 97 + 1:02d}")
        self.persons.append({
            "role": role, "sex": sex, "nir": shown, "later": nir, "name": r.choice(NAMES),
            "first": f"{r.choice(FIRST)} {'ABCDEFGHIJ'[len(self.persons) % 10]}", "born": born,
            "since": self.asked + r.randrange(200) * DAY if role == "ENF" else self.asked,
            "left": None, "certified": r.choice(["1", "1", "0", None]), "rank": r.choice([None, "1"]),
            "bound": r.choice(["1", "0", None]), "job": r.choice([None, "9300001A"]),
            "second": r.choice([None, None, "MARIE"])})

    def move(self, at):
        r = self.r
        town = r.choice(TOWNS)
        self.addresses.insert(0, {"at": at, "abroad": r.random() < .1, "town": town,
                                  "street": r.choice(["DES ESSAIS", "DU CAS & RIEN", "D'À CÔTÉ"]),
                                  "house": r.choice(["12", "4B", None, "<7>"])})
        del self.addresses[3:]

    def new_parts(self, at):
        r = self.r
        self.parts = []
        for nature, under in r.sample(PARTS, r.choice([0, 1, 1, 1, 2, 3])):
            self.parts.append({"nature": nature, "under": under, "from": r.choice([at, None, at]),
                               "to": None, "amount": r.choice([None, 0, r.randrange(100, 90000)])})

    def settle(self, at):
        """What a state brings with it."""
        r, first = self.r, at.replace(day=1)
        if self.state in "34":
            for scope in {"3": "D", "4": "V"}[self.state] * r.choice([1, 1, 2]):
                self.sus.append((scope, r.choice(DROIT if scope == "D" else VERSEMENT),
                                 first - r.choice([0, 0, 31]) * DAY, r.choice([None, "RSA", "ISO"])))
            if r.random() < .2:
                self.sus.append((r.choice("DV"), r.choice(["DA"]), first, None))
        elif r.random() < .85:
            self.sus = []
        if self.state == "1":
            self.refused = (r.choice(REFUSED), r.choice([at, at, None]))
        elif r.random() < .9:
            self.refused = None
        if self.state == "5":
            self.end = (r.choice(CLOSED), r.choice([first, first, None]))
            self.end_before = r.choice([None, None, ("RGD", first - 31 * DAY)])
            if r.random() < .15:
                self.end, self.end_before = None, (r.choice(CLOSED), first - 31 * DAY)
            if self.end and self.end[0] == "MUT":
                self.taking = ("CAF", "595", first)
        elif self.state == "6":
            self.end_before = (r.choice(CLOSED), r.choice([first - 62 * DAY, None]))
            self.end = r.choice([None, ("PCG", first)])
        elif r.random() < .9:
            self.end = self.end_before = self.taking = None
        if self.state == "2" and r.random() < .9:
            self.new_parts(first)
        elif self.state in "01" and r.random() < .9:
            self.parts = []

    def live(self, at):
        r = self.r
        for what in r.sample(range(17), r.choice([1, 1, 1, 2, 3])):
            who = r.choice(self.persons)
            if what < 4:
                self.state = r.choice({"0": "1222", "1": "02", "2": "3444550", "3": "2254",
                                       "4": "22453", "5": "5622", "6": "52"}[self.state])
                self.settle(at)
            elif what == 4:
                self.new_parts(at.replace(day=1))
            elif what == 5 and self.parts:
                r.choice(self.parts)["amount"] = r.choice([None, 0, r.randrange(1, 90000)])
            elif what == 6:
                self.move(at)
            elif what == 7:
                who["nir"] = who["later"] + (f"{nir_key(who['later']):02d}" if r.random() < .5 else "")
            elif what == 8:
                who["first"] = who["first"][:-1] + r.choice("KLMNOP")
            elif what == 9 and len(self.persons) < 7:
                self.add_person("ENF")
                self.persons[-1]["since"] = at
            elif what == 10:
                who["left"] = r.choice([at, None])
            elif what == 11 and len(self.persons) > 1:
                self.persons.remove(who)
            elif what == 12:
                self.family = (r.choice(["CEL", "MAR", "SEF", "VIM", "ZZZ"]), at)
            elif what == 13:
                self.homeless = "1" if self.homeless == "0" else "0"
            elif what == 14:
                self.cuts = [(r.randrange(0, 20000), at.replace(day=1) - n * 31 * DAY,
                              r.choice([None, at])) for n in range(r.randrange(3))]
            elif what == 15:
                self.children, self.bound = r.choice([None, 1, 3, 12]), r.choice(["0", "1", None])
            elif what == 16:
                self.ceding = r.choice([None, ("OPF", "999", at), ("CAF", None, None)])
        self.facts = r.sample(FACTS, r.choice([0, 1, 1, 2]))


class Writer:
    """One file's way of writing: what must change nothing."""

    def __init__(self, rng, encoding):
        self.r, self.encoding, self.out = rng, encoding, []
        self.ornate = rng.random() < .5
        self.glue = rng.choice(["\n", "\n", "\r\n", "", "\n\t"])

    def odd(self, chance=.06):
        return self.ornate and self.r.random() < chance

    def text(self, value):
        plain = value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        if self.odd():
            return f"<![CDATA[{value}]]>"
        if self.odd():
            return "".join(f"&#{ord(c)};" if self.r.random() < .5 else f"&#x{ord(c):X};"
                           for c in value)
        if self.odd() and "&" not in plain:
            return plain[:1] + "<!-- rien -->" + plain[1:]
        if self.odd():
            return self.r.choice([" ", "\n", "\t"]) + plain + "  "
        return plain

    def leaf(self, name, value):
        if value is None:
            if self.odd(.3):
                self.out.append(self.r.choice(["<%s/>", "<%s />", "<%s></%s>", "<%s>  </%s>"])
                                .replace("%s", name))
            return
        self.out.append(f"<{name}>{self.text(value)}</{name}>")

    def group(self, name):
        return Group(self, name)

    def day(self, at):
        if at is None:
            return self.r.choice(["9999-12-31", "0001-01-01", "9999-99-99"]) if self.odd() else None
        return iso(at) + (self.r.choice(["Z", "+01:00"]) if self.odd() else "")

    def amount(self, cents):
        if cents is None:
            return None
        forms = [f"{cents // 100:07d}.{cents % 100:02d}"]
        if self.odd(.3):
            forms += [f"+{cents // 100}.{cents % 100:02d}", f"{cents // 100}.{cents % 100:02d}0"]
            if cents < 100:
                forms.append(f".{cents:02d}")
            if cents % 100 == 0:
                forms.append(str(cents // 100))
        return self.r.choice(forms)

    def yes(self, value):
        return {"1": "true", "0": "false", None: None}[value] if self.odd() else value

    def bytes(self):
        text = self.glue.join(self.out) + self.r.choice(["", "\n"])
        return text.encode(self.encoding, errors="xmlcharrefreplace")


class Group:
    def __init__(self, writer, name):
        self.w, self.name = writer, name

    def __enter__(self):
        self.w.out.append(f"<{self.name}>")

    def __exit__(self, *_):
        self.w.out.append(f"</{self.name}>")
        if self.w.odd():
            self.w.out.append("<!-- un commentaire <b/> -->")


def shuffled(rng, items):
    items = list(items)
    rng.shuffle(items)
    return items


def write_person(w, p, bad):
    with w.group("Personne"):
        with w.group("Identification"):
            w.leaf("QUAL", "MME" if p["sex"] == "2" else "MR")
            w.leaf("NOM", p["name"])
            w.leaf("NOMNAI", p["name"])
            w.leaf("PRENOM", p["first"])
            w.leaf("PRENOM2", p["second"])
            w.leaf("NOMCOMNAI", "VALFICTIF")
            w.leaf("DTNAI", w.day(p["born"]))
            w.leaf("RGNAI", p["rank"])
            w.leaf("TYPEDTNAI", "N")
            w.leaf("NIR", p["nir"])
            w.leaf("TOPVALIEC", w.yes(p["certified"]))
            w.leaf("SEXE", p["sex"])
        with w.group("DossierCAF"):
            w.leaf("TOPRESPDOS", "1" if p["role"] == "DEM" else "0")
            w.leaf("DDRATDOS", "2026-13-01" if bad == "date" else w.day(p["since"]))
            w.leaf("DFRATDOS", w.day(p["left"]))
            w.leaf("NUMDEMRSAPRECE", p.get("before"))
        for nature in shuffled(w.r, ["PFA", "RSA"]):
            with w.group("Prestations"):
                w.leaf("NATPREST", nature)
                w.leaf("ROLEPERS", p["role"])
                w.leaf("TOPCHAPERS", "2" if bad == "boolean" else w.yes("1"))
        if p["job"]:
            with w.group("DossierPoleEmploi"):
                w.leaf("IDASSEDIC", p["job"])
        if p["bound"] is not None:
            with w.group("MontantCalculDroitRSAPersonne"):
                w.leaf("TOPPERSDRODEVORSA", w.yes(p["bound"]))
                w.leaf("MTPERSRESSMENRSA", w.amount(w.r.randrange(50000)))
        if w.r.random() < .3:
            with w.group("Activite"):
                w.leaf("REG", "GE")
                w.leaf("ACT", "CHO")


def write_addresses(w, h):
    order = shuffled(w.r, enumerate(h.addresses, 1)) if w.ornate else enumerate(h.addresses, 1)
    for n, a in order:
        with w.group("Adresse"):
            with w.group("TroncCommunAdresse"):
                w.leaf("RGADR", f"{n:02d}")
                w.leaf("DTEMM", w.day(a["at"]))
                w.leaf("PAYS", "HOR" if a["abroad"] else "FRA")
                w.leaf("TYPEADR", "D")
            if a["abroad"]:
                with w.group("AdresseHorsFrance"):
                    w.leaf("LIBLIG2ADR", None)
                    w.leaf("LIBLIG4ADR", "1 PLACE DU BOUCHON")
                    w.leaf("LIBLIG6ADR", "00000 AILLEURSVILLE")
            else:
                with w.group("AdresseDetailleeFrance"):
                    w.leaf("COMPLIDEADR", None)
                    w.leaf("NUMVOIE", a["house"])
                    w.leaf("LIBTYPEVOIE", "RUE")
                    w.leaf("NOMVOIE", a["street"])
                    w.leaf("NUMCOM", a["town"][0])
                    w.leaf("CODEPOS", a["town"][1])
                    w.leaf("NOMCOM", a["town"][2])


def write_right(w, h, bad):
    with w.group("PrestationRSA"):
        with w.group("SituationDossierRSA"):
            with w.group("EtatDossierRSA"):
                w.leaf("ETATDOSRSA", {"state": "9", "stateZ": "Z", "nostate": None}.get(bad, h.state))
            if h.refused or bad == "refus":
                with w.group("Refus"):
                    w.leaf("DTREFURSA", w.day(h.refused[1] if h.refused else None))
                    w.leaf("MOTIREFURSA", "QQQ" if bad == "refus" else h.refused[0])
            sus = shuffled(w.r, h.sus)
            for scope in "DV":
                for _, reason, since, group in (s for s in sus if s[0] == scope):
                    with w.group("SuspensionDroit" if scope == "D" else "SuspensionVersement"):
                        short = "DRO" if scope == "D" else "VERS"
                        w.leaf(f"MOTISUS{short}RSA", "ZZ" if bad == "sus" else reason)
                        w.leaf(f"DDSUS{short}RSA", w.day(since))
                        if scope == "D":
                            w.leaf("NATGROUPFSUS", group)
            for name, end in (("FinDroit", h.end), ("FinDroitMoisAnterieur", h.end_before)):
                if end:
                    with w.group(name):
                        w.leaf("MOTICLORSA", "XXX" if bad == "end" else end[0])
                        w.leaf("DTCLORSA", w.day(end[1]))
        with w.group("DetailDroitRSA"):
            with w.group("TroncCommunDroitRSA"):
                w.leaf("TOPSANSDOMFIXE", w.yes(h.homeless))
                w.leaf("NBENFAUTCHA", None if h.children is None else
                       "deux" if bad == "integer" else
                       w.r.choice([str(h.children), f"{h.children:02d}"]))
                w.leaf("ORIDEMRSA", "DEM")
                w.leaf("TOPFOYDRODEVORSA", w.yes(h.bound))
            if w.r.random() < .5:
                with w.group("MontantsCalculDroitRSA"):
                    w.leaf("DDELECAL", "2026-01-01")
                    w.leaf("MTTOTDRORSA", w.amount(w.r.randrange(90000)))
            for p in shuffled(w.r, h.parts):
                with w.group("DetailCalculDroitRSA"):
                    w.leaf("NATPF", "XYZ" if bad == "natpf" else p["nature"])
                    w.leaf("SOUSNATPF", p["under"])
                    w.leaf("DDNATDRO", w.day(p["from"]))
                    w.leaf("DFNATDRO", w.day(p["to"]))
                    w.leaf("MTRSAVERS", {"negative": "-5.00", "amount": "12,50"}.get(
                        bad, w.amount(p["amount"])))
                    w.leaf("DTDERRSAVERS", f"2026-{w.r.randrange(1, 12):02d}-01")
            if h.cuts:
                with w.group("AvisPCGDroitRSA"):
                    for amount, since, until in shuffled(w.r, h.cuts):
                        with w.group("ReductionRSA"):
                            w.leaf("MTREDRSA", w.amount(amount))
                            w.leaf("DDREDRSA", w.day(since))
                            w.leaf("DFREDRSA", w.day(until))


BAD = ["state", "stateZ", "nostate", "refus", "sus", "end", "natpf", "negative", "amount", "integer",
       "boolean", "date", "number", "nonumber", "matricule", "nomatricule", "nofonorg", "nonumorg",
       "opf", "foreign", "asked", "nofonorgfar", "hole"]


def write_block(w, h, daily, bad=None, matricule=None, anomaly=False):
    with w.group("InfosFoyerRSA"):
        with w.group("IdentificationRSA"):
            with w.group("Organisme"):
                w.leaf("FONORG", {"opf": "OPF", "nofonorg": None, "nofonorgfar": None}.get(
                    bad, h.fonorg))
                w.leaf("NUMORG", None if bad == "nonumorg" else h.numorg)
                w.leaf("MATRICULE", {"matricule": "12345", "nomatricule": None}.get(
                    bad, matricule or h.matricule))
            with w.group("Partenaire"):
                w.leaf("TYPEPARTE", "CG")
                w.out.append("<IDEPARTE>075</IDEPARTE>" if bad in ("foreign", "nofonorgfar") else
                             f"<IDEPARTE>{h.ideparte} </IDEPARTE>" if h.ideparte else "<IDEPARTE/>")
            with w.group("DemandeRSA"):
                w.leaf("DTDEMRSA", "2025-02-30" if bad == "asked" else w.day(h.asked))
                w.leaf("NUMDEMRSA", {"number": h.number + "1", "nonumber": None}.get(bad, h.number))
            if h.ceding:
                with w.group("OrganismeCedant"):
                    w.leaf("FONORGCEDMUT", h.ceding[0])
                    w.leaf("NUMORGCEDMUT", h.ceding[1])
                    w.leaf("DDARRMUT", w.day(h.ceding[2]))
            if h.taking:
                with w.group("OrganismePrenant"):
                    w.leaf("FONORGPRENMUT", h.taking[0])
                    w.leaf("NUMORGPRENMUT", h.taking[1])
                    w.leaf("DDDEPAMUT", w.day(h.taking[2]))
        for p in shuffled(w.r, h.persons):
            write_person(w, dict(p, before=h.previous), bad)
        if bad == "hole":
            w.out.append("<Personne><Identification><NOM>\uE000</NOM></Identification></Personne>")
        with w.group("DonneesAdministratives"):
            with w.group("SituationFamille"):
                w.leaf("SITFAM", h.family[0] + ("  " if w.odd() else ""))
                w.leaf("DDSITFAM", w.day(h.family[1]))
            write_addresses(w, h)
        write_right(w, h, bad)
        if daily:
            for fact in h.facts:
                with w.group("Evenement"):
                    w.leaf("DTLIQ", "2026-02-05")
                    w.leaf("FG", fact)
        if anomaly:
            with w.group("Anomalie"):
                w.leaf("LIBANO", "X" * 200)


class Folder:
    def __init__(self, path, rng):
        self.path, self.r, self.count, self.order = path, rng, 0, []
        self.later = []
        os.makedirs(path, exist_ok=True)

    def add(self, data, kind, at, feed=True):
        self.count += 1
        name = f"NRSACGIM_RSABE{kind}_{at:%Y%m%d}_B093{self.count:04d}.RCV"
        with open(os.path.join(self.path, name), "wb") as out:
            out.write(data)
        if feed:
            self.order.append(name)
        return name

    def judged(self, name):
        """A person looks at a file that may be held, some time after."""
        r = self.r
        if r.random() < .75:
            self.later.append((r.choice([0, 0, 1, 3]), f"{r.choice(['release'] * 4 + ['refuse'])} {name}"))
        return name

    def time_goes_on(self, everything=False):
        due = [what for wait, what in self.later if everything or wait <= 0]
        self.later = [] if everything else [(wait - 1, what) for wait, what in self.later if wait > 0]
        self.order += due

    def file(self, kind, at, clock, blocks, damage=None, anomalies=False):
        """blocks: [(household, bad, matricule)]."""
        r = self.r
        encoding = r.choice(["windows-1252", "windows-1252", "ISO-8859-1", "ISO-8859-15", "UTF-8"])
        holes = any(b[1] == "hole" for b in blocks)
        if holes:
            encoding = "windows-1252"
        w = Writer(r, encoding.lower())
        declared = "UTF-8" if damage == "encoding" else encoding
        w.out.append(f'<?xml version="1.0" encoding="{declared}"?>')
        if damage == "dtd":
            w.out.append("<!DOCTYPE Racine>")
        w.out.append(r.choice(["<Racine>", '<Racine xmlns:xsi="http://www.w3.org/2001/XMLSchema-'
                               'instance"\n  xsi:noNamespaceSchemaLocation="vrsb0801.xsd">']))
        if damage != "header":
            w.out.append("<IdentificationFlux><APPLIEME>CRI</APPLIEME>"
                         f"<NUMVERSIONAPPLIEME>7100</NUMVERSIONAPPLIEME><TYPEFLUX>{kind}</TYPEFLUX>"
                         f"<NATFLUX>{'F' if damage == 'nature' else 'D'}</NATFLUX>"
                         f"<DTCREAFLUX>{iso(at)}</DTCREAFLUX>"
                         f"<HEUCREAFLUX>{clock}</HEUCREAFLUX>")
            if r.random() < .8:
                w.out.append(f"<DTREF>{iso(at - DAY)}</DTREF>")
            w.out.append("</IdentificationFlux>")
        for household, bad, matricule in blocks:
            write_block(w, household, kind == "I", bad, matricule, anomalies)
        if damage == "encoding":
            w.out.append("<!-- é -->")
        count = len(blocks) + (1 if damage == "total" else 0)
        total, ano = (0, count) if anomalies else (count, r.choice([0, 7]))
        w.out.append(f"<TransmissionFlux><NBTOTDOSRSATRANSM>{total:08d}</NBTOTDOSRSATRANSM>"
                     f"<NBTOTDOSRSATRANSMANO>{ano:08d}</NBTOTDOSRSATRANSMANO></TransmissionFlux>"
                     if damage != "trailer" else "<TransmissionFlux></TransmissionFlux>")
        w.out.append("</Racine>")
        data = w.bytes().replace(b"&#57344;", b"TR\x81OU")  # a byte that windows-1252 lacks
        if damage == "encoding":
            data = data.replace("<!-- é -->".encode(w.encoding), b"<!-- \xe9 -->")
        if damage == "cut":
            data = data[:len(data) * 3 // 4]
        if damage == "twice":
            data += data
        if encoding == "UTF-8" and not damage and r.random() < .3:
            data = b"\xef\xbb\xbf" + data
        return data


DAMAGE = ["total", "cut", "twice", "dtd", "header", "nature", "trailer", "encoding"]


def blocks_of(rng, households, everything):
    out = []
    for h in households if everything else rng.sample(households, rng.randrange(1, len(households))):
        kind = rng.random()
        if kind < .08:
            out.append((h, rng.choice(BAD), None))
        elif kind < .13:
            out += [(h, None, None), (h, rng.choice([None, None, "date", "natpf"]), None)]
        elif kind < .16:
            out += [(h, None, None), (h, None, "9999999" + h.matricule[7:])]
        elif kind > .9 and not everything:
            pass
        else:
            out.append((h, None, None))
    if rng.random() < .5:
        rng.shuffle(out)
    return out


def clock_of(rng):
    return rng.choice(["%02d:%02d:%02d.%04d", "%02d:%02d:%02d.%02d"]) % (
        rng.randrange(3, 24), rng.randrange(60), rng.randrange(60), rng.randrange(100))


def main():
    ask = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    ask.add_argument("folder")
    ask.add_argument("--seed", type=int, default=1)
    ask.add_argument("--dossiers", type=int, default=14)
    ask.add_argument("--months", type=int, default=3)
    args = ask.parse_args()
    r = random.Random(args.seed)
    folder = Folder(args.folder, r)
    households = [Household(r, n) for n in range(1, args.dossiers + 1)]
    at, late, names = datetime.date(2025, r.choice([1, 8, 9, 12]), 3), [], []
    for month in range(args.months):
        for step in range(r.choice([1, 2, 3]) + (0 if month else r.randrange(2))):
            at += r.choice([1, 1, 2, 26 if at.month == 10 and at.day < 5 else 1]) * DAY
            for h in households:
                if r.random() < .45:
                    h.live(at)
            monthly = step == 0 and (month or r.random() < .6)
            kind = r.choice("MMMMR") if monthly else "I"
            if at.month == 10 and r.random() < .5:
                at, clock = datetime.date(at.year, 10, 26), f"02:3{step}:00.0000"  # comes twice
            else:
                clock = clock_of(r)
            data = folder.file(kind, at, clock, blocks_of(r, households, monthly))
            if late and r.random() < .7:
                folder.judged(folder.add(*late.pop(0)))
            if r.random() < .2:
                late.append((data, kind, at))
            else:
                names.append((folder.add(data, kind, at), kind, at, clock))
            if r.random() < .12 and names:
                folder.order.append(r.choice([n for n, *_ in names]))  # again, as it was
            if r.random() < .2 and names:
                _, k, a, c = r.choice(names)  # the same header, other content
                folder.judged(folder.add(folder.file(k, a, c, blocks_of(r, households, False)), k, a))
            if r.random() < .2:
                folder.judged(folder.add(
                    folder.file(kind, at, clock_of(r), blocks_of(r, households, False)[:3],
                                anomalies=True, damage=r.choice([None, None, "total"])), kind, at))
            if r.random() < .25:
                folder.judged(folder.add(
                    folder.file("I", at, clock_of(r), blocks_of(r, households, False),
                                damage=r.choice(DAMAGE + ["total"] * 4)), "I", at))
            if r.random() < .15:
                folder.add(folder.file("I", at, clock_of(r), []), "I", at)
            folder.time_goes_on()
        if r.random() < .5:
            households.append(Household(r, 1000 + month))
        at += (31 - at.day + 3) * DAY
    for one in late:
        folder.judged(folder.add(*one))
    folder.time_goes_on(everything=True)
    with open(os.path.join(args.folder, "ordre"), "w", encoding="ascii") as out:
        out.writelines(name + "\n" for name in folder.order)


if __name__ == "__main__":
    main()
