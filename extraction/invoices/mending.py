"""Names and references as they are written: letters that a typeface draws alike, towns that exist."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from extraction.invoices.choices import Choice
from extraction.invoices.options import GROUPS, Option
from extraction.invoices.page_layout import Document
from extraction.invoices.parties import most_read
from models.values.places import commune_spelt


def mend(choices: dict[str, Choice], document: Document) -> None:
    """Spell what was chosen as it is most likely printed; marks what stays in doubt."""
    for name in ("seller_name", "buyer_name"):
        choices[name] = _as_most_say(choices[name], document)
        choices[name] = _mended(choices[name], _letters_in_name)
    choices["buyer_name"] = _mended(choices["buyer_name"], _with_town)
    for name in GROUPS["reference"]:
        choices[name] = _mended(choices[name], _letters_in_reference)
    choices["contract_reference"] = _mended(choices["contract_reference"], _tender)


def _as_most_say(choice: Choice, document: Document) -> Choice:
    """A name that stands several times is taken as most places read it; one that they read differently is marked."""
    option = choice.best
    if option is None:
        return choice
    text, agreed = most_read(option.value, document)
    flags = option.flags if agreed else (*option.flags, READINGS_DIFFER)
    first = replace(option, value=text, flags=flags)
    return Choice(((first, choice.ranked[0][1]), *choice.ranked[1:]), choice.absent)


def _mended(choice: Choice, mend: Callable[[Option], Option]) -> Choice:
    """The choice with its first option mended."""
    option = choice.best
    if option is None:
        return choice
    return Choice(((mend(option), choice.ranked[0][1]), *choice.ranked[1:]), choice.absent)


def _with_town(option: Option) -> Option:
    """`Ville de WAVRN`: a body named after a commune is named after one that exists."""
    named = _NAMED_AFTER_A_TOWN.match(option.value)
    if named is None:
        return option
    town = commune_spelt(named[2])
    if town == named[2]:
        return option
    value = option.value if town is None else named[1] + town
    return replace(option, value=value, flags=(*option.flags, TOWN_IN_DOUBT))


def _letters_in_name(option: Option) -> Option:
    """A nought among capitals is the letter O: some typefaces draw both alike; `rn` behind no vowel is an `m`."""
    value = _M_IN_NAME.sub("m", _O_IN_NAME.sub("O", option.value))
    return replace(option, value=value.replace("·", "").replace("æ", "œ"))


def _letters_in_reference(option: Option) -> Option:
    """The same where it stands between two capitals: a digit follows letters in references as often as not."""
    return replace(option, value=_O_BETWEEN.sub("O", option.value))


def _tender(option: Option) -> Option:
    """`2026A0736`: in the number of a public contract that is AO, *appel d'offres*."""
    return replace(option, value=_TENDER.sub("AO", option.value))


_NAMED_AFTER_A_TOWN = re.compile(
    r"((?:Ville|Commune|Mairie|CCAS|École (?:\w+ )?|Ecole (?:\w+ )?) ?(?:de |d['’]))(\S.*)", re.IGNORECASE
)
TOWN_IN_DOUBT = "town_in_doubt"
_TENDER = re.compile(r"(?<=[0-9])A0(?=[0-9])")
_O_IN_NAME = re.compile(r"(?<=[A-ZÀ-Ý])0(?=[A-ZÀ-Ý])|\b0(?=[A-ZÀ-Ý]{2})")
_M_IN_NAME = re.compile(r"(?:(?<=[bcdfghjklmnpqstvwxz])|\b)rn(?=[a-zà-ÿ])")
_O_BETWEEN = re.compile(r"(?<=[A-Z])0(?=[A-Z])")
READINGS_DIFFER = "readings_differ"
