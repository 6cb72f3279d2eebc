"""E-mail addresses as people in France write them: the provider's name is nearly always a known one."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from rapidfuzz.distance import Levenshtein

from extraction.decoding import Guess
from models.values.contacts import parse_email

PROVIDERS = (
    "gmail.com",
    "orange.fr",
    "wanadoo.fr",
    "free.fr",
    "sfr.fr",
    "laposte.net",
    "hotmail.fr",
    "hotmail.com",
    "yahoo.fr",
    "yahoo.com",
    "outlook.fr",
    "outlook.com",
    "live.fr",
    "live.com",
    "icloud.com",
    "me.com",
    "mac.com",
    "bbox.fr",
    "neuf.fr",
    "numericable.fr",
    "numericable.com",
    "aol.com",
    "aol.fr",
    "aliceadsl.fr",
    "club-internet.fr",
    "cegetel.net",
    "9online.fr",
    "9business.fr",
    "noos.fr",
    "voila.fr",
    "msn.com",
    "gmx.fr",
    "gmx.com",
    "protonmail.com",
    "proton.me",
    "pm.me",
    "ymail.com",
    "rocketmail.com",
    "googlemail.com",
    "caramail.fr",
    "caramail.com",
    "nordnet.fr",
    "tele2.fr",
    "libertysurf.fr",
    "mailo.com",
    "mailo.fr",
    "vivaldi.net",
)
"""Providers of private mailboxes; others are taken as they are read."""
_FAR = 2
"""Characters by which a provider's name may be misread."""


def emails(text: str, confidence: float) -> list[Guess]:
    """What an address read as `text` may be, best first.

    Args:
        confidence: of the whole text.
    """
    compact = re.sub(r"\s+", "", text).lower().strip(".,;:")
    local, domain = _split(compact)
    if not local or not domain:
        return [Guess(compact, 0.1 * confidence)]
    mended, far = _provider(domain)
    address = f"{local}@{mended}"
    if parse_email(address) is None:
        return [Guess(compact, 0.1 * confidence)]
    # Mending what was unsure in the provider's name leaves the doubt about the rest.
    surer = confidence if far == 0 else min(0.9, max(confidence, confidence**0.5))
    guesses = [Guess(address, surer)]
    if far:
        guesses.append(Guess(compact, 0.3 * (1 - surer)))
    return guesses


def _split(compact: str) -> tuple[str, str]:
    """Local part and domain; an @ that was not read is put before the longest known provider."""
    if "@" in compact:
        local, _, domain = compact.rpartition("@")
        return local.replace("@", "a"), domain
    for provider in sorted(PROVIDERS, key=len, reverse=True):
        if compact.endswith(provider) and len(compact) > len(provider) + 2:
            return _without_misread_at(compact[: -len(provider)]), provider
    return "", ""


def _without_misread_at(local: str) -> str:
    return local[:-1] if local[-1] in LIKE_AT else local


LIKE_AT = "aco0e6q9gd"
"""What an @ is misread as."""
LIKE_DIGITS = str.maketrans("lioszbgq", "11052699")


def _provider(domain: str) -> tuple[str, int]:
    """The known provider that is meant, or the domain as it stands, and by how many characters it was misread."""
    if domain in PROVIDERS:
        return domain, 0
    limit = _FAR if len(domain) > 6 else 1
    distances = sorted((Levenshtein.distance(domain, provider), provider) for provider in PROVIDERS)
    if distances[0][0] <= limit and distances[0][0] < distances[1][0]:
        return distances[0][1], distances[0][0]
    return domain, 0


def like_names(guess: Guess, names: Iterable[str]) -> Guess:
    """An address whose local part is nearly made of the writer's names is made of them.

    Args:
        names: of the writer as read elsewhere on the form.
    """
    local, at, domain = guess.text.partition("@")
    parts = [plain for name in names if (plain := plain_name(name))]
    if not at or not parts:
        return guess
    made = local_parts(parts)
    match = re.fullmatch(r"(.*?)([0-9]*)", local)
    stem, tail = (match[1], match[2]) if match else (local, "")
    best = min(made, key=lambda candidate: (Levenshtein.distance(stem, candidate), candidate), default=None)
    if best is None:
        return guess
    if best == stem:
        # A point or underscore between two names is what is overlooked most easily.
        parted = bool(re.search(r"[._-]", stem)) or stem in parts
        return Guess(guess.text, 1 - (1 - guess.probability) * 0.3 if parted else min(guess.probability, 0.9))
    rest = stem.removeprefix(best).translate(LIKE_DIGITS)
    if stem.startswith(best) and rest.isdigit() and len(rest) < 3:
        return Guess(f"{best}{rest}{tail}@{domain}", max(guess.probability, 0.6))
    distance = Levenshtein.distance(stem, best)
    if distance <= max(1, len(best) // 5):
        return Guess(f"{best}{tail}@{domain}", max(guess.probability, 0.6))
    return guess


def plain_name(name: str) -> str:
    """A name as it stands in an address: small letters without accents, nothing else."""
    bare = "".join(c for c in unicodedata.normalize("NFD", name.lower()) if not unicodedata.combining(c))
    return re.sub(r"[^a-z]", "", bare)


def name_parts(names: Iterable[str]) -> tuple[str, ...]:
    """The single names that addresses are made of, without initials; a few at most."""
    parts = (plain_name(part) for name in names for part in re.split(r"[^\w']+", name))
    return tuple(dict.fromkeys(part for part in parts if len(part) > 1))[:_NAMES]


_NAMES = 6


def local_parts(parts: Sequence[str]) -> tuple[str, ...]:
    """What people put before the @: first.last, last_first, flast, ... of two names; names alone.

    Args:
        parts: names in small letters without accents.
    """
    made = [*parts, "".join(parts[:2])] if parts else []
    for a in parts:
        for b in parts:
            if a != b:
                made += [f"{a}{sign}{b}" for sign in SIGNS]
                made += [f"{a[0]}{sign}{b}" for sign in SIGNS]
                made.append(f"{a}{b[0]}")
    return tuple(dict.fromkeys(made))


SIGNS = ("", ".", "_", "-")
"""What may stand between two names in an address."""
