"""How far the choice of a field can be trusted: clues for the learned confidence, and what it does not see."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from decimal import Decimal

from extraction.invoices.choices import NAMED, Choice, choices_of, sum_of
from extraction.invoices.mending import READINGS_DIFFER, TOWN_IN_DOUBT
from extraction.invoices.mentions import Mention, amounts_in, unread_number
from extraction.invoices.options import CLEAR, GROUP_OF, Option
from extraction.invoices.parties import CUT
from extraction.invoices.possible import Possible
from extraction.invoices.ranking import Ranking
from extraction.invoices.tills import is_till_roll, payment


def most_trusted(name: str, choices: Mapping[str, Choice], possible: Possible) -> float:
    """The most that a choice can be trusted, whatever its clues say: what the learned confidence does not see."""
    option = choices[name].best
    if option is None:
        return _most_of_nothing(name, choices, possible)
    if name.endswith("_siret") and len(option.value) == _SIREN_LONG:
        return _SIREN_FOR_SIRET
    if option.more.get("check fails"):
        return _CHECK_FAILS
    if GROUP_OF[name] == "amount":
        return _most_of_amount(name, option, choices, possible)
    if GROUP_OF[name] == "reference":
        return _most_of_reference(name, option, possible)
    return _most_of_name(option) if name.endswith("_name") else 1.0


def _most_of_nothing(name: str, choices: Mapping[str, Choice], possible: Possible) -> float:
    """That a field is not printed."""
    if GROUP_OF[name] == "number" and name != "buyer_siret" and _some_unread(choices, possible):
        return _UNREAD
    if must_be_printed(name, possible):
        return _NOT_FOUND
    if not possible.evidence.labelled(name, least=_ORDER_LABEL if name == "order_reference" else CLEAR):
        return 1.0
    return _NOT_FOUND if name == "due_date" else _LABEL_WITHOUT_VALUE


def must_be_printed(name: str, possible: Possible) -> bool:
    """What the law has printed on every invoice; a till does not name the buyer."""
    return name in _ON_EVERY_INVOICE or (name == "buyer_name" and not is_till_roll(possible.document))


def _most_of_name(option: Option) -> float:
    if CUT.search(option.value):
        return _CUT
    if _DOUBTFUL_NAME.search(option.value) or TOWN_IN_DOUBT in option.flags:
        return _READ_TWO_WAYS
    if not option.value[:1].isalnum():
        return _BEGINS_WITH_A_SIGN
    return _READ_TWO_WAYS if READINGS_DIFFER in option.flags else 1.0


def _most_of_reference(name: str, option: Option, possible: Possible) -> float:
    if _named_otherwise(name, option.mention, possible):
        return _ANOTHER_LABEL
    if name == "buyer_service_code" and (_goes_on(option.mention) or _began_before(name, option.mention, possible)):
        return _HALF_A_CODE
    if " " in option.mention.text.strip():
        return _SIGN_LOST
    return _LETTER_MENDED if option.value != option.mention.value else 1.0


def _goes_on(code: Mention) -> bool:
    """Whether more of a code in capitals stands behind it: `FACT PUB 9`, where underscores went with a ruled line."""
    behind = code.cell.tokens[code.end : code.end + 1]
    return bool(behind) and code.value.isupper() and bool(_MORE_OF_A_CODE.fullmatch(behind[0].text))


def _began_before(name: str, code: Mention, possible: Possible) -> bool:
    """Whether capitals stand between it and its label: `Service P A T RIMOINE`, in a typeface that is set wide."""
    pointed = possible.evidence.pointing(code).get(name)
    if pointed is None:
        return False
    between = code.cell.tokens[pointed.label.end if pointed.way == "after" else 0 : code.start]
    return any(token.text.isupper() or _MORE_OF_A_CODE.fullmatch(token.text) for token in between)


def _named_otherwise(name: str, mention: Mention, possible: Possible) -> bool:
    """Whether another label stands right before it in its cell, and its own only beside or above."""
    found = possible.evidence.pointing(mention)
    own = found.get(name)
    if own is not None and own.way == "after":
        return False
    return any(
        rival.way == "after" and rival.label.end == mention.start and rival.strength > CLEAR
        for field, rival in found.items()
        if field != name
    )


def _most_of_amount(name: str, option: Option, choices: Mapping[str, Choice], possible: Possible) -> float:
    """What the other amounts of the page say of one."""
    if name in ("total_with_tax", "amount_due") and is_till_roll(possible.document):
        return _PAID if name == "amount_due" else _till_total(option, possible)
    if _overshadowed(choices) or (name == "total_without_tax" and _unexplained(option, choices)):
        return _PART_OF_A_TOTAL
    if name == "amount_due" and _paid_in_part(choices, possible):
        return _PAID_IN_PART
    return 1.0


def _till_total(option: Option, possible: Possible) -> float:
    """A till prints many amounts: its total is sure where cash less change, or the card, says the same.

    Where it says nothing of the payment, the total must stand twice, and no amount next to it be it rounded.
    """
    value, paper = abs(Decimal(option.value)), payment(possible.document)
    if paper.paid is not None:
        return 1.0 if paper.paid == value else _PAID_OTHERWISE
    return 1.0 if len(paper.places(value)) > 1 and not paper.rival(value) else _UNPAID


def _overshadowed(choices: Mapping[str, Choice]) -> bool:
    """Whether a clearly named total is larger than what was taken for all there is to pay: perhaps one rate's share."""
    gross = choices["total_with_tax"].best
    named = [o for name in ("total_without_tax", "total_with_tax") for o, _ in choices[name].ranked]
    return gross is not None and any(
        option.strength >= NAMED and abs(Decimal(option.value)) > abs(Decimal(gross.value)) + 1 for option in named
    )


def _unexplained(net: Option, choices: Mapping[str, Choice]) -> bool:
    """Whether net and gross differ and no tax was found that makes up for it: perhaps postage, perhaps a subtotal."""
    gross = choices["total_with_tax"].best
    return gross is not None and choices["total_tax"].best is None and net.value != gross.value


def _paid_in_part(choices: Mapping[str, Choice], possible: Possible) -> bool:
    """Whether the total was taken for what is due, and two amounts below make it up: a deposit and what is left."""
    due, gross = choices["amount_due"].best, choices["total_with_tax"].best
    if due is None or gross is None or due.value != gross.value:
        return False
    place = gross.mention
    below = {
        abs(mention.amount): cell.row
        for cell in possible.document.on_page(place.cell.page)
        if cell.box.y > place.box.bottom and cell.row not in possible.evidence.item_rows
        for mention in amounts_in(cell)
        if mention.marked and abs(mention.box.right - place.box.right) < _SAME_COLUMN_MM
    }
    whole = abs(Decimal(gross.value))
    return any(0 < part < whole and below.get(whole - part, row) != row for part, row in below.items())


_SAME_COLUMN_MM = 8.0
_PART_OF_A_TOTAL = 0.8
_PAID_IN_PART = 0.75


def _some_unread(choices: Mapping[str, Choice], possible: Possible) -> bool:
    """A garbled number may be any of those that are missing: its name is mostly garbled with it."""
    known = _numbers_chosen(choices)
    names = [n for n in GROUP_OF if GROUP_OF[n] == "number" and choices[n].best is None]
    return any(unread_number(n, possible.document, known) for n in names)


def _numbers_chosen(choices: Mapping[str, Choice]) -> list[Mention]:
    return [o.mention for name in GROUP_OF if GROUP_OF[name] == "number" if (o := choices[name].best) is not None]


_LETTER_MENDED = 0.85
"""A digit taken for the letter O may have been one."""
_DOUBTFUL_NAME = re.compile(r"^\S+$|\s[0-9]\s")
"""One word alone is often half a name, a digit in the middle a misread bar."""
_CUT = 0.5
"""A name that surely goes on."""
_SIGN_LOST = 0.85
"""A reference in several words: a thin dash or slash between them may not have been read."""
_MORE_OF_A_CODE = re.compile(r"_?[A-Z0-9][A-Z0-9_]*")
_HALF_A_CODE = 0.5
_ANOTHER_LABEL = 0.5
"""`Réf. client 41131171` beside `N° de marché`, whose own value was not read."""
_ORDER_LABEL = 0.75
"""Buyers ask for their reference to be printed: `V/Réf` without one was not read rather than left empty."""
_LABEL_WITHOUT_VALUE = 0.85
"""Where a label stands, a value was probably printed and not read."""
_UNREAD = 0.6
"""... and more surely so where a number stands behind the name of the field and is no number of its kind."""
_ON_EVERY_INVOICE = ("invoice_number", "issue_date", "seller_name", "total_with_tax")
_NOT_FOUND = 0.5
"""What must be printed was not read rather than not printed."""
_SIREN_LONG = 9
_SIREN_FOR_SIRET = 0.5
"""The number of the company stands for that of the establishment: a person says which."""
_CHECK_FAILS = 0.5
"""Misread, or wrong on paper: a person says."""
_PAID = 0.75
"""What a till took is not said to be due."""
_UNPAID, _PAID_OTHERWISE = 0.85, 0.6
_BEGINS_WITH_A_SIGN = 0.5
"""`.ts Beaudoin & Fils`: the first letter was not read."""
_READ_TWO_WAYS = 0.85


def trust_of(possible: Possible, ranking: Ranking) -> dict[str, tuple[str | None, dict[str, float]]]:
    """The value chosen for every field with the clues to how far it can be trusted: what training needs."""
    choices = choices_of(possible, ranking)
    best = {name: choice.best for name, choice in choices.items()}
    return {n: (o.value if o else None, trust_clues(n, choices, possible)) for n, o in best.items()}


def trust_clues(name: str, choices: Mapping[str, Choice], possible: Possible) -> dict[str, float]:
    """What makes the choice of a field trustworthy, by name of `ranking.TRUST`."""
    choice = choices[name]
    option = choice.best
    chances = sorted((*(c for _, c in choice.ranked), choice.absent), reverse=True)
    own = min(choice.absent, 1.0) if option is None else choice.ranked[0][1]
    rest = max((c for c in chances if c != own), default=0.0)
    clues = {
        "odds": math.log(max(1e-5, min(1 - 1e-5, own)) / (1 - max(1e-5, min(1 - 1e-5, own)))) / 5,
        "margin": own - rest,
        "ocr": float(possible.document.source == "ocr"),
        "options": math.log1p(len(choice.ranked)) / 2,
    }
    by_rules = possible.options[name][0] if possible.options[name] and possible.options[name][0].strength > 0 else None
    clues["rules agree"] = float((by_rules.value if by_rules else None) == (option.value if option else None))
    if option is None:
        return clues
    mention = option.mention
    pointed = possible.evidence.pointing(mention).get(name)
    again = sum(o.value == option.value for o in possible.options[name])
    clues |= {
        "seen again": float(again > 1),
        "own label": pointed.strength if pointed else 0.0,
        "misreading": -math.log(max(0.02, 1.02 - min(1.0, mention.confidence))) / 4,
        "mended or unchecked": float(mention.repaired or bool(option.more.get("check fails"))),
        "key stands": float(GROUP_OF[name] == "number" and not mention.repaired and not option.more.get("check fails")),
    }
    if GROUP_OF[name] == "amount":
        clues |= _sum_clues(name, option, choices)
    return clues


def _sum_clues(name: str, option: Option, choices: Mapping[str, Choice]) -> dict[str, float]:
    """What the arithmetic says of a total that was chosen."""
    best = {n: choices[n].best for n in ("total_without_tax", "total_tax", "total_with_tax", "amount_due")}
    sums = sum_of([best["total_without_tax"], best["total_tax"], best["total_with_tax"]])
    gross = best["total_with_tax"]
    if name == "amount_due":
        same = gross is not None and gross.value == option.value
        confirmed = same or bool(option.more.get("a gross less a deposit"))
        return {
            "sums agree": float(confirmed and sums == 1),
            "sums disagree": float(sums == -1 or not confirmed),
            "shares agree": float(bool(option.more.get("a gross less a deposit"))),
        }
    shares = {"total_without_tax": "sum of bases", "total_tax": "sum of taxes"}.get(name, "a sum as gross")
    return {
        "sums agree": float(sums == 1),
        "sums disagree": float(sums == -1),
        "shares agree": float(option.more.get(shares, 0.0) > 0),
        "lines agree": float(option.more.get("sum of lines", 0.0) > 0),
        "second best sum": float(option.more.get("labelled sum", 0.0)),
    }
