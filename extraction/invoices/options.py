"""What speaks for and against each possible value of a field, as numbers a learned choice can weigh."""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from statistics import median

import numpy as np
from numpy.typing import NDArray

from extraction.invoices.labels import Label
from extraction.invoices.mentions import Mention
from extraction.invoices.page_layout import Cell, Document, fold
from extraction.invoices.pointing import Pointed, strengths
from extraction.invoices.word_roles import ROLES, SUREST, roles_of

FAMILIES = (
    *("invoice_number", "issue_date", "due_date", "other_date", "order_reference", "contract_reference"),
    *("other_reference", "buyer_service_code", "buyer_siret", "seller_siret", "seller_vat_id", "buyer_vat_id"),
    *("seller_iban", "buyer_name", "seller_name", "total_without_tax", "total_tax", "total_with_tax", "amount_due"),
    *("deposit", "other_amount"),
)
_WAYS = ("after", "right", "below")
_COMMON = (
    *(f"label {name}" for name in FAMILIES),
    *(f"own label {way}" for way in _WAYS),
    *(
        "own label whole",
        "own label far",
        "own label begins its cell",
        "rival label",
        "rules' strength",
        "rules' choice",
    ),
    *("rules' rank", "x", "y", "first page", "last page", "pages", "height", "words", "letters and digits long"),
    *("share of digits", "all capitals", "letters and digits", "signs inside", "seen again", "read well", "ocr"),
    *("options", "cells in its row", "first of its row", "title in its row", "beside the title", "nothing is printed"),
    *("most strength of all", "above the line items", "below the line items"),
)
GROUPS: Mapping[str, tuple[str, ...]] = {
    "date": ("issue_date", "due_date"),
    "reference": ("invoice_number", "order_reference", "contract_reference", "buyer_service_code"),
    "amount": ("total_without_tax", "total_tax", "total_with_tax", "amount_due"),
    "name": ("seller_name", "buyer_name"),
    "number": ("seller_siret", "buyer_siret", "seller_vat_id", "seller_iban"),
}
GROUP_OF = {name: group for group, names in GROUPS.items() for name in names}
EXTRAS: Mapping[str, tuple[str, ...]] = {
    "date": (
        *("earlier days", "later days", "days to the last", "days from the first", "a usual term after"),
        *("a usual term before", "after a town", "behind an invoice number", "ahead of today", "long before today"),
    ),
    "reference": (),
    "amount": (
        *("a sum as net", "a sum as tax", "a sum as gross", "labelled sum", "sum of bases", "sum of taxes"),
        *("sum of lines", "largest", "marked", "negative", "zero", "row of a share", "a gross less a deposit"),
        "in joint choice",
    ),
    "name": (
        *("as seller", "as buyer", "top of an address", "rows of its address", "legal form", "public body"),
        *("named seller", "named buyer", "seen in an e-mail or web address", "in a legal line"),
        *("in the lowest tenth", "in the highest tenth", "tallest", "a person", "near seller's numbers"),
        *("near buyer's numbers", "as the other party", "a place of delivery"),
    ),
    "number": ("belongs to the VAT id", "near the buyer", "lowest tenth", "check fails", "mended", "French"),
}
_BY_WORDS = ("its words as the field", "its words as something else", "likeliest by its words")
"""What `word_roles` says of an option."""
Vector = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Option:
    """One possible value of one field."""

    value: str
    mention: Mention
    strength: float
    """0..1 by the rules; 0 for one they would not take."""
    more: Mapping[str, float] = field(default_factory=dict)
    """Features of its group, by name; a missing one is 0."""
    flags: tuple[str, ...] = ()


@dataclass(slots=True)
class Evidence:
    """Measures options against the whole document."""

    document: Document
    labels: Sequence[Label]
    item_rows: frozenset[int]
    _on_page: dict[int, tuple[list[float], list[Label]]] = field(init=False)
    _pointed: dict[int, tuple[Mention, dict[str, Pointed]]] = field(init=False, default_factory=dict)
    """By identity; the mention is kept so that no other takes its identity."""
    _roles: Mapping[int, Vector] | None = field(init=False, default=None)
    """Log-odds of the roles of words, by identity of the token; asked for when first needed."""
    _usual_height: float = field(init=False)
    _counts: Counter[str] = field(init=False)
    _titles: list[Cell] = field(init=False)

    def __post_init__(self) -> None:
        self._on_page = {}
        for page in {label.cell.page for label in self.labels}:
            own = sorted((x for x in self.labels if x.cell.page == page), key=lambda x: x.box.y)
            self._on_page[page] = ([x.box.y for x in own], own)
        self._usual_height = median([c.box.height for c in self.document.cells] or [3.0])
        self._counts = Counter(re.sub(r"\W", "", t.text) for c in self.document.cells for t in c.tokens)
        self._titles = [c for c in self.document.on_page(1) if len(c.tokens) <= 8 and _TITLE.search(c.folded)]

    def pointing(self, mention: Mention) -> dict[str, Pointed]:
        """The strongest label of each family that points at a mention."""
        known = self._pointed.get(id(mention))
        if known is None:
            heights, labels = self._on_page.get(mention.cell.page, ([], []))
            near = labels[bisect_left(heights, mention.box.y - 23) : bisect_right(heights, mention.box.y + 9)]
            known = self._pointed[id(mention)] = (mention, strengths(mention, near, self.document))
        return known[1]

    def labelled(self, name: str, *, least: float) -> bool:
        """Whether a label of the field at least so strong stands somewhere in the document."""
        return any(x.field == name and x.strength > least for x in self.labels)

    def table(self, name: str, options: Sequence[Option]) -> Vector:
        """One row of features an option, and a last row for "it is not printed".

        Returns: shape (len(options) + 1, number of features of the field's group).
        """
        group = GROUP_OF[name]
        strongest = max((o.strength for o in options), default=0.0)
        places = {key: i for i, key in enumerate(features_of(group))}
        rows = np.zeros((len(options) + 1, len(places)), np.float32)
        for rank, option in enumerate(options):
            known = {**self._common(name, option, rank), **option.more}
            known["options"], known["most strength of all"] = math.log1p(len(options)), strongest
            for key, value in known.items():
                rows[rank, places[key]] = value
        rows[-1, places["nothing is printed"]] = 1.0
        rows[-1, places["options"]] = math.log1p(len(options))
        rows[-1, places["most strength of all"]] = strongest
        rows[-1, places["pages"]] = math.log(max(1, len(self.document.page_sizes)))
        rows[-1, places[f"label {name}"]] = max((x.strength for x in self.labels if x.field == name), default=0.0)
        rows[-1, places["ocr"]] = float(self.document.source == "ocr")
        rows[:, -len(_BY_WORDS) :] = self._by_words(name, options)
        return rows

    def _by_words(self, name: str, options: Sequence[Option]) -> Vector:
        """Features `_BY_WORDS` of each option; "it is not printed" knows how likely the best one is."""
        if self._roles is None:
            self._roles = roles_of(self.document)
        own, nothing = ROLES.index(name), np.full(len(ROLES), -SUREST, np.float32)
        found = np.zeros((len(options) + 1, len(_BY_WORDS)), np.float32)
        for rank, option in enumerate(options):
            mention = option.mention
            tokens = mention.cell.tokens[mention.start : mention.end]
            scores = np.mean([self._roles.get(id(token), nothing) for token in tokens], 0) / SUREST
            found[rank, :2] = scores[own], np.delete(scores, own).max()
        best = found[:-1, 0].max(initial=-1.0)
        found[:-1, 2] = found[:-1, 0] >= best - 1e-6
        found[-1, 0] = best
        return found

    def _common(self, name: str, option: Option, rank: int) -> dict[str, float]:
        mention = option.mention
        pointed = self.pointing(mention)
        found = {f"label {family}": p.strength for family, p in pointed.items() if family in _FAMILY_SET}
        own = pointed.get(name)
        if own is not None:
            found[f"own label {own.way}"] = 1.0
            found["own label whole"] = float(own.label.whole)
            found["own label begins its cell"] = float(own.label.start == 0)
            found["own label far"] = min(
                1.5, abs(mention.box.x - own.label.box.right) / 60 if own.way == "right" else 0.0
            )
        found["rival label"] = max((p.strength for family, p in pointed.items() if family != name), default=0.0)
        found["rules' strength"], found["rules' choice"] = option.strength, float(rank == 0 and option.strength > 0)
        found["rules' rank"] = 1 / (1 + rank)
        return {**found, **self._place(mention), **_shape(option, self._counts)}

    def _place(self, mention: Mention) -> dict[str, float]:
        page = mention.cell.page
        width, height = self.document.page_sizes[page - 1]
        row = self.document.rows[mention.cell.row]
        rows = [r for r in self.item_rows if self.document.rows[r].page == page]
        beside = [t for t in self._titles if page == 1 and abs(t.box.y - mention.box.y) < 10]
        return {
            "x": mention.box.x / width,
            "y": mention.box.y / height,
            "first page": float(page == 1),
            "last page": float(page == len(self.document.page_sizes)),
            "pages": math.log(len(self.document.page_sizes)),
            "height": min(3.0, mention.box.height / self._usual_height),
            "ocr": float(self.document.source == "ocr"),
            "cells in its row": min(6, len(row.cells)) / 6,
            "first of its row": float(row.cells[0] is mention.cell),
            "title in its row": float(any(_TITLE.search(c.folded) for c in row.cells)),
            "beside the title": float(bool(beside)),
            "above the line items": float(bool(rows) and mention.cell.row < min(rows)),
            "below the line items": float(bool(rows) and mention.cell.row > max(rows)),
        }


CLEAR = 0.95
_FAMILY_SET = frozenset(FAMILIES)
_TITLE = re.compile(
    r"^(?:votre |duplicata )?(?:facture|avoir|invoice|tax invoice|\w*rechnung|note de credit|credit note"
    r"|factu+r\w*|fattura)\b"
)


def _shape(option: Option, counts: Counter[str]) -> dict[str, float]:
    text = option.mention.text
    compact = re.sub(r"\W", "", text)
    digits, letters = sum(c.isdigit() for c in compact), sum(c.isalpha() for c in compact)
    words = option.mention.end - option.mention.start
    again = min(
        counts[re.sub(r"\W", "", t.text)] for t in option.mention.cell.tokens[option.mention.start : option.mention.end]
    )
    return {
        "words": min(8, words) / 4,
        "letters and digits long": min(30, len(compact)) / 15,
        "share of digits": digits / max(1, len(compact)),
        "all capitals": float(letters > 1 and text == text.upper()),
        "letters and digits": float(bool(digits and letters)),
        "signs inside": min(4, len(re.findall(r"[-/_.]", text))) / 2,
        "seen again": min(3.0, math.log2(max(1, again))),
        "read well": option.mention.confidence,
    }


def features_of(group: str) -> tuple[str, ...]:
    """Names of the features of a group of fields, in the order of the columns."""
    return (*_COMMON, *EXTRAS[group], *_BY_WORDS)


# --- days ---


def of_dates(
    pool: Sequence[tuple[Mention, float]],
    before: Callable[[Mention], str],
    left: Callable[[Mention], str],
    today: date | None,
) -> list[Option]:
    """Options of a date with what the other days of the document say of them."""
    days = sorted({date.fromisoformat(m.value) for m, _ in pool})
    options = []
    for mention, strength in sorted(pool, key=lambda p: -p[1])[:_MOST]:
        day = date.fromisoformat(mention.value)
        terms = [(other - day).days for other in days]
        more = {
            "earlier days": min(4, sum(t < 0 for t in terms)) / 2,
            "later days": min(4, sum(t > 0 for t in terms)) / 2,
            "days to the last": min(2.0, (days[-1] - day).days / 60),
            "days from the first": min(2.0, (day - days[0]).days / 60),
            "a usual term after": float(any(t in _TERMS for t in terms)),
            "a usual term before": float(any(-t in _TERMS for t in terms)),
            "after a town": float(
                bool(re.search(r"[A-Za-zÀ-ÿ]{3,},?\s+(?:le|den|the)\s*$", before(mention), re.IGNORECASE))
            ),
            "behind an invoice number": float(bool(_INVOICE_FROM.search(left(mention)))),
        }
        if today is not None:
            more["ahead of today"] = min(2.0, max(0, (day - today).days) / 30)
            more["long before today"] = min(2.0, max(0, (today - day).days) / 1000)
        options.append(Option(mention.value, mention, strength, more))
    return options


_MOST = 14
_TERMS = frozenset({*range(14, 17), *range(28, 32), *range(43, 47), *range(58, 63)})
_TOWN_BEFORE = re.compile(r"[A-Za-zÀ-ÿ]{3,},?\s+(?:le|den|the)\s*$", re.IGNORECASE)
_INVOICE_FROM = re.compile(r"\b(?:facture|avoir|invoice|\w*rechnung)\b.*\b(?:du|vom|le)\W*$", re.IGNORECASE)


def seen_in_addresses(document: Document) -> str:
    """Letters of every e-mail and web address of the document, where a seller's name often stands."""
    found = [c.text for c in document.cells if re.search(r"@|www\.|\.(?:fr|com|eu|de|org|net)\b", c.text)]
    return fold(" ".join(found)).replace(" ", "")
