"""What every field of an invoice most likely is: the learned ranking, and what the fields say of one another."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import combinations, product

from extraction.invoices.options import GROUP_OF, Option
from extraction.invoices.page_layout import fold
from extraction.invoices.possible import Possible, text_before
from extraction.invoices.ranking import Ranking
from extraction.invoices.tills import is_receipt, is_till_roll, payment
from extraction.invoices.totals import CENT


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """The options of one field with their probabilities, the likeliest first; `absent` is that none is printed."""

    ranked: tuple[tuple[Option, float], ...]
    absent: float

    @property
    def best(self) -> Option | None:
        return self.ranked[0][0] if self.ranked and self.ranked[0][1] >= self.absent else None


NAMED = 0.6
"""Strength of a label that says clearly what an amount is."""


def choices_of(possible: Possible, ranking: Ranking) -> dict[str, Choice]:
    """The choice of every field of `options.GROUP_OF`, each made with an eye on the others."""
    choices = {name: _choose(name, possible, ranking) for name in GROUP_OF}
    if is_receipt(possible.document):
        choices["seller_name"] = _shop(possible.options["seller_name"])
    _tax_named(choices, possible)
    _with_summed_tax(choices)
    _totals_together(choices)
    _net_untaxed(choices)
    _due_after_deposit(choices, possible)
    _due_date_named(choices, possible)
    _service_named(choices, possible)
    if is_till_roll(possible.document):
        _number_of_receipt(choices)
        _as_paid(choices, possible)
    _parties_apart(choices)
    return choices


_SHOP = 0.75
"""How often the topmost name of a receipt is the shop's."""


def _shop(options: Sequence[Option]) -> Choice:
    """A till prints the shop's name on top."""
    rest = tuple((o, 0.1 / (1 + rank)) for rank, o in enumerate(options[1:_TRIED]))
    return Choice(((options[0], _SHOP), *rest), 0.05) if options else Choice((), 1.0)


def _choose(name: str, possible: Possible, ranking: Ranking) -> Choice:
    options = possible.options[name]
    chances = ranking.probabilities(name, possible.evidence.table(name, options))
    together: dict[str, float] = {}
    for option, chance in zip(options, chances[:-1], strict=True):
        together[option.value] = together.get(option.value, 0.0) + float(chance)
    best: dict[str, tuple[float, Option]] = {}
    for option, chance in zip(options, chances[:-1], strict=True):
        if option.value not in best or chance > best[option.value][0]:
            best[option.value] = (float(chance), option)
    ranked = sorted(((best[value][1], chance) for value, chance in together.items()), key=lambda r: -r[1])
    return Choice(tuple(ranked), float(chances[-1]))


_TRIED = 7
_SUM_WORTH = 2.0
_FLOOR = 1e-4


def _totals_together(choices: dict[str, Choice]) -> None:
    """Net, tax and gross are chosen as three that make a sum, where one is likely enough."""
    names = ("total_without_tax", "total_tax", "total_with_tax")
    best: tuple[float, tuple[tuple[Option | None, float], ...]] | None = None
    tried = [[*choices[n].ranked[:_TRIED], (None, choices[n].absent)] for n in names]
    for trio in product(*tried):
        worth = sum(math.log(max(_FLOOR, chance)) for _, chance in trio)
        worth += _worth_of_sum([option for option, _ in trio])
        if best is None or worth > best[0]:
            best = (worth, trio)
    if best is None:
        return
    for name, (option, _) in zip(names, best[1], strict=True):
        choices[name] = _preferring(choices[name], option)


def _worth_of_sum(trio: Sequence[Option | None]) -> float:
    """Any amount and itself make a sum with a tax of 0: that says nothing."""
    sums, tax = sum_of(trio), trio[1]
    trivial = sums > 0 and tax is not None and not Decimal(tax.value)
    return 0.0 if trivial else _SUM_WORTH * sums


def _tax_named(choices: dict[str, Choice], possible: Possible) -> None:
    """Carriage and discounts make sums too: what stands beside such a word is no tax."""
    tax = choices["total_tax"]

    def named_otherwise(option: Option) -> bool:
        found = possible.evidence.pointing(option.mention)
        other = found.get("other_amount")
        return other is not None and other.way != "below" and other.strength > NAMED and "total_tax" not in found

    kept = tuple((option, chance) for option, chance in tax.ranked if not named_otherwise(option))
    if len(kept) < len(tax.ranked):
        lost = sum(chance for _, chance in tax.ranked) - sum(chance for _, chance in kept)
        choices["total_tax"] = Choice(kept, tax.absent + lost)


def _with_summed_tax(choices: dict[str, Choice]) -> None:
    """`TVA (10 %) : 8,85`, `TVA (20 %) : 277,02` and no total: the sum is the tax if net and gross say so."""
    named = {
        name: next((o for o, _ in choices[name].ranked if o.strength >= NAMED), None)
        for name in ("total_without_tax", "total_with_tax")
    }
    net, gross, tax = named["total_without_tax"], named["total_with_tax"], choices["total_tax"]
    if net is None or gross is None:
        return
    missing = Decimal(gross.value) - Decimal(net.value)
    parts = [(o, c) for o, c in tax.ranked[:_TRIED] if o.strength >= NAMED and Decimal(o.value)]
    if any(abs(Decimal(o.value) - missing) <= 2 * CENT for o, _ in tax.ranked):
        return
    for rates in (some for count in (2, 3) for some in combinations(parts, count)):
        whole = sum((Decimal(o.value) for o, _ in rates), Decimal(0))
        if abs(whole - missing) <= 2 * CENT:
            shown = sorted((o.mention for o, _ in rates), key=lambda m: (m.cell.page, m.cell.row))
            mention = replace(shown[-1], text=" + ".join(m.text for m in shown))
            summed = Option(f"{whole:.2f}", mention, min(o.strength for o, _ in rates))
            choices["total_tax"] = Choice(((summed, sum(c for _, c in rates)), *tax.ranked), tax.absent)
            return


def _net_untaxed(choices: dict[str, Choice]) -> None:
    """Where no tax is found and a clearly named net is as much as the gross, a smaller one is a subtotal."""
    net, gross = choices["total_without_tax"], choices["total_with_tax"].best
    if gross is None or choices["total_tax"].best is not None:
        return
    whole = next((o for o, _ in net.ranked if o.value == gross.value and o.strength >= NAMED), None)
    if whole is not None and whole is not net.best:
        choices["total_without_tax"] = _preferring(net, whole)


_SAYS_DUE = 0.6


def _due_after_deposit(choices: dict[str, Choice], possible: Possible) -> None:
    """An amount called due that is the gross less a deposit is what is due, whatever else is likely."""
    gross = choices["total_with_tax"].best
    for option in possible.options["amount_due"]:
        pointed = possible.evidence.pointing(option.mention).get("amount_due")
        said = pointed is not None and pointed.strength > _SAYS_DUE
        less = gross is not None and abs(Decimal(option.value)) < abs(Decimal(gross.value))
        if said and less and option.more.get("a gross less a deposit"):
            choices["amount_due"] = _preferring(choices["amount_due"], _same_value(choices["amount_due"], option))
            return


def _due_date_named(choices: dict[str, Choice], possible: Possible) -> None:
    """A day that nothing calls the due date is a stamp's or the end of a period."""
    day = choices["due_date"].best
    if day is not None and "due_date" not in possible.evidence.pointing(day.mention):
        choices["due_date"] = _preferring(choices["due_date"], None)


_NAMES_IT = 0.55


def _service_named(choices: dict[str, Choice], possible: Possible) -> None:
    """The word right behind `Code service :` is the code, also one of capitals alone: `DGS`, `SERVICE_FACTURIER`."""
    chosen = choices["buyer_service_code"].best
    if chosen is not None and _behind_label(chosen, possible):
        return
    for option in possible.options["buyer_service_code"]:
        if _behind_label(option, possible):
            named = _same_value(choices["buyer_service_code"], option)
            choices["buyer_service_code"] = _preferring(choices["buyer_service_code"], named)
            return


def _behind_label(option: Option, possible: Possible) -> bool:
    """It fills the row behind the label; a word in small letters is none, nor is one of the line items."""
    mention = option.mention
    pointed = possible.evidence.pointing(mention).get("buyer_service_code")
    if pointed is None or pointed.strength < _NAMES_IT or pointed.way == "below":
        return False
    if not any(c.isalpha() for c in option.value):
        return False  # `Service clients : 01 44 55 66 77`
    if mention.cell.row in possible.evidence.item_rows or not re.fullmatch(r"[A-Z0-9][A-Z0-9_./-]+", option.value):
        return False
    alone = mention.end == len(mention.cell.tokens)
    follows = pointed.label.cell is mention.cell and pointed.label.end == mention.start and pointed.label.start == 0
    beside = pointed.label.whole and mention.start == 0 and mention.cell.row == pointed.label.cell.row
    return alone and (follows or beside)


def _as_paid(choices: dict[str, Choice], possible: Possible) -> None:
    """The total of a till is what was paid, rounded to the smallest coin: no sum of net and tax shows that."""
    paper, choice = payment(possible.document), choices["total_with_tax"]
    total = Decimal(choice.best.value) if choice.best is not None else None
    wanted = [paper.paid] if paper.paid is not None else []
    if not wanted and total is not None and paper.rounding:
        wanted = [total + paper.rounding, total - paper.rounding]
    mention = next((m for value in wanted for m in paper.places(value)), None)
    if mention is None or mention.amount == total:
        return
    printed = Option(f"{mention.amount:.2f}", mention, 0.0)
    named = next((o for o, _ in choice.ranked if o.value == printed.value), None)
    if named is None:
        choice = Choice((*choice.ranked, (printed, 0.0)), choice.absent)
    choices["total_with_tax"] = _preferring(choice, named or printed)


_TICKET = re.compile(
    r"\b(?:ticket|receipt|trans|transaction|facture|invoice|bill|document|doc|recu)(?: (?:no|numero|number|id))?$"
)


def _number_of_receipt(choices: dict[str, Choice]) -> None:
    """On a till's paper the number behind `Ticket` or `Receipt #` is the document's."""

    def named(option: Option) -> bool:
        return bool(_TICKET.search(fold(text_before(option.mention))))

    choice = choices["invoice_number"]
    if choice.best is None or not named(choice.best):
        option = next((o for o, _ in choice.ranked if named(o)), None)
        if option is not None:
            choices["invoice_number"] = _preferring(choice, option)


def _same_value(choice: Choice, option: Option) -> Option:
    """The option of a choice that stands for all of this value."""
    return next((o for o, _ in choice.ranked if o.value == option.value), option)


def sum_of(options: Sequence[Option | None]) -> int:
    """1 when net + tax = gross, -1 when it is not, 0 when one is missing."""
    values = [Decimal(o.value) for o in options if o is not None]
    if len(values) < 3:
        return 0
    return 1 if abs(values[0] + values[1] - values[2]) <= 2 * CENT else -1


def _preferring(choice: Choice, option: Option | None) -> Choice:
    """The same chances with one option first, or none chosen."""
    if option is None:
        return Choice((), choice.absent) if choice.best is None else Choice(choice.ranked, 1.0)
    ranked = sorted(choice.ranked, key=lambda r: r[0] is not option)
    return Choice(tuple(ranked), min(choice.absent, ranked[0][1]))


def _parties_apart(choices: dict[str, Choice]) -> None:
    """Seller and buyer are two, and so are their numbers: the surer keeps the value."""
    for one, two in (("seller_name", "buyer_name"), ("seller_siret", "buyer_siret"), ("issue_date", "due_date")):
        first, second = choices[one].best, choices[two].best
        if first is None or second is None or fold(first.value) != fold(second.value):
            continue
        if one == "issue_date" and first.mention is not second.mention:
            continue
        loser = two if choices[one].ranked[0][1] >= choices[two].ranked[0][1] else one
        others = tuple(r for r in choices[loser].ranked if fold(r[0].value) != fold(first.value))
        choices[loser] = Choice(others, choices[loser].absent)
