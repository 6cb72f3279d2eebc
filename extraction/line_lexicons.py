"""What is usually written on a line of a kind: texts near to what was read, to be weighed with it.

Soft lists only: what they do not hold can still be read where the writing is clear.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cache, partial
from string import digits

from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from extraction.email_addresses import LIKE_AT, LIKE_DIGITS, PROVIDERS, SIGNS, local_parts
from extraction.words import lists
from models.values.places import communes, plain_names, plain_place

_ASKED = 3
"""So many of the texts that were read are looked up."""
_NEAR = 3
"""And so many neighbours taken of each."""


def proposals(value_type: str, names: Sequence[str] = ()) -> Callable[[Sequence[str]], Iterable[str]] | None:
    """For a type of value: from texts that were read to texts that may be meant; `None` where nothing is known.

    Args:
        names: of the writer, in small letters without accents; addresses are mostly made of them.
    """
    if value_type == "email":
        return partial(_addresses, made=local_parts(names))
    return _PROPOSALS.get(value_type)


def _addresses(texts: Sequence[str], made: Collection[str]) -> Iterable[str]:
    """The same addresses at the providers that are nearest, of the writer's names, with an @ where none was read."""
    for text in texts[:_ASKED]:
        compact = "".join(text.split())
        head, at, tail = compact.rpartition("@")
        parts = [(head, tail)] if at else [*_parted(compact), *_at_like_letters(compact)]
        for local, domain in parts:
            near = [provider for provider, _ in _nearest(domain, PROVIDERS)]
            locals_ = [local, *_of_names(local, made)]
            for found in dict.fromkeys((domain, _mended_ending(domain), *near)):
                yield from (f"{own}@{found}" for own in locals_)


def _nearest(text: str, known: Collection[str], limit: int = _NEAR) -> list[tuple[str, int]]:
    """Those that differ least, with the number of characters by which they do."""
    return [(name, int(far)) for name, far, _ in process.extract(text, known, scorer=Levenshtein.distance, limit=limit)]


def _of_names(local: str, made: Collection[str]) -> Iterable[str]:
    """What is made of the writer's names and differs little from what stands before the @, its number kept."""
    stem = local.rstrip(digits)
    for near, far in _nearest(stem, made, 2 * len(SIGNS)):
        if far <= max(2, len(near) // 3):
            yield near + local[len(stem) :]
    for name in made:
        # Letters of a number read as letters.
        if local.startswith(name) and (number := local[len(name) :].translate(LIKE_DIGITS)).isdigit():
            yield name + number


def _at_like_letters(compact: str) -> Iterable[tuple[str, str]]:
    """The text parted at each letter that an @ may have been read as."""
    for place in range(2, len(compact) - 3):
        if compact[place] in LIKE_AT and "." in compact[place + 2 :]:
            yield compact[:place], compact[place + 1 :]


def _mended_ending(domain: str) -> str:
    """A domain of the ending that is nearest: what stands behind its last point is a known one."""
    found = re.fullmatch(r"(.+)[^a-z0-9]([a-z]{2,3})", domain)
    if not found or found[2] in _ENDINGS:
        return domain.replace("_", ".") if found else domain
    ((ending, far),) = _nearest(found[2], _ENDINGS, 1)
    return f"{found[1]}.{ending}" if far == 1 else domain


_ENDINGS = ("fr", "com", "net", "org", "eu")


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
    names, by_length = _places(), _places_by_length()
    for plain, in_capitals in dict.fromkeys((plain_place(text), text.isupper()) for text in texts[:_ASKED]):
        if len(plain) < 3:
            continue
        far = max(1, len(plain) // 4)
        about_as_long = [name for length in range(len(plain) - far, len(plain) + far + 1) for name in by_length[length]]
        found = process.extract(plain, about_as_long, scorer=Levenshtein.distance, limit=_NEAR, score_cutoff=far)
        for name, _, _ in found:
            for spelt in names[name]:
                yield spelt.upper() if in_capitals else spelt


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
def _places_by_length() -> Mapping[int, list[str]]:
    by_length = defaultdict[int, list[str]](list)
    for name in _places():
        by_length[len(name)].append(name)
    return by_length


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
    if word.isascii() and word.isalnum():
        return word.upper()
    bare = unicodedata.normalize("NFD", word.replace("œ", "oe").replace("Œ", "OE")).upper()
    return "".join(c for c in bare if c.isalnum() or c in "'-")
