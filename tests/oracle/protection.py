"""Keys, identifiers, pseudonyms, sealed fields and partitions: contract A4, A6, A11, in Python.

Written from the contract, to judge the C implementation; nothing is shared with it.
"""
import base64
import hashlib
import hmac
import re
import unicodedata
import uuid

from cryptography.hazmat.primitives.ciphers.aead import AESGCM


class Ring:
    """Lines `id usage state created base64(32 bytes)`."""

    def __init__(self, path):
        self.keys, self.active = {}, {}
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                words = line.split()
                if not words or words[0].startswith("#"):
                    continue
                number, key = int(words[0], 16), base64.b64decode(words[4])
                assert len(key) == 32, "a key has 32 bytes"
                self.keys[number] = key
                if words[2] == "actif":
                    assert words[1] not in self.active, "two active keys of one usage"
                    self.active[words[1]] = number

    def pseudonym(self, genre, canonical):
        number = self.active["pseudonyme"]
        text = "\0".join(("relais/pseudonyme/1", genre, canonical)).encode()
        digest = hmac.new(self.keys[number], text, hashlib.sha256).digest()[:16]
        word = base64.b32encode(digest).decode().lower().rstrip("=")
        return f"{genre}1-{number:04x}-{word}"

    def seal(self, usage, event_id, path, clear):
        """clear: bytes."""
        number = self.active[usage]
        aad = f"{event_id}\0{path}".encode()
        nonce = hmac.new(self.keys[self.active["nonce"]], aad + b"\0" + clear,
                         hashlib.sha256).digest()[:12]
        return (b"\x01" + number.to_bytes(2, "big") + nonce +
                AESGCM(self.keys[number]).encrypt(nonce, clear, aad))

    def open(self, event_id, path, sealed):
        key = self.keys[int.from_bytes(sealed[1:3], "big")]
        return AESGCM(key).decrypt(sealed[3:15], sealed[15:], f"{event_id}\0{path}".encode())


def uuid8(*parts):
    digest = bytearray(hashlib.sha256("\0".join(parts).encode()).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x80
    digest[8] = digest[8] & 0x3F | 0x80
    return str(uuid.UUID(bytes=bytes(digest)))


def event_id(source, thing, *natural):
    return uuid8("relais/id/1", source, thing, *natural)


def droit_id(dossier, fonorg, numorg, matricule):
    """matricule: its pseudonym."""
    return uuid8("relais/droit/1", dossier, fonorg, numorg, matricule, "RSA", "")


def traceparent(source, depot, identifier):
    trace = hashlib.sha256(f"{source}\0{depot}".encode()).hexdigest()[:32]
    return f"00-{trace}-{identifier.replace('-', '')[-16:]}-01"


# Ligatures of the contract, and the letters that Unicode does not decompose (docs/CONTRAT.md).
LETTERS = {"œ": "OE", "Œ": "OE", "æ": "AE", "Æ": "AE", "ß": "SS", "ẞ": "SS", "ø": "O", "Ø": "O",
           "ł": "L", "Ł": "L", "đ": "D", "Đ": "D", "ð": "D", "Ð": "D", "þ": "TH", "Þ": "TH"}


def canonical_name(name):
    out = []
    for letter in name or "":
        plain = LETTERS.get(letter)
        if plain is None:
            plain = "".join(c for c in unicodedata.normalize("NFD", letter)
                            if not unicodedata.combining(c)).upper()
            if not plain:
                continue  # a combining mark alone
        out.append(plain)
    return re.sub(r"[^A-Z0-9]+", " ", "".join(out)).strip(" ")


NIR = re.compile(r"[12]\d{2}(0[1-9]|1[0-2]|[2-9]\d)(0[1-9]|[1-9]\d|2[AB])\d{6}", re.ASCII)


def nir_key(nir13):
    number = nir13[:5] + {"2A": "19", "2B": "18"}.get(nir13[5:7], nir13[5:7]) + nir13[7:]
    return 97 - int(number) % 97


def nir_right(nir):
    if len(nir) not in (13, 15) or not NIR.fullmatch(nir[:13]):
        return False
    return len(nir) == 13 or (nir[13:].isascii() and nir[13:].isdigit() and
                              int(nir[13:]) == nir_key(nir[:13]))


def person_canonical(nir, name, first_name, born, case_number):
    """born: YYYY-MM-DD or None."""
    if nir and nir_right(nir):
        return "nir:" + nir[:13]
    parts = (canonical_name(name), canonical_name(first_name), born or "")
    if all(parts):
        return "ec:" + "|".join(parts)
    return "ed:" + "|".join((case_number,) + parts)


def murmur2(data):
    """Java's, as an unsigned number."""
    mask, m, length = 0xFFFFFFFF, 0x5BD1E995, len(data)
    h = 0x9747B28C ^ length
    for i in range(0, length - 3, 4):
        k = int.from_bytes(data[i:i + 4], "little") * m & mask
        k = (k ^ k >> 24) * m & mask
        h = (h * m & mask) ^ k
    rest = data[length & ~3:]
    if rest:
        h = (h ^ int.from_bytes(rest, "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return h ^ h >> 15


def partition(key, count=6):
    return (murmur2(key.encode()) & 0x7FFFFFFF) % count
