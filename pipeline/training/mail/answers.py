"""What people and billing systems put on forms: names, addresses, accounts, dates and indexes that go together."""

from __future__ import annotations

import datetime as dt
import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import resources

import numpy as np
from schwifty import IBAN
from stdnum import luhn

from extraction.email_addresses import PROVIDERS
from models.definitions import Charset, Zone, ZoneKind
from models.values.bank import bank_of
from models.values.places import communes, plain_place

Answer = str | bool | list[str] | None
"""A canonical value as in truth.jsonl; a date is ISO."""
DATES = ("reading_date", "birth_date", "entry_date", "signature_date")
_BANKS = (
    "10107", "10278", "11315", "12506", "13135", "13825", "14445", "14707", "15589", "16807", "16958", "17515", "18106",
    "18206", "20041", "28233", "30002", "30003", "30004", "30006", "30027", "30066", "30076", "40618", "42559",
)  # fmt: skip
"""Banks that people in France have accounts with, by their number."""
_KINDS = {
    "RUE": 40, "AVENUE": 12, "CHEMIN": 12, "ROUTE": 10, "IMPASSE": 8, "PLACE": 7, "ALLEE": 7, "BOULEVARD": 5,
    "QUAI": 2, "SQUARE": 2, "LOTISSEMENT": 2, "HAMEAU": 2, "RESIDENCE": 2, "MONTEE": 1, "PASSAGE": 1, "COURS": 1,
    "LIEU DIT": 2, "CLOS": 1, "AV": 2, "BD": 1, "CH": 1,
}  # fmt: skip
_LINKS = ("DE LA", "DU", "DES", "DE", "", "", "")
_FIRMS = ("SARL", "SAS", "EURL", "SCI", "ETS", "GAEC", "GARAGE", "CABINET", "ASSOCIATION", "MAIRIE DE")
_CUT_OFF = 40


@cache
def names(kind: str) -> tuple[str, ...]:
    """`surname` or `first`: French names in capitals, most frequent first."""
    packed = resources.files("extraction").joinpath("names_fr.csv.gz").read_bytes()
    rows = (line.partition(";") for line in gzip.decompress(packed).decode().splitlines())
    return tuple(name for own, _, name in rows if own == kind)


@cache
def _street_words() -> tuple[str, ...]:
    words: dict[str, str] = json.loads(resources.files("extraction").joinpath("words_fr.json").read_text("utf-8"))
    return tuple(words["street"].split())


@cache
def _towns() -> tuple[tuple[str, str], ...]:
    """(post code, commune in plain capitals)."""
    return tuple((code, plain_place(name)) for code, names in communes().items() for name in names)


def a_name(kind: str, rng: np.random.Generator, longest: int = 99) -> str:
    """A surname or first name; one in twelve is in no list."""
    listed = names(kind)
    for _ in range(20):
        # Frequent names are frequent: ranks spread evenly over their logarithm.
        name = listed[int(np.exp(rng.uniform(np.log(8), np.log(len(listed)))) - 1)]
        if rng.random() < 0.08:
            other = listed[rng.integers(len(listed))]
            name = name[: max(2, len(name) // 2)] + other[len(other) // 2 :]
        elif rng.random() < 0.06:
            name = f"{name}{'-' if rng.random() < 0.6 else ' '}{listed[int(rng.integers(200))]}"
        if len(name) <= longest:
            return name
    return name[:longest].strip("- ")


def a_town(rng: np.random.Generator, longest: int = 99) -> tuple[str, str]:
    """Post code and commune; one in eight has a code that is not its own, as invented samples and hamlets have."""
    towns = _towns()
    code, town = towns[rng.integers(len(towns))]
    while len(town) > longest:
        code, town = towns[rng.integers(len(towns))]
    if rng.random() < 0.12:
        code = f"{rng.integers(1, 96):02d}{rng.integers(0, 1000):03d}"
    return code, town


def a_street(rng: np.random.Generator, longest: int = 99) -> str:
    """Number, kind and name of a street in plain capitals."""
    kinds, words = list(_KINDS), _street_words()
    shares = np.array(list(_KINDS.values()), float)
    for _ in range(30):
        number = str(rng.integers(1, int(rng.choice((30, 200, 999), p=(0.6, 0.35, 0.05)))))
        if rng.random() < 0.15:
            number += " " + ("BIS", "TER", "B", "A")[rng.integers(4)]
        name, link = words[rng.integers(len(words))], _LINKS[rng.integers(len(_LINKS))]
        if not link and rng.random() < 0.6:
            name = f"{a_name('first', rng, 10)} {a_name('surname', rng, 12)}"
        if link in ("DU", "DE", "DE LA") and name[0] in "AEIOUH":
            link = "DE L'"
        elif link == "DE L'" and name[0] not in "AEIOUH":
            link = "DE LA"
        kind = kinds[rng.choice(len(kinds), p=shares / shares.sum())]
        street = " ".join(part for part in (number, kind, link, name) if part).replace("L' ", "L'")
        if len(street) <= longest:
            return street
    return street[:longest].strip()


def an_email(first: str, last: str, rng: np.random.Generator) -> str:
    """An address as people make them of their names."""
    given, family = (plain_place(part).lower().replace(" ", "-") for part in (first or "contact", last))
    joint = (".", "", "_", "-")[rng.choice(4, p=(0.45, 0.3, 0.15, 0.1))]
    shapes = (f"{given}{joint}{family}", f"{given[0]}{joint}{family}", f"{family}{joint}{given}", f"{given}{family[0]}")
    local = shapes[rng.choice(4, p=(0.55, 0.2, 0.15, 0.1))]
    if rng.random() < 0.35:
        local += str(rng.integers(1, 100) if rng.random() < 0.7 else rng.integers(1940, 2010))
    domain = PROVIDERS[min(len(PROVIDERS) - 1, int(rng.exponential(7)))]
    if rng.random() < 0.08:
        domain = (
            f"{plain_place(a_name('surname', rng)).lower().replace(' ', '-')}.{('fr', 'com', 'eu')[rng.integers(3)]}"
        )
    return f"{local}@{domain}"


def an_iban(rng: np.random.Generator) -> str:
    """A French account with right check digits."""
    account = f"{rng.integers(10**11):011d}"
    if rng.random() < 0.15:
        account = account[:7] + "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[rng.integers(26)] + account[8:]
    bank = _BANKS[rng.integers(len(_BANKS))]
    return str(IBAN.generate("FR", bank_code=bank, branch_code=f"{rng.integers(10**5):05d}", account_code=account))


def an_ics(rng: np.random.Generator) -> str:
    """A French creditor identifier with right check digits."""
    national = "".join("0123456789ABCDEF"[rng.integers(16)] for _ in range(6))
    number = int("".join(str(int(c, 36)) for c in f"{national}FR00"))
    return f"FR{98 - number % 97:02d}ZZZ{national}"


def a_siret(rng: np.random.Generator) -> str:
    """A SIRET with right check digits."""
    siren = f"{rng.integers(3 * 10**7, 10**8):08d}"
    siren += luhn.calc_check_digit(siren)
    branch = f"{siren}{rng.integers(1, 60):04d}"
    return branch + luhn.calc_check_digit(branch)


def _meter(rng: np.random.Generator) -> str:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    letter = [letters[rng.integers(26)] for _ in range(4)]
    year, number = f"{rng.integers(5, 27):02d}", f"{rng.integers(10**6):06d}"
    shapes = (
        f"{letter[0]}{year}{letter[1]}A{number}",
        f"{letter[0]}{year}{letter[1]}{letter[2]}{number}",
        year + number,
    )
    return shapes[rng.choice(3, p=(0.6, 0.25, 0.15))]


def _rum(rng: np.random.Generator) -> str:
    year, number = rng.integers(2023, 2027), rng.integers(10**6)
    return (
        f"RUM{year}{number:06d}",
        f"MD-{year}-{number:06d}",
        f"{year}{number:08d}",
        f"EAU{number:07d}/{year % 100}",
    )[rng.choice(4, p=(0.5, 0.2, 0.2, 0.1))]


def _day(rng: np.random.Generator, today: dt.date, earliest: int, latest: int) -> str:
    """A day between so many days before today and so many after."""
    return (today + dt.timedelta(days=int(rng.integers(-earliest, latest + 1)))).isoformat()


def answers(zones: Sequence[Zone], rng: np.random.Generator, *, today: dt.date) -> dict[str, Answer]:
    """A value for every field of a form; None where it is left empty."""
    by_name: dict[str, list[Zone]] = {}
    for zone in zones:
        by_name.setdefault(zone.name, []).append(zone)
    room = {name: len(own[0].cells) or _CUT_OFF for name, own in by_name.items()}
    made = _person(rng, room, today) | _account(rng, room, today)
    found: dict[str, Answer] = {}
    for name, own in by_name.items():
        if own[0].kind is ZoneKind.CHECKBOX:
            found[name] = _ticked(own, rng)
        elif own[0].kind is ZoneKind.SIGNATURE:
            found[name] = bool(rng.random() < 0.93)
        else:
            found[name] = made[name]() if name in made else _anything(own[0], rng)
            printed = own[0].kind in (ZoneKind.PRINTED, ZoneKind.BARCODE)
            if not printed and rng.random() < (0.03 if own[0].required else 0.35):
                found[name] = None
    _agree(found, by_name, rng)
    return found


def _person(rng: np.random.Generator, room: Mapping[str, int], today: dt.date) -> dict[str, Callable[[], Answer]]:
    first, last = a_name("first", rng, room.get("first_name", 20)), a_name("surname", rng, room.get("last_name", 20))
    code, town = a_town(rng, min(room.get("city", 99), room.get("debtor_city", 99)))
    longest = room.get("debtor_name", _CUT_OFF)
    both = f"{last} {first}" if rng.random() < 0.7 else f"{first} {last}"
    both = both if len(both) <= longest else last[:longest]
    street = a_street(rng, min(room.get("street", 99), room.get("debtor_street", 99)))
    shown = town.title() if rng.random() < 0.9 else town
    mobile = int(rng.choice((6, 7, 1, 2, 3, 4, 5, 9), p=(0.5, 0.2, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05)))
    return {
        "first_name": lambda: first,
        "last_name": lambda: last,
        "debtor_name": lambda: both,
        "subscriber_name": lambda: f"{last} {first}"[:_CUT_OFF],
        "postal_code": lambda: code,
        "debtor_postal_code": lambda: code,
        "city": lambda: town,
        "debtor_city": lambda: town,
        "place": lambda: shown,
        "street": lambda: street,
        "debtor_street": lambda: street,
        "service_address": lambda: f"{a_street(rng, 26)} {code} {town}",
        "phone": lambda: f"0{mobile}{rng.integers(10**8):08d}",
        "email": lambda: an_email(first, last, rng),
        "birth_date": lambda: _day(rng, today, 32000, -6600),
        "entry_date": lambda: _day(rng, today, 60, 30),
        "signature_date": lambda: _day(rng, today, 75, 0),
        "reading_date": lambda: _day(rng, today, 60, 0),
        "occupants": lambda: str(rng.integers(1, 7)),
        "previous_occupant": lambda: a_name("surname", rng, 18).title(),
        "siret": lambda: a_siret(rng),
    }


def _account(rng: np.random.Generator, room: Mapping[str, int], today: dt.date) -> dict[str, Callable[[], Answer]]:
    reference = f"{rng.integers(10**7, 10**8)}"
    before = int(np.exp(rng.uniform(np.log(20), np.log(9000))))
    highest = 10 ** room.get("meter_index", 6) - 1
    index = min(highest, before + int(rng.exponential(120)) + 1)
    if "previous_index" not in room and rng.random() < 0.5:
        index = int(rng.integers(1, highest))
    iban = an_iban(rng)
    bics = sorted(bank_of(iban)[1]) or ["AGRIFRPP881", "CMCIFR2AXXX", "BNPAFRPP"]
    return {
        "subscriber_reference": lambda: _reference(rng, reference, room["subscriber_reference"]),
        "barcode": lambda: f"T{today.year % 100}{reference}",
        "meter_serial": lambda: _meter(rng)[: room["meter_serial"]],
        "previous_index": lambda: str(before),
        "meter_index": lambda: str(index),
        "meter_index_litres": lambda: str(rng.integers(0, 1000)),
        "mandate_reference": lambda: _rum(rng),
        "creditor_identifier": lambda: an_ics(rng),
        "iban": lambda: iban,
        "bic": lambda: bics[rng.integers(len(bics))],
    }


def _reference(rng: np.random.Generator, printed: str, cells: int) -> str:
    return printed if cells == _CUT_OFF else f"{rng.integers(10 ** (cells - 1), 10**cells)}"


def _ticked(own: Sequence[Zone], rng: np.random.Generator) -> Answer:
    values = [zone.value or "" for zone in own]
    if own[0].exclusive:
        return None if rng.random() < 0.06 else values[rng.integers(len(values))]
    return [value for value in values if rng.random() < 0.13]


def _anything(zone: Zone, rng: np.random.Generator) -> str:
    """A value for a field nobody knows."""
    cells = len(zone.cells) or 12
    if zone.charset is Charset.DIGITS:
        return "".join(str(d) for d in rng.integers(0, 10, int(rng.integers(max(1, cells // 2), cells + 1))))
    if zone.charset is Charset.ALNUM:
        return _meter(rng)[:cells]
    return a_name("surname", rng, cells)


def _agree(found: dict[str, Answer], zones: Mapping[str, Sequence[Zone]], rng: np.random.Generator) -> None:
    """Fields that hang together: a company has no first name, an unreachable meter no index."""
    if "civility" in found and "siret" in found:
        if found["civility"] == "SOCIETE":
            cells = len(zones["last_name"][0].cells) if "last_name" in zones else _CUT_OFF
            firm = f"{_FIRMS[rng.integers(len(_FIRMS))]} {found.get('last_name') or 'MARTIN'}"
            found |= {"last_name": firm[:cells].strip(), "first_name": None, "birth_date": None}
            found["siret"] = found["siret"] or a_siret(rng)
        else:
            found["siret"] = None
    remark = found.get("remark")
    if isinstance(remark, list) and "meter_inaccessible" in remark and rng.random() < 0.8:
        found |= {name: None for name in ("meter_index", "meter_index_litres") if name in found}


def as_written(name: str, value: str, zone: Zone, rng: np.random.Generator) -> str:
    """The characters put on paper for a canonical value, one a cell in a comb; blanks leave cells empty."""
    if name in DATES and len(value) == 10:
        day = dt.date.fromisoformat(value)
        if zone.kind is ZoneKind.COMB:
            return day.strftime("%d%m%y" if len(zone.cells) == 6 else "%d%m%Y")
        return day.strftime("%d/%m/%Y")
    if zone.kind is ZoneKind.COMB and name in ("meter_index", "meter_index_litres", "occupants"):
        cells = len(zone.cells)
        full = name != "occupants" and rng.random() < 0.6
        aligned = value.zfill(cells) if full or name == "meter_index_litres" else value
        return aligned.rjust(cells) if rng.random() < 0.3 else aligned
    return value
