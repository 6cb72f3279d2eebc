"""What people write on the lines of French forms: addresses, names, places, dates, numbers, sentences."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from extraction.email_addresses import PROVIDERS
from extraction.words import lists
from models.values.places import communes

_MONTHS = (
    "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre",
    "décembre",
)  # fmt: skip
_WAYS = (
    "rue", "avenue", "boulevard", "place", "chemin", "impasse", "allée", "route", "quai", "square", "résidence",
    "lotissement", "rue", "rue", "rue",
)  # fmt: skip
_LINKS = ("de la", "du", "des", "de l'", "de", "d'", "Saint-", "Sainte-", "", "", "", "")


class LineTexts:
    """Makes texts of all kinds; what they are made of is what the project ships, and sentences given to it."""

    def __init__(self, sentences: Sequence[str]) -> None:
        """Args:
        sentences: French text, of which stretches are taken.
        """
        known = lists()
        self._first, self._surnames, self._streets = known["first"], known["surname"], known["street"]
        self._places = sorted({name for names in communes().values() for name in names})
        self._codes = sorted(communes())
        self._words = [word for sentence in sentences for word in sentence.split(" ")]
        self._kinds: Mapping[Callable[[np.random.Generator], str], float] = {
            self._sentence: 0.26, self.email: 0.22, self._name: 0.13, self._place: 0.13, self._street: 0.08,
            self._date: 0.03, self._number: 0.12, self._code: 0.03,
        }  # fmt: skip

    def draw(self, rng: np.random.Generator) -> str:
        """A text of some kind, in capitals now and then."""
        makers, shares = list(self._kinds), np.array(list(self._kinds.values()))
        maker = makers[rng.choice(len(makers), p=shares / shares.sum())]
        text = " ".join(maker(rng).split())
        return text.upper() if maker != self.email and rng.random() < 0.15 else text

    def field(self, rng: np.random.Generator) -> tuple[str, str]:
        """A text with the type of value that a form would hold it in."""
        makers = ((self.email, "email"), (self._name, "name"), (self._place, "city"), (self._street, "street"))
        maker, value_type = makers[rng.integers(len(makers))]
        return " ".join(maker(rng).split()), value_type

    def email(self, rng: np.random.Generator) -> str:
        """An address, mostly of a large provider, mostly made of names."""
        first, last = _plain(self._one(self._first, rng)), _plain(self._one(self._surnames, rng))
        sign = ("", ".", ".", "_", "-", "_")[rng.integers(6)]
        parts = ((first, last), (last, first), (first[0], last), (first,), (last,), (first, last[0]))[rng.integers(6)]
        local = sign.join(parts)
        if rng.random() < 0.15:
            local = _plain(self._one(self._words, rng)) or local
        if rng.random() < 0.45:
            local += ("", sign)[rng.integers(2)] + str(rng.integers(0, (10, 100, 1000, 2010)[rng.integers(4)]))
        provider = PROVIDERS[min(int(rng.exponential(9)), len(PROVIDERS) - 1)]
        if rng.random() < 0.2:
            ending = ("fr", "com", "net", "org", "eu")[rng.integers(5)]
            provider = f"{_plain(self._one((self._surnames, self._words)[rng.integers(2)], rng)) or 'mairie'}.{ending}"
        return f"{local}@{provider}"

    def _sentence(self, rng: np.random.Generator) -> str:
        if not self._words:
            return self._place(rng)
        start = int(rng.integers(0, len(self._words)))
        return " ".join(self._words[start : start + int(rng.integers(1, 7))])

    def _name(self, rng: np.random.Generator) -> str:
        first, last = _spoken(self._one(self._first, rng)), self._one(self._surnames, rng)
        last = last if rng.random() < 0.4 else _spoken(last)
        title = ("", "", "", "M. ", "Mme ", "Mr ", "M. et Mme ")[rng.integers(7)]
        return f"{title}{first} {last}" if rng.random() < 0.6 else f"{title}{last} {first}".strip()

    def _place(self, rng: np.random.Generator) -> str:
        place = self._one(self._places, rng)
        place = _spoken(place) if place.isupper() else place
        return f"{self._one(self._codes, rng)} {place}" if rng.random() < 0.15 else place

    def _street(self, rng: np.random.Generator) -> str:
        number = f"{rng.integers(1, 200)}{('', '', '', ' bis', ' ter', ',')[rng.integers(6)]}"
        name = _spoken(self._one((self._streets, self._surnames, self._places)[rng.integers(3)], rng))
        return f"{number} {_WAYS[rng.integers(len(_WAYS))]} {_LINKS[rng.integers(len(_LINKS))]} {name}".replace(
            "' ", "'"
        )

    def _date(self, rng: np.random.Generator) -> str:
        day, month, year = int(rng.integers(1, 32)), int(rng.integers(1, 13)), int(rng.integers(1930, 2031))
        if rng.random() < 0.4:
            return f"{day} {_MONTHS[month - 1]} {year}"
        sign = ("/", ".", "-", " ")[rng.integers(4)]
        return f"{day:02d}{sign}{month:02d}{sign}{year if rng.random() < 0.7 else year % 100:02d}"

    def _number(self, rng: np.random.Generator) -> str:
        kind = rng.integers(4)
        if kind == 0:
            pairs = "".join(str(d) for d in rng.integers(0, 10, 8))
            phone = f"0{rng.integers(1, 10)}{pairs}"
            sign = ("", " ", ".")[rng.integers(3)]
            return sign.join(phone[k : k + 2] for k in range(0, 10, 2))
        if kind == 1:
            return f"{rng.integers(0, 10 ** int(rng.integers(1, 5)))},{rng.integers(0, 100):02d}"
        return "".join(str(d) for d in rng.integers(0, 10, int(rng.integers(2, 11))))

    def _code(self, rng: np.random.Generator) -> str:
        letters = "ABCDEFGHJKLMNPRSTUVWXYZ"
        head = "".join(letters[k] for k in rng.integers(0, len(letters), int(rng.integers(1, 4))))
        return head + ("", "-", " ")[rng.integers(3)] + str(rng.integers(10, 10**7))

    @staticmethod
    def _one(source: Sequence[str], rng: np.random.Generator) -> str:
        """One of a list, those in front more often when it is long."""
        return source[int(len(source) * rng.random() ** (2 if len(source) > 2000 else 1))]


def _plain(text: str) -> str:
    bare = unicodedata.normalize("NFD", text.lower())
    return "".join(c for c in bare if c.isascii() and c.isalnum())


def _spoken(name: str) -> str:
    """A name in capitals as it is written in running hand."""
    small = name.title() if name.isupper() else name
    return small.replace("'S ", "'s ")
