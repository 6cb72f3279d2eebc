"""Who writes and who is written to: invented French companies, authorities and people with right check digits."""

from __future__ import annotations

import gzip
import random
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources

from models.values.bank import check_iban
from models.values.identifiers import check_siren, check_siret, vat_id_of_siren
from models.values.places import communes
from pipeline.training.mail.wording import words

_BANKS = (
    ("30003", "SOGEFRPP"),
    ("30004", "BNPAFRPP"),
    ("30002", "CRLYFRPP"),
    ("10278", "CMCIFR2A"),
    ("18106", "AGRIFRPP881"),
    ("16807", "CCBPFRPPGRE"),
    ("20041", "PSSTFRPP"),
    ("30056", "CCFRFRPP"),
    ("10107", "BREDFRPP"),
    ("14505", "CEPAFRPP450"),
    ("17515", "CEPAFRPP751"),
    ("12506", "AGRIFRPP825"),
    ("10071", "TRPUFRP1"),
    ("30001", "BDFEFRPP"),
)
"""Bank codes and their BIC."""
_FORMS = ("SARL", "SAS", "SA", "EURL", "SASU", "SNC", "SCOP", "EI", "SELARL", "SCP", "SCI", "GIE", "")
_STREETS = (
    "rue",
    "rue",
    "rue",
    "avenue",
    "boulevard",
    "chemin",
    "impasse",
    "place",
    "route",
    "allée",
    "quai",
    "ZA",
    "ZI",
    "cours",
    "square",
    "lieu-dit",
    "faubourg",
    "montée",
    "parc d'activités",
    "zone artisanale",
)


@dataclass(frozen=True, slots=True)
class Address:
    """Where someone is found."""

    lines: tuple[str, ...]
    """Street lines, without post code and town."""
    postal_code: str
    town: str

    @property
    def printed(self) -> tuple[str, ...]:
        return (*self.lines, f"{self.postal_code} {self.town}")


@dataclass(frozen=True, slots=True)
class Company:
    """A supplier."""

    name: str
    """As printed on its letterhead, legal form included where it prints one."""
    legal_form: str
    trade: str
    """Key of its goods in the wording."""
    address: Address
    siret: str
    vat_id: str
    iban: str
    bic: str
    phone: str
    email: str
    site: str
    ape: str
    capital: int

    @property
    def siren(self) -> str:
        return self.siret[:9]


@dataclass(frozen=True, slots=True)
class Authority:
    """A local authority or public body that receives mail."""

    name: str
    address: Address
    siret: str
    service: str
    service_code: str


def company(chance: random.Random) -> Company:
    """An invented company; its identifiers pass their checks, its name is made of trade words and surnames."""
    trade = chance.choice(sorted(words("goods")))
    form = chance.choice(_FORMS)
    where = address(chance)
    bare = _company_name(chance, trade, where)
    printed = chance.choice([bare, bare, f"{bare} {form}".strip(), f"{form} {bare}".strip()])
    if chance.random() < 0.25:
        printed = printed.upper()
    number = siret(chance)
    code, bic = chance.choice(_BANKS)
    plain = re.sub(r"[^a-z0-9]+", "-", _plain(bare)).strip("-")
    host = f"{plain[:22].strip('-')}.{chance.choice(['fr', 'fr', 'com', 'eu'])}"
    ape = f"{chance.randrange(10, 99)}{chance.randrange(10, 99)}{chance.choice('ABCZ')}"
    return Company(
        name=printed, legal_form=form or "SARL", trade=trade, address=where, siret=number,
        vat_id=vat_id_of_siren(number[:9]), iban=iban(chance, code), bic=bic, phone=phone(chance),
        email=f"{chance.choice(['contact', 'compta', 'facturation', 'info', 'accueil'])}@{host}", site=f"www.{host}",
        ape=ape, capital=chance.choice([1000, 7622, 8000, 10000, 15245, 37000, 50000, 152449, 400000, 1250000]),
    )  # fmt: skip


def _company_name(chance: random.Random, trade: str, where: Address) -> str:
    surname, other = person(chance)[1].title(), person(chance)[1].title()
    word = chance.choice(words("trade_names")[trade])
    kind = chance.randrange(11)
    syllables = words("brand_syllables")
    brand = "".join(chance.choice(syllables) for _ in range(chance.choice([2, 2, 3]))).capitalize()
    return (
        f"{word} {surname}",
        f"Ets {surname} & Fils",
        f"{surname} {word}",
        f"{surname} et {other}",
        brand,
        f"{brand} {chance.choice(['Services', 'France', 'Environnement', 'Distribution', 'Industries', 'Conseil'])}",
        f"{word} du {chance.choice(['Centre', 'Lac', 'Marais', 'Val', 'Haut-Pays', 'Pont', 'Littoral'])}",
        "".join(chance.choice("ABCDEFGILMNOPRSTV") for _ in range(chance.choice([3, 4, 5]))) + f" {word}",
        f"{word} {where.town.removesuffix(' CEDEX').split('-')[0].title()}",
        f"{person(chance)[0].title()} {surname}",
        f"L'{word}" if word[0] in "AEÉIOUH" else f"{word} Express",
    )[kind]


def authority(chance: random.Random) -> Authority:
    """An invented public body."""
    where = address(chance)
    kind = chance.choice(words("authorities"))
    area = chance.choice(words("areas"))
    name = kind.replace("{town}", where.town.removesuffix(" CEDEX")).replace("{area}", area)
    code = chance.choice(words("service_codes")).replace("#", str(chance.randrange(1, 10)))
    return Authority(name, where, siret(chance, beginning="2"), chance.choice(words("services")), code)


def address(chance: random.Random) -> Address:
    """A street that need not exist in a town that does."""
    kind = chance.choice(_STREETS)
    number = f"{chance.randrange(1, 180)}{chance.choice(['', '', '', '', ' bis', ' ter', 'B', ','])}"
    street = f"{kind} {chance.choice(words('street_names'))}"
    first = street if kind in ("ZA", "ZI", "lieu-dit", "parc d'activités", "zone artisanale") else f"{number} {street}"
    lines = [first]
    if chance.random() < 0.2:
        lines.insert(0, chance.choice(["Bâtiment B", "Résidence Les Tilleuls", "Immeuble Le Forum", "Espace Pasteur"]))
    if chance.random() < 0.18:
        lines.append(f"{chance.choice(['BP', 'CS', 'B.P.'])} {chance.randrange(1, 90999)}")
    code = chance.choice(_codes())
    town = chance.choice(communes()[code])
    cedex = chance.random() < 0.12
    written = town.upper() if cedex or chance.random() < 0.5 else town
    return Address(tuple(lines), code, f"{written} CEDEX" if cedex else written)


@cache
def _codes() -> tuple[str, ...]:
    return tuple(sorted(communes()))


@cache
def _names() -> dict[str, tuple[str, ...]]:
    packed = resources.files("extraction").joinpath("names_fr.csv.gz").read_bytes()
    rows = [row.split(";") for row in gzip.decompress(packed).decode().splitlines()]
    return {kind: tuple(name for k, name in rows if k == kind)[:6000] for kind in ("first", "surname")}


def person(chance: random.Random) -> tuple[str, str]:
    """First name and surname in capitals, frequent ones oftener."""
    names = _names()
    first, last = (names[kind][int(len(names[kind]) * chance.random() ** 2.5)] for kind in ("first", "surname"))
    return first, last


def siret(chance: random.Random, *, beginning: str = "") -> str:
    """A SIRET with right check digits."""
    first = beginning or chance.choice("345789")
    siren = next(s for s in _endless(chance, first, 9) if not check_siren(s))
    return next(s for s in (f"{siren}000{n:02d}" for n in _shuffled(chance)) if not check_siret(s))


def _endless(chance: random.Random, beginning: str, length: int) -> Iterator[str]:
    while True:
        yield beginning + "".join(chance.choice("0123456789") for _ in range(length - len(beginning)))


def _shuffled(chance: random.Random) -> list[int]:
    return chance.sample(range(100), 100)


def iban(chance: random.Random, bank: str) -> str:
    """A French IBAN of a bank with its RIB key and its check digits right."""
    branch, account = (f"{chance.randrange(10**n):0{n}d}" for n in (5, 11))
    key = 97 - (89 * int(bank) + 15 * int(branch) + 3 * int(account)) % 97
    bban = f"{bank}{branch}{account}{key:02d}"
    digits = 98 - int(f"{bban}152700") % 97
    made = f"FR{digits:02d}{bban}"
    if check_iban(made):
        raise AssertionError(f"the IBAN {made} was made wrong")
    return made


def phone(chance: random.Random) -> str:
    """Ten national digits."""
    return f"0{chance.choice('1234569')}{chance.randrange(10**8):08d}"


def _plain(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", text.lower()) if not unicodedata.combining(c))
