"""A CNAF Beneficiaire file as bytes -> header, blocks, trailer, or why it is refused.

Rules: rules.md 14, contract A7, A10. Every block keeps its own problem, if it has one.
"""
import datetime
import decimal
import hashlib
import re
import xml.parsers.expat

BLANKS = " \t\r\n"
ENCODINGS = {"utf-8": "utf-8", "iso-8859-1": "latin-1", "iso-8859-15": "iso8859-15",
             "windows-1252": "cp1252", "us-ascii": "ascii"}
HOLE = "\U0010FFFD"  # stands for a byte that the declared encoding does not define
RECORD = "InfosFoyerRSA"
FOREIGN = {"InfoDemandeRSA", "InfosFinancieresFoyerRSA", "InfosCreanceFoyerRSA"}


class Refused(Exception):
    """The file cannot be integrated."""


class Bad(Exception):
    """A field of a block is wrong; args: acceptable codes, field."""

    def __init__(self, codes, field):
        super().__init__(codes, field)
        self.codes = {codes} if isinstance(codes, str) else set(codes)
        self.field = field


class Node:
    def __init__(self, name):
        self.name, self.children, self.pieces = name, [], []

    def all(self, *path):
        found = [self]
        for name in path:
            found = [c for n in found for c in n.children if c.name == name]
        return found

    def text(self, *path):
        """The trimmed text at path; None: absent, or nothing in it."""
        for node in self.all(*path):
            value = "".join(node.pieces).strip(BLANKS)
            if value:
                return value
        return None

    def holds_text(self):
        return bool("".join(self.pieces).strip(BLANKS)) or any(c.holds_text() for c in self.children)

    def damaged(self):
        return any(HOLE in p for p in self.pieces) or any(c.damaged() for c in self.children)


class Block:
    def __init__(self, ordinal, node, raw):
        self.ordinal, self.node, self.raw = ordinal, node, raw


# ---- values, in the forms that the flow's XSD admits
DAY = re.compile(r"(\d{4})-(\d\d)-(\d\d)(Z|[+-]\d\d:\d\d)?", re.ASCII)


def day(text, field):
    """ISO text of a real day; None: absent or a sentinel."""
    if text is None:
        return None
    match = DAY.fullmatch(text)
    if not match:
        raise Bad("FIELD_TYPE", field)
    year, month, number = (int(g) for g in match.groups()[:3])
    if year in (1, 9999):
        return None
    try:
        return datetime.date(year, month, number).isoformat()
    except ValueError:
        raise Bad("FIELD_TYPE", field) from None


def centimes(text, field):
    if text is None:
        return None
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)", text, re.ASCII):
        raise Bad("FIELD_TYPE", field)
    value = decimal.Decimal(text) * 100
    if value != value.to_integral_value():
        raise Bad({"FIELD_TYPE", "FIELD_RULE"}, field)
    if value < 0:
        raise Bad({"FIELD_TYPE", "FIELD_RULE"}, field)
    return int(value)


def integer(text, field):
    if text is None:
        return None
    if not re.fullmatch(r"[+-]?\d+", text, re.ASCII):
        raise Bad("FIELD_TYPE", field)
    return int(text)


def boolean(text, field):
    if text is None:
        return None
    if text not in ("0", "1", "false", "true"):
        raise Bad("FIELD_TYPE", field)
    return text in ("1", "true")


# ---- Paris, by the European rule
def last_sunday(year, month):
    at = datetime.date(year, month, 31)
    return at - datetime.timedelta(days=(at.weekday() + 1) % 7)


def paris_to_utc(at):
    """at: naive, Paris. The hour that comes twice is the first one."""
    def summer(utc):
        begin = datetime.datetime.combine(last_sunday(utc.year, 3), datetime.time(1))
        end = datetime.datetime.combine(last_sunday(utc.year, 10), datetime.time(1))
        return begin <= utc < end
    candidate = at - datetime.timedelta(hours=2)
    return candidate if summer(candidate) else at - datetime.timedelta(hours=1)


class Header:
    def __init__(self, node):
        self.type = node.text("TYPEFLUX")
        self.nature = node.text("NATFLUX")
        self.day = node.text("DTCREAFLUX")
        self.time = node.text("HEUCREAFLUX")
        reference = node.text("DTREF")
        if self.type not in ("M", "I", "R") or self.nature != "D" or not self.day or not self.time:
            raise Refused("header")
        clock = re.fullmatch(r"(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?", self.time, re.ASCII)
        try:
            self.created = day(self.day, "DTCREAFLUX")
            self.reference = day(reference, "DTREF")
            if not clock or not self.created:
                raise Refused("header")
            local = datetime.datetime.combine(
                datetime.date.fromisoformat(self.created),
                datetime.time(*(int(g) for g in clock.groups()[:3])))
        except (Bad, ValueError):
            raise Refused("header") from None
        micros = int((clock.group(4) or "0").ljust(6, "0"))
        self.at = paris_to_utc(local).replace(microsecond=micros)
        self.monthly = self.type in ("M", "R")

    def identity(self):
        return (self.type, self.day, self.time)


class File:
    """refused: None, or why. header: None where it cannot be read."""

    def __init__(self, path):
        with open(path, "rb") as source:
            self.bytes = source.read()
        self.name = path.rsplit("/", 1)[-1]
        self.hash = hashlib.sha256(self.bytes).hexdigest()
        self.depot = self.hash[:16]
        self.header = self.trailer = self.refused = None
        self.blocks = []
        try:
            self._parse(self._decode())
            self._judge()
        except Refused as why:
            self.refused = str(why)

    @property
    def anomalies(self):
        return any(b.node.all("Anomalie") for b in self.blocks)

    def total(self):
        """The only total that the file is checked against."""
        return "NBTOTDOSRSATRANSMANO" if self.anomalies else "NBTOTDOSRSATRANSM"

    rank = 0  # +1 for each accepted re-delivery of its header

    def order(self):
        """Contract A7; files without a header come last."""
        if not self.header:
            return (datetime.datetime.max, True, 0, self.name)
        return (self.header.at, self.header.monthly, self.rank, self.name)

    # -- bytes to text
    def _decode(self):
        data, marked = self.bytes, False
        if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in data:
            raise Refused("encoding")
        if data.startswith(b"\xef\xbb\xbf"):
            data, marked = data[3:], True
        declared = re.match(rb"""<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""", data)
        name = declared.group(1).decode().lower() if declared else "utf-8"
        if name not in ENCODINGS or (marked and name != "utf-8"):
            raise Refused("encoding")
        self.codec = ENCODINGS[name]
        if self.codec == "utf-8":
            try:
                return data.decode("utf-8")
            except UnicodeDecodeError:
                # what stands before it may still tell the header
                self.cut = True
                return data.decode("utf-8", errors="ignore")
        out = []
        for byte in data:
            try:
                out.append(bytes((byte,)).decode(self.codec))
            except UnicodeDecodeError:
                out.append(HOLE)
        return "".join(out)

    # -- text to nodes
    def _parse(self, text):
        stack, parts = [], []
        encoded = text.encode("utf-8")
        parser = xml.parsers.expat.ParserCreate("utf-8")
        parser.buffer_text = True
        begin_of = {}

        def start(name, attributes):
            stack.append(Node(name))
            if len(stack) == 2:
                begin_of[id(stack[1])] = parser.CurrentByteIndex

        def end(name):
            node = stack.pop()
            if stack:
                stack[-1].children.append(node)
            if len(stack) == 1:
                # the end tag is still to be passed
                last = encoded.index(b">", parser.CurrentByteIndex) + 1
                parts.append((node, self._raw(encoded, begin_of[id(node)], last)))
                stack[0].children.clear()

        def data(piece):
            stack[-1].pieces.append(piece)

        def doctype(*_):
            raise Refused("DTD")

        parser.StartElementHandler, parser.EndElementHandler = start, end
        parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = data, doctype
        problem = None
        try:
            parser.Parse(encoded, True)
        except (xml.parsers.expat.ExpatError, Refused) as why:
            problem = Refused(str(why))
        if getattr(self, "cut", False):
            problem = Refused("encoding")
        self.parts = parts
        if parts and parts[0][0].name == "IdentificationFlux":
            self.header = Header(parts[0][0])
        if problem:
            raise problem

    def _raw(self, encoded, first, last):
        """The file's own bytes of a part of the text that was parsed."""
        part = encoded[first:last].decode("utf-8")
        if self.codec == "utf-8":
            return encoded[first:last]
        offset = len(encoded[:first].decode("utf-8"))
        return self.bytes[offset:offset + len(part)]

    # -- nodes to a file
    def _judge(self):
        names = [node.name for node, _ in self.parts]
        if not names or names[0] != "IdentificationFlux" or names[-1] != "TransmissionFlux":
            raise Refused("structure")
        if names.count("IdentificationFlux") != 1 or names.count("TransmissionFlux") != 1:
            raise Refused("structure")
        if FOREIGN & set(names):
            raise Refused("another flow's records")
        trailer = self.parts[-1][0]
        if not trailer.holds_text():
            raise Refused("empty trailer")
        try:
            self.trailer = {n: integer(trailer.text(n), n)
                            for n in ("NBTOTDOSRSATRANSM", "NBTOTDOSRSATRANSMANO")}
        except Bad:
            raise Refused("trailer") from None
        ordinal = 0
        for node, raw in self.parts:
            if node.name == RECORD:
                ordinal += 1
                self.blocks.append(Block(ordinal, node, raw))
