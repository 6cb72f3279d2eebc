"""French post codes and communes."""

from __future__ import annotations

import gzip
import re
import unicodedata
from functools import cache
from importlib import resources

from rapidfuzz import fuzz, process
from rapidfuzz.distance import Levenshtein

_ACCENTS = re.compile("[\u0300-\u036f]+")
_LIGATURES = str.maketrans({"œ": "oe", "Œ": "OE", "æ": "ae", "Æ": "AE"})
_OTHER_SIGNS = re.compile(r"[^A-Z0-9/\n]+")
_CEDEX = re.compile(r"\bCEDEX\b.*$")
_WORDS = {"ST": "SAINT", "STE": "SAINTE", "S/": "SUR"}
NEAR = 84.0
"""Similarity (0..100) from which a misread name still names the commune."""


def parse_postal_code(text: str) -> str | None:
    """Five digits, else `None`; a leading `F-` falls."""
    compact = re.sub(r"[\s.]+", "", text).upper()
    compact = re.sub(r"^(?:F|FR)-?(?=[0-9])", "", compact)
    return compact if re.fullmatch(r"[0-9]{5}", compact) else None


def check_postal_code(value: str) -> tuple[str, ...]:
    """Its first digits are those of a département or overseas territory. No more: single codes come and go (CEDEX)."""
    first = int(value[:2])
    if 1 <= first <= 95 or value[:3] in ("971", "972", "973", "974", "975", "976", "977", "978", "980"):
        return ()
    return () if value[:3] in ("984", "986", "987", "988") else ("postal_code.unknown",)


def with_whole_postal_code(text: str) -> str:
    """A printed address whose post code fell apart or got a letter, if the commune behind it has that code.

    `12 RUE DE L'ECLUSE 881 70 MORELMAISON` -> `12 RUE DE L'ECLUSE 88170 MORELMAISON`; `5705O LE BAN` likewise.
    """
    found = _CODE_AND_TOWN.search(text)
    if found is None:
        return text
    code = found[1].replace(" ", "").replace("O", "0")
    if plain_place(found[2]) not in map(plain_place, communes().get(code, ())):
        return text
    return text[: found.start(1)] + code + text[found.end(1) :]


_CODE_AND_TOWN = re.compile(r"(?<!\S)([0-9O](?: ?[0-9O]){4}) +([^0-9]+)$")


def unaccented(text: str) -> str:
    """The text without accents, ligatures as two letters; case stays."""
    if text.isascii():
        return text
    return _ACCENTS.sub("", unicodedata.normalize("NFD", text.translate(_LIGATURES)))


def plain_place(name: str) -> str:
    """Capitals without accents or punctuation, `ST` spelt out, CEDEX cut: `St-Étienne Cedex 2` -> `SAINT ETIENNE`."""
    return _spelt_out(_OTHER_SIGNS.sub(" ", unaccented(name).upper()))


def _spelt_out(bare: str) -> str:
    """The same of a name in capitals that has neither accents nor punctuation but `/`."""
    if bare.isalpha():
        return _WORDS.get(bare, bare)
    if "CEDEX" in bare:
        bare = _CEDEX.sub("", bare)
    return " ".join(_WORDS.get(word, word) for word in bare.replace("/", "/ ").split())


@cache
def communes() -> dict[str, tuple[str, ...]]:
    """Post code -> names of its communes. Without CEDEX codes."""
    packed = resources.files("models.values").joinpath("communes.csv.gz").read_bytes()
    rows = (line.split(";", 1) for line in gzip.decompress(packed).decode().splitlines())
    return {code: tuple(names.split("|")) for code, names in rows}


@cache
def plain_names() -> dict[str, str]:
    """Name of a commune as it is spelt -> `plain_place` of it."""
    names = list({name for names in communes().values() for name in names})
    # accents and signs fall from all names at once: one by one that would take a tenth of a second of every start
    bare = _OTHER_SIGNS.sub(" ", unaccented("\n".join(names)).upper()).split("\n")
    return {name: _spelt_out(each) for name, each in zip(names, bare, strict=True)}


@cache
def _codes_by_name() -> dict[str, tuple[str, ...]]:
    """Plain name -> post codes."""
    found: dict[str, tuple[str, ...]] = {}
    plain = plain_names()
    for code, names in communes().items():
        for name in names:
            found[plain[name]] = (*found.get(plain[name], ()), code)
    return found


def postal_codes_of(city: str) -> tuple[str, ...]:
    """Post codes of a commune by its exact name, accents and hyphens aside; empty when there is none of that name."""
    return _codes_by_name().get(plain_place(city), ())


def commune_spelt(name: str) -> str | None:
    """A commune's name as it was printed, mended when one letter of it is wrong and only one commune can be meant.

    Returns: `None` when no commune has that name or one like it.
    """
    wanted = plain_place(name)
    if wanted in _codes_by_name():
        return name
    if len(wanted) < _SHORTEST_MENDED:
        return None
    near = process.extract(wanted, plain_names(), scorer=Levenshtein.distance, score_cutoff=1, limit=3)
    meant = {str(plain): str(spelt) for plain, _, spelt in near}
    if len(meant) != 1:
        return None
    (spelt,) = meant.values()
    return spelt.upper() if name.isupper() else spelt


_SHORTEST_MENDED = 5
"""Letters."""


def commune_near(city: str, postal_code: str) -> str | None:
    """The commune of this post code that the name means, also with a letter or two misread; `None` when none does."""
    wanted = plain_place(city)
    choices = {name: plain_place(name) for name in communes().get(postal_code, ())}
    for name, plain in choices.items():
        if plain == wanted:
            return name
    best = process.extractOne(wanted, choices, scorer=fuzz.ratio, score_cutoff=NEAR)
    return str(best[2]) if best else None


def goes_with(city: str, postal_code: str) -> bool | None:
    """Whether a commune has this post code; `None` when the name or code is not in the register (hamlet, CEDEX)."""
    if "CEDEX" in city.upper() or postal_code not in communes():
        return None
    if commune_near(city, postal_code):
        return True
    return False if postal_codes_of(city) else None
