"""What is usually written on a line of a kind: texts near to what was read, to be weighed with it.

Soft lists only: what they do not hold can still be read where the writing is clear.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from functools import cache

from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from extraction.email_addresses import PROVIDERS
from extraction.words import lists
from models.values.places import communes, plain_names, plain_place

_ASKED = 3
"""So many of the texts that were read are looked up."""
_NEAR = 3
"""And so many neighbours taken of each."""


def proposals(value_type: str) -> Callable[[Sequence[str]], Iterable[str]] | None:
    """For a type of value: from texts that were read to texts that may be meant; `None` where nothing is known."""
    return _PROPOSALS.get(value_type)


def _addresses(texts: Sequence[str]) -> Iterable[str]:
    """The same addresses at the providers that are nearest; an @ where none was read."""
    for text in texts[:_ASKED]:
        compact = "".join(text.split())
        local, at, domain = compact.rpartition("@")
        if at:
            for provider, _, _ in process.extract(domain, PROVIDERS, scorer=Levenshtein.distance, limit=_NEAR):
                yield f"{local}@{provider}"
            continue
        for local, provider in _parted(compact):
            yield f"{local}@{provider}"
            yield f"{local[:-1]}@{provider}"


def _parted(compact: str) -> list[tuple[str, str]]:
    """What stands before a provider's name at the end of a text without @, the least misread names first."""
    found = []
    for provider in PROVIDERS:
        for length in range(len(provider) - 1, len(provider) + 2):
            if len(compact) > length + 2:
                far = Levenshtein.distance(compact[-length:], provider)
                if far <= len(provider) // 3:
                    found.append((far, compact[:-length], provider))
    return [(local, provider) for _, local, provider in sorted(found)[: 2 * _NEAR]]


def _near_places(texts: Sequence[str]) -> Iterable[str]:
    names = _places()
    for text in texts[:_ASKED]:
        plain = plain_place(text)
        if len(plain) < 3:
            continue
        found = process.extract(
            plain, names.keys(), scorer=Levenshtein.distance, limit=_NEAR, score_cutoff=max(1, len(plain) // 4)
        )
        for name, _, _ in found:
            for spelt in names[name]:
                yield spelt.upper() if text.isupper() else spelt


def _near_words(texts: Sequence[str], value_type: str) -> Iterable[str]:
    """One word of the text replaced by a neighbour of the lists."""
    known = _words(value_type)
    for text in texts[:_ASKED]:
        words = text.split(" ")
        for number, word in enumerate(words):
            plain = _plain(word)
            if len(plain) < 3 or plain in known:
                continue
            found = process.extract(
                plain, known.keys(), scorer=Levenshtein.distance, limit=_NEAR, score_cutoff=max(1, len(plain) // 4)
            )
            for near, _, _ in found:
                like = near if word.isupper() else near.lower() if word.islower() else near.title()
                yield " ".join((*words[:number], like, *words[number + 1 :]))


_PROPOSALS: dict[str, Callable[[Sequence[str]], Iterable[str]]] = {
    "email": _addresses,
    "city": _near_places,
    "name": lambda texts: _near_words(texts, "name"),
    "street": lambda texts: _near_words(texts, "street"),
}


@cache
def _places() -> dict[str, tuple[str, ...]]:
    """Commune in plain capitals -> how it is spelt."""
    found: dict[str, tuple[str, ...]] = {}
    plain = plain_names()
    for names in communes().values():
        for name in names:
            if name not in found.get(plain[name], ()):
                found[plain[name]] = (*found.get(plain[name], ()), name)
    return found


@cache
def _words(value_type: str) -> dict[str, None]:
    """Words of names or of streets, in plain capitals."""
    known = lists()
    kinds = ["surname", "first", "particle", "firm", "title"]
    if value_type == "street":
        kinds += ["type", "link", "street"]
    words = dict.fromkeys(part for kind in kinds for entry in known[kind] for part in _parts(entry))
    words.update(dict.fromkeys(("M", "MR", "MME", "MLLE", "ET")))
    return words


def _parts(text: str) -> list[str]:
    return [plain for word in text.replace("-", " ").replace("'", " ").split() if (plain := _plain(word))]


def _plain(word: str) -> str:
    bare = unicodedata.normalize("NFD", word.replace("œ", "oe").replace("Œ", "OE")).upper()
    return "".join(c for c in bare if c.isalnum() or c in "'-")
