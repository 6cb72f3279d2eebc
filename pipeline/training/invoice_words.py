"""Words that drawn invoices are made of: made-up parties of several countries, goods, numbers, days and amounts."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from models.values.dates import MONTHS
from models.values.identifiers import check_siret, vat_id_of_siren


def listed(text: str) -> list[str]:
    """The words of a list written as `one|two|three`."""
    return text.split("|")


_SURNAMES = listed(
    "Morvan|Pasquier|Bernard|Lefèvre|Marchetti|Dupraz|Oudin|Schmitt|Le|Goff|Garnier|Petitjean|"
    "Roussel|Vidal|Chabert|Berthier|Nowak|Carlier|Fontaine|Delmas|Huguet|Perrin|Salaün|Texier|"
    "Vasseur|Weber|Marchal|Collet|Barbier|Ferrand|Gonçalves|Boulanger|Mercier|Tessier|Riou|"
    "Cadiou|Guérin|Poulain|Lacombe|Maury|Vialatte|Hébrard|Costes"
)
_FIRST = listed("Jeanne|Alexis|Michel|Sophie|Nadia|Paul|Hélène|Karim|Luc|Amélie|Bruno|Céline|Denis|Inès|Yann|Odile")
_TOWNS = listed(
    "Plouvien|Sauvetat|Brévand|Morteau|Othe|Lunel|Villefort|Tarbes|Guéret|Mende|Aurillac|Foix|"
    "Sarlat|Cahors|Figeac|Rodez|Vire|Saint-Lô|Redon|Vannes|Lorient|Auray|Pontivy|Fougères|"
    "Mayenne|Sens|Joigny|Dole|Lure|Vesoul|Saint-Dié|Épinal|Toul|Longwy"
)
_TRADES = listed(
    "Plomberie|Électricité|Menuiserie|Travaux publics|Informatique|Nettoyage|Imprimerie|"
    "Espaces verts|Serrurerie|Peinture|Chauffage|Assainissement|Hydraulique|Télécom|Énergie|"
    "Conseil|Ingénierie|Bureautique|Fournitures|Métallerie|Forages|Curage|Signalisation|"
    "Mobilier urbain|Transports|Autocars|Sécurité|Formation|Traiteur|Papeterie|Pompes|Compteurs"
)
_SYLLABLES = listed("ve|lo|na|ti|ro|sen|dex|lia|mar|ko|pro|net|ax|or|bel|vi|to|qua|hydr|eco|sol|tec|mag|ner|dal|fi")
_LEGAL = ["SARL", "SAS", "SA", "EURL", "SASU", "SCOP", "SNC", "SCI"]
_BODIES = listed(
    "Mairie de {t}|Commune de {t}|Ville de {t}|VILLE DE {T}|Régie des Eaux de {t}|"
    "Communauté de communes du Pays de {t}|CCAS de {t}|Syndicat des eaux de {t}|SIAEP de {t}|"
    "Département de {t}|Centre Hospitalier de {t}|Office de tourisme de {t}|EHPAD {s}|"
    "Collège {f} {s}|Lycée {s}|Agglomération de {t}|MAIRIE DE {T}|"
    "Régie municipale d'électricité de {t}|SDIS de {t}|Métropole de {t}|"
    "Syndicat mixte du bassin de {t}|Université de {t}|Trésorerie de {t}"
)
_ABROAD = listed(
    "{s} GmbH|{s} & Sohn KG|Technik {s} AG|{s} Ltd|{b} Inc.|{b} Limited|{b} S.L.|{b} B.V.|"
    "Handelsgesellschaft {s} mbH|{b} LLC|{b} Services GmbH|{s} Holding NV|{b} S.p.A.|"
    "Versicherungsverein {s} a.G.|{b} Europe S.à r.l."
)
_STREETS = listed(
    "{n} rue du Moulin|{n} bis avenue de la Gare|ZA des Prés|{n} rue {f} {s}|"
    "{n}, place de la Liberté|Zone industrielle Nord|{n} B RUE {S}|{n} chemin des Vignes|"
    "BP {n}|{n} boulevard Gambetta|Route de {t}|{n} allée des Tilleuls|Immeuble Le {s}|"
    "{n} QUAI {S}|Lieu-dit Kerven"
)
_STREETS_ABROAD = listed(
    "Hauptstraße {n}|{n} High Street|Calle Mayor {n}|Keizersgracht {n}|{n} King's Road|Via Roma {n}|Musterweg {n}"
)
GOODS = listed(
    "Pose de canalisation|Vanne DN 40|Curage de fossé|Papier A3 90 g|"
    "Contrôle de poteau incendie|Heures de régie|Main d'oeuvre|Déplacement forfaitaire|"
    "Compteur d'eau DN15|Licence annuelle antivirus|Nettoyage des locaux - passage|"
    "Regard béton 40x40|Cartouche d'encre noire réf. 32X|Location mini-pelle 2,5 t|"
    "Maintenance copieur 3e trimestre|Abonnement mensuel fibre|Gasoil non routier|"
    "Transport scolaire ligne 12|Repas cantine enfants|Étude hydraulique phase 2|"
    "Formation CACES|Sable 0/4|Câble U1000 R2V 3G2,5|Tuyau PE 32 mm rouleau 50 m|"
    "Signalisation verticale|Audit énergétique|Fourniture de sel de déneigement|"
    "Réparation pompe de relevage|Analyse d'eau potable|Mise en service|"
    "Peinture routière blanche 25 kg|Consulting services|Beratung vor Ort|Software licence|"
    "Ersatzteile"
)


_BANKS = ("30002", "30003", "30004", "10107", "14505", "16706", "20041")


@dataclass(slots=True)
class Party:
    """A seller or a buyer as it is printed."""

    name: str
    address: list[str]
    siret: str
    vat_id: str
    country: str = "FR"
    person: str = ""
    lines: list[str] = field(default_factory=list)


def siret(chance: random.Random) -> str:
    """A SIRET whose check digits are right."""
    while True:
        value = f"{chance.randrange(10**8, 10**9)}000{chance.randrange(10, 99)}"
        if not check_siret(value):
            return value


def iban(chance: random.Random, country: str = "FR") -> str:
    """An IBAN whose check digits are right."""
    if country == "FR":
        bank = chance.choice(_BANKS) + f"{chance.randrange(10**5):05d}"
        account = f"{chance.randrange(10**11):011d}"
        rest = (89 * int(bank[:5]) + 15 * int(bank[5:]) + 3 * int(account)) % 97
        body = bank + account + f"{97 - rest:02d}"
    else:
        body = f"{chance.randrange(10**7, 10**8)}{chance.randrange(10**9, 10**10)}"
    moved = body + country + "00"
    check = 98 - int("".join(str(int(c, 36)) for c in moved)) % 97
    return f"{country}{check:02d}{body}"


def _fill(pattern: str, chance: random.Random) -> str:
    town, surname = chance.choice(_TOWNS), chance.choice(_SURNAMES)
    brand = "".join(chance.choice(_SYLLABLES) for _ in range(chance.randrange(2, 4))).capitalize()
    return pattern.format(
        t=town,
        T=town.upper(),
        s=surname,
        S=surname.upper(),
        f=chance.choice(_FIRST),
        b=brand,
        n=chance.randrange(1, 140),
    )


def person(chance: random.Random) -> str:
    """A person as a contact is named."""
    title = chance.choice(["", "M. ", "Mme ", "Monsieur ", "Madame ", "Mr "])
    name = _fill(chance.choice(["{f} {s}", "{f} {S}", "{S} {f}"]), chance)
    return title + name


def _company(chance: random.Random) -> str:
    legal = chance.choice(_LEGAL)
    pattern = chance.choice(
        listed(
            "{s} {trade} {legal}|{legal} {s}|{trade} {s}|Ets {s} & Fils {legal}|{b} {legal}|{b}|"
            "{b} {trade}|{s} ET FILS|Ateliers {s} {legal}|Cabinet {s}|{trade} de {t} {legal}|"
            "SCOP Les Jardins de {t}|{b} France {legal}|Société {s}|Groupe {b}|{s} & Associés|"
            "Entreprise {s}|{b}-{s}|{b} TELECOM|{trade} du Val {legal}"
        )
    )
    name = _fill(pattern.replace("{trade}", chance.choice(_TRADES)).replace("{legal}", legal), chance)
    return name.upper() if chance.random() < 0.3 else name


def party(chance: random.Random, *, buyer: bool) -> Party:
    """A made-up party; buyers are public bodies, companies or people, sellers companies of several countries."""
    draw = chance.random()
    number = siret(chance)
    vat_id, country = vat_id_of_siren(number[:9]), "FR"
    if buyer and draw < 0.6:
        name = _fill(chance.choice(_BODIES), chance)
    elif (buyer and draw < 0.7) or (not buyer and draw < 0.04):
        name = person(chance)
    elif draw < 0.82:
        name = _company(chance)
    else:
        name, country = _fill(chance.choice(_ABROAD), chance), chance.choice(["DE", "DE", "GB", "ES", "NL", "US"])
        vat_id = f"{country}{chance.randrange(10**8, 10**9)}"
        if country == "DE":
            vat_id = "DE" + _german_vat(chance)
        name = name.upper() if chance.random() < 0.3 else name
    streets = _STREETS if country == "FR" else _STREETS_ABROAD
    address = [_fill(chance.choice(streets), chance)]
    if chance.random() < 0.25:
        address.append(_fill(chance.choice(streets), chance))
    town = chance.choice(_TOWNS)
    code = f"{chance.randrange(1, 96):02d}{chance.randrange(1000):03d}"
    town = town.upper() if chance.random() < 0.5 else town
    address.append(
        chance.choice([f"{code} {town}", f"{code} {town} CEDEX", f"F-{code} {town}", f"{code} {town}, FR"])
        if country == "FR" and chance.random() < 0.4
        else f"{code} {town}"
    )
    if chance.random() < (0.1 if country == "FR" else 0.4):
        address.append({"FR": "France", "DE": "Deutschland"}.get(country, "Europe"))
    return Party(name, address, number, vat_id, country)


def _german_vat(chance: random.Random) -> str:
    digits = f"{chance.randrange(10**7, 10**8)}"
    product = 10
    for digit in digits:
        total = (int(digit) + product) % 10 or 10
        product = 2 * total % 11
    return digits + str((11 - product) % 10)


def reference(chance: random.Random) -> str:
    """A number as suppliers number things."""
    year = chance.choice(["2026", "26", "2025"])
    n = chance.randrange(1, 10 ** chance.randrange(3, 8))
    pattern = chance.choice(
        listed(
            "FA{y}-{n:04d}|{n}|{y}/{n:05d}|F{n:06d}|VT-{n}|{y}{n:06d}|FC{n:08d}|INV/{y}/{n:05d}|"
            "{y}-{n:03d}|FAC-{y}-{n}|{n:010d}|A{y}.{n:04d}|R{n:07d}|FA{y}{n:05d}|{n:03d}-{y}|"
            "{y}/03/{n:03d}"
        )
    )
    return pattern.format(y=year, n=n)


def money(value: Decimal, style: str) -> str:
    """An amount as printed; styles: `space`, `dot`, `plain`, `english`, `swiss`."""
    whole, cents = f"{abs(value):.2f}".split(".")
    sign = "-" if value < 0 else ""
    if style == "english":
        return f"{sign}{int(whole):,}.{cents}"
    grouped = f"{int(whole):,}".replace(",", {"space": " ", "dot": ".", "plain": "", "swiss": "'"}[style])
    return f"{sign}{grouped},{cents}"


def day(value: date, style: str) -> str:
    """A day as printed; styles: `slash`, `dot`, `dash`, `words`, `short`, `iso`, `english`."""
    if style == "words":
        first = "1er" if value.day == 1 else str(value.day)
        return f"{first} {MONTHS[value.month - 1]} {value.year}"
    if style == "english":
        return value.strftime("%B %d, %Y")
    forms = {"slash": "%d/%m/%Y", "dot": "%d.%m.%Y", "short": "%d/%m/%y", "dash": "%d-%m-%Y", "iso": "%Y-%m-%d"}
    return value.strftime(forms[style])
