#!/usr/bin/env python3
"""oracle.py -- what a history of CNAF Beneficiaire files must become: an independent second
implementation, from the contract alone.

  oracle.py [--ring FILE] [--territory dep93] [--source URN] [--codes FOLDER] [--overlay FOLDER]
            [--schemas FOLDER] [--sealed] FILE... | FOLDER

FILE: in the order fed, one at a time; a FOLDER is sorted as contract A7 says. release=FILE and
refuse=FILE: what a person says of it then; nothing where it is not held. Standard
output: JSON lines as `relais subscribe` prints them, without what a broker assigns; then one
line {"verdict","file","depot","why"} a file. --sealed: encrypted fields as base64 of their
bytes. What the contract leaves open is told in "loose": a parked record's acceptable codes.
"""
import argparse
import base64
import datetime
import json
import os
import sys

import droit
from contract import Codes, Schema
from protection import Ring, event_id, partition, traceparent
from reading import File

HERE = os.path.dirname(os.path.abspath(__file__))
TREE = os.path.join(HERE, "..", "..", "schemas")


def instant(at):
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond:06d}Z"


EPOCH = datetime.datetime(1970, 1, 1)


class Oracle:
    def __init__(self, ring, territory, source, codes, schemas=TREE):
        self.ring, self.territory, self.source, self.codes = ring, territory, source, codes
        self.droit_schema = Schema(os.path.join(schemas, "eligibility", "evenement_droit.avsc"))
        self.control_schema = Schema(os.path.join(schemas, "control", "evenement_controle.avsc"))
        self.topic = f"{territory}.eligibility.v1"
        self.control_topic = f"{territory}.control.v1"
        self.objects = {}    # droit -> (whole value, order)
        self.sequences = {}  # (topic, dossier) -> last
        self.known = set()   # hashes of integrated files
        self.headers = {}    # identity of an integrated header -> how many
        self.first_monthly = False
        self.last_monthly = datetime.datetime.min
        self.held = {}       # hash -> why
        self.events, self.verdicts = [], []

    # ---- one file
    def feed(self, path):
        file = File(path)
        if file.hash in self.known:
            return self._verdict(file, "KNOWN", "")
        if file.refused:
            self._verdict(file, "REFUSE", file.refused)
            return self._control(file, "REFUSE")
        why = self._hold(file)
        if why:
            again, self.held[file.hash] = file.hash in self.held, why
            self._verdict(file, "RETENU", why)
            return None if again else self._control(file, "RETENU")
        return self._accept(file)

    def say(self, what, path):
        """What a person says of a held file. A release holds only against the reason seen."""
        file = File(path)
        why = self.held.get(file.hash)
        if not why:
            return None
        if what == "refuse":
            del self.held[file.hash]
            self._verdict(file, "REFUSE", "a person")
            return self._control(file, "REFUSE")
        if why != "header" and not file.anomalies and file.header.identity() in self.headers:
            self.held[file.hash] = "header"
            return self._verdict(file, "RETENU", "header")
        del self.held[file.hash]
        return self._accept(file)

    def _accept(self, file):
        self._verdict(file, "INTEGRE", "")
        counts = self._integrate(file)
        self._control(file, "INTEGRE", counts)
        self.known.add(file.hash)

    def _hold(self, file):
        if file.trailer[file.total()] != len(file.blocks):
            return "total"
        if not file.anomalies and file.header.identity() in self.headers:
            return "header"
        if not file.anomalies and file.header.monthly and file.header.at < self.last_monthly:
            return "older monthly"
        return None

    def _verdict(self, file, verdict, why):
        self.verdicts.append({"verdict": verdict, "file": file.name, "depot": file.depot,
                              "why": why})

    # ---- its blocks
    def _integrate(self, file):
        counts = {"acceptes": 0, "inchanges": 0, "perimes": 0, "remplaces": 0, "parques": 0,
                  "published": []}
        if file.anomalies:
            counts["acceptes"] = counts["inchanges"] = len(file.blocks)
            return counts
        rank = self.headers.get(file.header.identity(), -1) + 1
        natural = file.header.identity() + (str(rank),)
        file.rank = rank
        last, identities = {}, {}
        for block in file.blocks:
            number, whose = droit.case_number(block), droit.identity(block)
            if number and all(whose):
                last[number, whose] = block.ordinal
                identities.setdefault(number, set()).add(whose)
        for block in file.blocks:
            number, whose = droit.case_number(block), droit.identity(block)
            if len(identities.get(number, ())) > 1 and all(whose):
                self._park(file, block, {"DUPLICATE"}, ["NUMDEMRSA"])
                counts["parques"] += 1
            elif last.get((number, whose), block.ordinal) != block.ordinal:
                counts["acceptes"] += 1
                counts["remplaces"] += 1
            else:
                self._block(file, block, natural, counts)
        self.headers[file.header.identity()] = rank
        if file.header.monthly:
            self.first_monthly = True
            self.last_monthly = max(self.last_monthly, file.header.at)
        return counts

    def _block(self, file, block, natural, counts):
        value, extra, (codes, fields) = droit.read_state(block, self.ring, self.droit_schema)
        codes, fields = set(codes), list(fields)
        ideparte = block.node.text("IdentificationRSA", "Partenaire", "IDEPARTE")
        if ideparte and self.territory not in self.codes.territories.get(ideparte, ()):
            codes |= {"TERRITORY"} if ideparte in self.codes.territories \
                else {"TERRITORY", "CODE_UNKNOWN"}
            fields.append("IDEPARTE")
        if value:
            for variable, code, park, where in self.droit_schema.codes(value):
                if park and not self.codes.valid(variable, code, file.header.created):
                    codes.add("CODE_UNKNOWN")
                    fields.append(where)
        if codes:
            self._park(file, block, codes, fields)
            counts["parques"] += 1
            return
        counts["acceptes"] += 1
        before, order = self.objects.get(value["droit"], (None, None))
        if order is not None and file.order() < order:
            counts["perimes"] += 1
            return
        changes = droit.differing(before, value, self.droit_schema.fields) if before else []
        if before and not changes:
            self.objects[value["droit"]] = (before, file.order())
            counts["inchanges"] += 1
            return
        self._event(file, block, natural, value, extra, before, changes, counts)

    def _event(self, file, block, natural, value, extra, before, changes, counts):
        fact = droit.step_fact(before, value) or droit.same_state_fact(before, value, changes)
        initial = before is None and not self.first_monthly
        on = droit.happened_on(fact, before, value, extra["moved"])
        identifier = event_id(self.source, value["droit"], *natural)
        value = dict(value, fait=fact, changements=changes,
                     etat_precedent=before["etat"] if before else None)
        value["entete"] = self._entete(
            identifier, self.topic, extra["dossier"],
            on or file.header.reference or file.header.created, instant(file.header.at),
            "INITIALISATION" if initial else "NORMAL", True, file.depot, str(block.ordinal))
        self.objects[value["droit"]] = (value, file.order())
        counts["published"].append((fact, value["montant_mensuel_centimes"] or 0, identifier))
        self._emit(self.topic, extra["dossier"], "fr.relais.eligibility.EvenementDroit",
                   f"fr.relais.eligibility.droit.{fact.lower()}", file.depot, value, identifier)

    def _entete(self, identifier, topic, dossier, on, at, nature, derived, depot, position):
        rank = self.sequences[topic, dossier] = self.sequences.get((topic, dossier), 0) + 1
        return {"id": identifier, "source": self.source, "sequence": rank, "dossier": dossier,
                "territoire": self.territory, "survenu_le": on, "constate_le": at,
                "nature": nature, "corrige": None, "derive": derived,
                "origine": {"depot": depot, "position": position}}

    def _emit(self, topic, key, subject, kind, depot, value, identifier, loose=None):
        line = {"topic": topic, "partition": partition(key), "key": key,
                "headers": {"ce_specversion": "1.0", "ce_id": identifier,
                            "ce_source": self.source, "ce_type": kind,
                            "content-type": "application/avro",
                            "traceparent": traceparent(self.source, depot, identifier)},
                "subject": subject, "value": value}
        if loose:
            line["loose"] = loose
        self.events.append(line)

    def _park(self, file, block, codes, fields):
        position = str(block.ordinal)
        identifier = event_id(self.source, file.depot, "parcage", position)
        number = droit.case_number(block)
        key = self.ring.pseudonym("d", number) if number else file.depot
        keys = [key]
        if "ENCODING" in codes:
            keys = [key, file.depot]  # what was read of it before the bad byte
        self._emit(f"{self.topic}.dlq", key, "fr.relais.Parcage", "fr.relais.parcage", file.depot,
                   {"id": identifier, "depot": file.depot, "position": position},
                   identifier, {"codes": sorted(codes), "fields": fields, "keys": keys,
                                "block": base64.b64encode(block.raw).decode()})

    # ---- what is said of the file
    def _control(self, file, issue, counts=None):
        header = file.header
        identifier = event_id(self.source, file.depot, issue)
        counts = counts or {"acceptes": 0, "inchanges": 0, "perimes": 0, "remplaces": 0,
                            "parques": 0, "published": []}
        table = {}
        for fact, amount, _ in counts["published"]:
            count, total = table.get(fact, (0, 0))
            table[fact] = (count + 1, total + amount)
        value = {
            "entete": self._entete(
                identifier, self.control_topic, self.source,
                header.created if header else "1970-01-01",
                instant(header.at if header else EPOCH), "NORMAL", False, file.depot, "0"),
            "depot": file.depot, "issue": issue,
            "entete_flux": header and {"type": header.type, "nature": header.nature,
                                       "cree_le": instant(header.at),
                                       "reference": header.reference},
            "totaux": [],
            "acceptes": counts["acceptes"], "publies_total": len(counts["published"]),
            "inchanges": counts["inchanges"], "perimes": counts["perimes"],
            "remplaces": counts["remplaces"],
            "publies": [{"sujet": "fr.relais.eligibility.EvenementDroit", "fait": fact,
                         "nombre": table[fact][0], "centimes": table[fact][1]}
                        for fact in sorted(table)],
            "premier_id": counts["published"][0][2] if counts["published"] else None,
            "dernier_id": counts["published"][-1][2] if counts["published"] else None}
        if file.trailer:
            name = file.total()
            value["totaux"] = [{"nom": name, "annonce": file.trailer[name],
                                "lu": len(file.blocks)}]
        self._emit(self.control_topic, self.source, "fr.relais.control.EvenementControle",
                   f"fr.relais.control.controle.{issue.lower()}", file.depot,
                   self.control_schema.whole(value), identifier,
                   {"parques": counts["parques"],
                    "silent": issue == "INTEGRE" and not file.anomalies})

    # ---- encrypted fields, as they travel
    def sealed_events(self):
        for event in self.events:
            if event["topic"] != self.topic:
                yield event
                continue
            value = json.loads(json.dumps(event["value"]))
            for path, usage, form in self.droit_schema.sealed():
                self._seal(value, value["entete"]["id"], path, path.split("."), usage, form)
            yield dict(event, value=value)

    def _seal(self, value, identifier, path, names, usage, form):
        if isinstance(value, list):
            for item in value:
                self._seal(item, identifier, path, names, usage, form)
        elif len(names) > 1:
            self._seal(value[names[0]], identifier, path, names[1:], usage, form)
        elif value[names[0]] is not None:
            clear = value[names[0]]
            if form == "json":
                clear = json.dumps(clear, sort_keys=True, ensure_ascii=False,
                                   separators=(",", ":"))
            sealed = self.ring.seal(usage, identifier, path, clear.encode())
            value[names[0]] = base64.b64encode(sealed).decode()


def files_of(paths):
    if len(paths) == 1 and os.path.isdir(paths[0]):
        files = [os.path.join(paths[0], n) for n in os.listdir(paths[0]) if not n.startswith(".")]
        return sorted(files, key=lambda p: File(p).order())
    return paths


def main():
    ask = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    ask.add_argument("--ring", required=True)
    ask.add_argument("--territory", default="dep93")
    ask.add_argument("--source")
    ask.add_argument("--codes", default=os.path.join(TREE, "codelists"))
    ask.add_argument("--overlay")
    ask.add_argument("--schemas", default=TREE)
    ask.add_argument("--sealed", action="store_true")
    ask.add_argument("path", nargs="+")
    args = ask.parse_args()
    oracle = Oracle(Ring(args.ring), args.territory,
                    args.source or f"urn:relais:cnaf:cristal:{args.territory}",
                    Codes(args.codes, args.overlay), args.schemas)
    for path in files_of(args.path):
        what, _, held = path.partition("=")
        if what in ("release", "refuse"):
            oracle.say(what, held)
        else:
            oracle.feed(path)
    for event in oracle.sealed_events() if args.sealed else oracle.events:
        print(json.dumps(event, ensure_ascii=False))
    for verdict in oracle.verdicts:
        print(json.dumps(verdict, ensure_ascii=False))


if __name__ == "__main__":
    sys.exit(main())
