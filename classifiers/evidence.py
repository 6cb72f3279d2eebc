"""What on a page speaks for or against an invoice, as numbers: cues, titles, amounts, the shape of the text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

from classifiers.cues import AGAINST, FOR, TILL
from classifiers.wording import TITLES, Wording, fold, headings, titled, words_in
from models.geometry import MM_PER_INCH
from models.reading import PageLook
from models.text import PageText, TextLine
from models.values.bank import check_iban, parse_iban
from models.values.identifiers import check_siret, check_vat_id, parse_siret, parse_vat_id

_AMOUNT = re.compile(r"(?<![\d.,])(\d{1,3}(?:[ .'’]\d{3})*|\d+)[.,](\d{2})(?![\d%])(?! ?%)")
_RATES = (0.021, 0.055, 0.06, 0.07, 0.077, 0.081, 0.085, 0.09, 0.10, 0.16, 0.19, 0.20, 0.21, 0.22)
"""VAT rates of France and other countries."""
_DAY = re.compile(r"\b\d{1,2}[./-]\d{1,2}[./-]\d{2,4}\b|\b\d{4}-\d{2}-\d{2}\b")
_TO_FILL = re.compile(r"\.{6,}|…{3,}|_{4,}")
_SIRET = re.compile(r"(?<!\d)\d{3} ?\d{3} ?\d{3} ?\d{5}(?!\d)")
_VAT = re.compile(r"\bFR ?[0-9A-Z]{2} ?\d{3} ?\d{3} ?\d{3}\b")
_IBAN = re.compile(r"\bFR\d{2}(?: ?[A-Z0-9]{2,4}){6,7}")
_TITLE_WEIGHTS = {
    "facture": 3.0, "avoir": 3.0, "devis": -4.0, "commande": -3.2, "livraison": -3.5, "relance": -5.0, "releve": -3.5,
    "rib": -3.5, "avis": -2.5, "declaration": -3.0, "contrat": -2.5,
}  # fmt: skip
"""Log-odds of a clear title of each kind (`classifiers.wording.TITLES`), given by hand."""
_WORDS: dict[str, tuple[str, ...]] = {
    "facture": (
        "facture", "factures", "avoir", "invoice", "rechnung", "gutschrift", "factuur", "factura", "fattura",
        "honoraires",
    ),
    "devis": ("devis", "quotation", "quote", "angebot", "proforma", "estimation", "offre"),
    "commande": ("commande", "order", "bestellung", "auftrag"),
    "livraison": ("livraison", "delivery", "lieferschein", "lieferung", "intervention"),
}  # fmt: skip
"""What the papers of a purchase call themselves and one another, anywhere on the page."""
_OFTEN = 3
_TILL_WORDS = 160
"""A till prints no more; on a longer page its words only tell how to pay."""
_RECEIPT_MM = 90.0
"""Paper of tills is narrower than this."""


_ANOTHER_NUMBER = "numéro d'un autre papier seul"
_OWN_NUMBER = re.compile(
    r"(?:n|no|numero|reference|ref)(?: (?:de )?(?:piece|document))?(?: \S*\d.*)?$|(?:piece|document) n"
)
"""A number without the name of a paper."""

LAYOUT = (
    "montants à droite", "montants côte à côte", "plus grand montant répété", "total en bas",
    "filets", "colonnes tracées", "cases", "écriture", "image", "page peu remplie",
)  # fmt: skip
"""Names of what the page's layout and look say."""
DRAWN_LEAST_TRULY = (*LAYOUT, _ANOTHER_NUMBER)
"""What simulated mail shows least truly: fitting hardly moves it."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Numbers of 0..1 by name, in a fixed order, and what is shown of each."""

    values: tuple[float, ...]


def names() -> tuple[str, ...]:
    """The names of the numbers, in the order of `Evidence.values`; shown to a supervisor, French."""
    return (
        *(cue.label for cue in (*FOR, TILL, *AGAINST)),
        *(f"titre {kind}" for kind in TITLES),
        *(f"autre titre {kind}" for kind in TITLES),
        "aucun montant", "peu de montants", "nombreux montants", "HT + TVA = TTC",
        "texte suivi", "lignes en colonnes", "peu de mots", "papier étroit", "date", "à remplir",
        "SIRET valide", "n° TVA valide", "IBAN valide", "suite",
        *(f"mot {word}" for word in _WORDS), "facture souvent nommée", _ANOTHER_NUMBER,
        *LAYOUT,
    )  # fmt: skip


def beforehand() -> tuple[float, ...]:
    """The log-odds a person gives each piece of evidence, in the same order: where fitting begins."""
    titles = [_TITLE_WEIGHTS[kind] for kind in TITLES]
    return (
        *(cue.weight for cue in (*FOR, TILL, *AGAINST)),
        *titles,
        *(0.3 * weight for weight in titles),
        -2.5, -0.8, 0.5, 1.6,
        -1.0, 0.5, -0.5, 1.0, 0.2, -1.5,
        0.3, 0.3, 0.3, 0.0,
        1.0, -0.5, -0.2, -0.3, 0.5, -2.0,
        0.3, 0.0, 0.3, 0.3,
        0.0, 0.0, -0.5, -0.5, -0.3, -0.5,
    )  # fmt: skip


def evidence(text: PageText, look: PageLook | None = None) -> Evidence:
    """What one page says and how it looks; a page that is no known form.

    Args:
        look: of the same page; `None` where it was not looked at.
    """
    wording = Wording.of(text)
    cues = [
        float((wording.labels if cue.label_only else wording).any_of(cue.phrases) is not None)
        for cue in (*FOR, TILL, *AGAINST)
    ]
    cues[len(FOR)] *= min(1.0, 0.4 + 0.3 * sum(wording.has(phrase) for phrase in TILL.phrases))
    if len(wording.flowing) > _TILL_WORDS:
        cues[len(FOR)] *= 0.2
    return Evidence(
        (
            *cues,
            *_titles(text),
            *_amounts(text.lines),
            *_shape(text),
            *_identifiers(text.lines),
            *_named(wording),
            _only_another_number(text, wording),
            *_places(text),
            *_looks(look),
        )
    )


def together(pages: Sequence[Evidence]) -> Evidence:
    """What the pages of one document say together: anything said once is said; the first page gives the title."""
    if len(pages) == 1:
        return pages[0]
    first = len(FOR) + 1 + len(AGAINST)
    last = first + 2 * len(TITLES)
    merged = [max(column) for column in zip(*(page.values for page in pages), strict=True)]
    titled = next((page for page in pages if any(page.values[first:last])), pages[0])
    merged[first:last] = titled.values[first:last]
    named = names()
    for name in ("aucun montant", "peu de montants", "peu de mots", "page peu remplie"):
        at = named.index(name)
        merged[at] = min(page.values[at] for page in pages)
    for name in ("texte suivi", "lignes en colonnes", "suite", _ANOTHER_NUMBER, "cases", "écriture", "image"):
        at = named.index(name)
        merged[at] = pages[0].values[at]
    return Evidence(tuple(merged))


def _titles(text: PageText) -> list[float]:
    """How much each kind of heading looks like the document's own; then the same for the rivals of the likeliest."""
    ranked = headings(text)
    own, rivals = dict.fromkeys(TITLES, 0.0), dict.fromkeys(TITLES, 0.0)
    if ranked:
        own[ranked[0].kind] = min(1.0, 0.8 * ranked[0].weight)
    for heading in ranked[1:]:
        if heading.kind != ranked[0].kind:
            rivals[heading.kind] = max(rivals[heading.kind], min(1.0, heading.weight / ranked[0].weight))
    return [*own.values(), *rivals.values()]


def _amounts(lines: Sequence[TextLine]) -> list[float]:
    amounts = [_cents(match) for line in lines for match in _AMOUNT.finditer(line.text)]
    few = 0 < len(amounts) < 3
    return [float(not amounts), float(few), float(len(amounts) >= 6), float(_adds_up(amounts))]


def _cents(match: re.Match[str]) -> int:
    return int(re.sub(r"\D", "", match[1])) * 100 + int(match[2])


def _adds_up(amounts: list[int]) -> bool:
    """Whether three amounts are a net, a tax at a usual rate and their sum."""
    every = set(amounts)
    largest = sorted(every, reverse=True)[:40]
    for gross, net in combinations(largest, 2):
        tax = gross - net
        if tax in every and net > 0 and any(abs(tax - net * rate) <= max(2, 0.0005 * net) for rate in _RATES):
            return True
    return False


def _shape(text: PageText) -> list[float]:
    """Running text, columns, the size of the paper, dates, blanks to fill in."""
    counts = [(len(words), sum(any(c.isalpha() for c in word) for word in words)) for words in map(_split, text.lines)]
    total = sum(count for count, _ in counts)
    prose = sum(count for count, spelled in counts if count >= 9 and spelled > 0.7 * count)
    narrow = text.width / text.dpi * MM_PER_INCH < _RECEIPT_MM
    return [
        prose / max(1, total),
        _in_columns(text.lines),
        float(total < 40),
        float(narrow),
        float(any(_DAY.search(line.text) for line in text.lines)),
        min(1.0, sum(bool(_TO_FILL.search(line.text)) for line in text.lines) / 4),
    ]


def _split(line: TextLine) -> list[str]:
    return line.text.split()


def _in_columns(lines: Sequence[TextLine]) -> float:
    """Share of lines that stand beside two others or more: a table."""
    rows: list[list[TextLine]] = []
    for line in sorted(lines, key=lambda line: line.box.center_y):
        if rows and line.box.center_y - rows[-1][0].box.center_y < 0.5 * line.box.height:
            rows[-1].append(line)
        else:
            rows.append([line])
    return sum(len(row) for row in rows if len(row) >= 3) / max(1, len(lines))


def _named(wording: Wording) -> list[float]:
    """Which papers the page names, and whether an invoice again and again."""
    counts = [sum(word in named for word in wording.flowing) for named in _WORDS.values()]
    return [*(float(count > 0) for count in counts), float(counts[0] >= _OFTEN)]


def _only_another_number(text: PageText, wording: Wording) -> float:
    """Whether the head numbers a quote, an order or a delivery, and the page no invoice: the number is its own."""
    if wording.labels.any_of(FOR[0].phrases):
        return 0.0
    table = min((line.box.center_y for line in text.lines if _AMOUNT.search(line.text)), default=float(text.height))
    numbered = set()
    for line in text.lines:
        if line.box.center_y > min(table, 0.5 * text.height):
            continue
        kind, rest = titled(line)
        if kind in ("facture", "avoir") or _OWN_NUMBER.match(" ".join(words_in(line.text))):
            return 0.0
        if rest and rest[0] in ("n", "no", "numero", "nr"):
            numbered.add(kind)
    return float(not numbered.isdisjoint(("devis", "commande", "livraison")))


def _places(text: PageText) -> list[float]:
    """Where amounts stand: down the right side, beside one another, the largest of them again or below the rest."""
    found = [(_cents(match), line.box) for line in text.lines for match in _AMOUNT.finditer(line.text)]
    if not found:
        return [0.0, 0.0, 0.0, 0.0]
    right = sum(box.right > 0.7 * text.width for _, box in found)
    rows = Counter(round(box.center_y / max(1.0, 0.6 * box.height)) for _, box in found)
    largest = max(cents for cents, _ in found)
    places = [box.center_y for cents, box in found if cents == largest]
    middle = sorted(box.center_y for _, box in found)[len(found) // 2]
    return [
        min(1.0, right / 6),
        sum(count for count in rows.values() if count >= 3) / len(found),
        float(len(places) > 1),
        float(len(found) > 2 and max(places) > middle),
    ]


def _looks(look: PageLook | None) -> list[float]:
    if look is None:
        return [0.0] * 6
    return [
        min(1.0, look.rules / 8),
        min(1.0, look.uprights / 2),
        min(1.0, look.cells / 60),
        min(1.0, look.pen / 0.3),
        min(1.0, look.picture / 0.1),
        max(0.0, 1 - look.ink / 0.03),
    ]


def _identifiers(lines: Iterable[TextLine]) -> list[float]:
    found = [False, False, False, False]
    for line in lines:
        found[0] |= any(not check_siret(parse_siret(m[0]) or "") for m in _SIRET.finditer(line.text))
        found[1] |= any(not check_vat_id(parse_vat_id(m[0]) or "") for m in _VAT.finditer(line.text))
        found[2] |= any(not check_iban(parse_iban(m[0]) or "") for m in _IBAN.finditer(line.text))
        found[3] |= fold(line.text).strip() in ("suite", "report", "a reporter")
    return [float(one) for one in found]
