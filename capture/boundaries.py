"""How sure the place between two pages is: the sign that decided it, weighed with all else that the two pages show.

A logistic regression over named signs. Each has log-odds given by hand, from which its weight was fitted on drawn
stacks (`depli train separation`, docs/decisions/0014-types-and-boundaries.md).
"""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from models.errors import Misconfigured
from models.geometry import MM_PER_INCH
from models.reading import PageReading
from models.values.places import unaccented

SUREST = 0.999
"""No boundary is surer than held-out stacks can tell."""
TOP = 0.45
"""Share of a page in which the addresses of a letter stand."""
EMPTY_END = 0.22
"""A gap of this share of the height, low on a page, says that its letter ended there."""
_SURE_TYPE = 0.9
_REASONS = 2
_OPENS = re.compile(r"^\s*(?:objet|concerne|(?:cher|chere|chers)\b|madame|monsieur|mesdames|messieurs)\b", re.MULTILINE)
_CLOSES = re.compile(
    r"\b(?:veuillez|(?:je vous prie|nous vous prions)\b[^.:]{0,60}) ?\b(?:agreer|recevoir|croire)\b"
    r"|\bsalutations\b|\bcordialement\b"
)
_POST_CODE = re.compile(r"(?<!\d)(?:f-)?(\d{5})(?!\d) +[a-z]")


@dataclass(frozen=True, slots=True)
class Sign:
    """What speaks for a new document, or against it."""

    label: str
    """French, shown to a supervisor."""
    weight: float
    """Log-odds of a new document that a person gave it; where fitting begins."""


DECIDING: dict[str, Sign] = {
    "form": Sign("formulaire connu", 6.0),
    "after-form": Sign("formulaire précédent complet", 4.0),
    "forgotten-sheet": Sign("autre lettre, séparateur oublié", 2.0),
    "no-text": Sign("page sans texte", 1.5),
    "page-one": Sign("page 1", 4.5),
    "page-gap": Sign("numérotation rompue", 3.0),
    "number": Sign("autre numéro de document", 3.5),
    "other-title": Sign("autre titre, même numéro", 2.0),
    "sender": Sign("autre émetteur", 3.5),
    "pages-complete": Sign("document précédent complet", 3.5),
    "title": Sign("titre de document", 3.0),
    "paper": Sign("autre format de papier", 2.5),
    "address": Sign("autre adresse", 2.5),
    "page-ended": Sign("page précédente terminée", 2.0),
    "other": Sign("courrier d'un autre genre", 1.5),
    "type": Sign("autre type de document", 1.5),
    "form-goes-on": Sign("page suivante du formulaire", -6.0),
    "back-of-card": Sign("verso de la carte", -4.0),
    "page-of-form": Sign("page du formulaire", -3.0),
    "between-sheets": Sign("entre deux séparateurs", -5.0),
    "one-file": Sign("fichier d'un seul tenant", -6.0),
    "stamped-back": Sign("verso tamponné", -3.0),
    "next-page": Sign("page suivante", -4.5),
    "same-number": Sign("même numéro de document", -4.0),
    "goes-on": Sign("suite annoncée", -3.5),
    "pages-missing": Sign("pages encore attendues", -3.5),
    "terms": Sign("conditions générales", -2.5),
    "letter-closes": Sign("fin de la lettre", -2.0),
    "full-page": Sign("page précédente pleine", -2.0),
    "no-sign": Sign("aucun signe de début", -2.5),
}
"""Signs that decide, by their code: the strongest that is seen (`capture.separation`)."""
FOR = frozenset(code for code, sign in DECIDING.items() if sign.weight > 0)

_BESIDE: tuple[Sign, ...] = (
    Sign("page 1", 1.5),
    Sign("page suivante", -1.5),
    Sign("même numéro de document", -1.5),
    Sign("autre numéro de document", 1.0),
    Sign("même émetteur", -0.5),
    Sign("autre émetteur", 1.0),
    Sign("titre de document", 0.8),
    Sign("suite annoncée", -1.0),
    Sign("pages encore attendues", -1.0),
    Sign("adresse nouvelle en tête", 0.7),
    Sign("aucune adresse en tête", -0.8),
    Sign("formule d'appel", 0.7),
    Sign("fin de lettre", -0.5),
    Sign("lettre précédente close", 0.4),
    Sign("page précédente terminée", 0.5),
    Sign("autre corps de texte", 0.5),
    Sign("même corps de texte", -0.3),
    Sign("autre mise en page", 0.5),
    Sign("même mise en page", -0.3),
    Sign("autre format de papier", 1.0),
    Sign("autre type de document", 0.5),
    Sign("verso de la même feuille", -5.0),
    Sign("nouvelle feuille", 0.2),
)
"""All else that two pages show, seen or not; each 0 or 1."""


def names() -> tuple[str, ...]:
    """Names of the numbers that are weighed, in their order."""
    return (*DECIDING, *(sign.label for sign in _BESIDE))


def beforehand() -> tuple[float, ...]:
    """The log-odds that a person gave each of them."""
    return (*(sign.weight for sign in DECIDING.values()), *(sign.weight for sign in _BESIDE))


@dataclass(frozen=True, slots=True)
class Boundary:
    """The place between a document and the page behind it, decided."""

    begins: bool
    """A new document begins with the page."""
    sign: str
    """Code of the sign that decided: a key of `DECIDING`."""
    confidence: float
    """Calibrated probability 0.5..1 that `begins` is right."""
    reason: str
    """In words a supervisor can read: "page 1, autre émetteur"."""


@cache
def shipped_weights() -> tuple[float, ...]:
    """The weights that come with the program, bias first.

    Raises: Misconfigured when they were fitted for other signs than this version knows.
    """
    stored = json.loads(resources.files("capture").joinpath("boundary_weights.json").read_text("utf-8"))
    if list(stored["weights"]) != list(names()):
        raise Misconfigured("capture/boundary_weights.json was fitted for other signs: run depli train separation.")
    return (stored["bias"], *stored["weights"].values())


def weigh(sign: str, document: Sequence[PageReading], page: PageReading, /, *, same_sheet: bool | None) -> Boundary:
    """How sure the decision of a sign is, and whether all else outweighs it.

    Args:
        sign: a key of `DECIDING`. document: the pages before, at least one. page: the one to place.
        same_sheet: it is the back of the last page's sheet; `None` when that cannot be told.
    """
    seen = signs(sign, document, page, same_sheet=same_sheet)
    bias, *weights = shipped_weights()
    parts = [weight * value for weight, value in zip(weights, seen, strict=True)]
    odds = max(-30.0, min(30.0, bias + sum(parts)))
    probability = 1 / (1 + math.exp(-odds))
    begins = probability >= 0.5
    return Boundary(
        begins=begins,
        sign=sign,
        confidence=min(SUREST, max(probability, 1 - probability)),
        reason=_in_words(sign, parts, begins=begins),
    )


def _in_words(sign: str, parts: Sequence[float], *, begins: bool) -> str:
    beside = zip(parts[len(DECIDING) :], _BESIDE, strict=True)
    sided = [(part if begins else -part, each.label) for part, each in beside if (each.weight > 0) == begins]
    told = [label for part, label in sorted(sided, reverse=True)[:_REASONS] if part > 0.2]
    first = [DECIDING[sign].label] if (sign in FOR) == begins else []
    return ", ".join(dict.fromkeys([*first, *told])) or DECIDING["no-sign"].label


def signs(
    sign: str, document: Sequence[PageReading], page: PageReading, *, same_sheet: bool | None
) -> tuple[float, ...]:
    """The numbers that are weighed, as `names` names them."""
    deciding = [float(code == sign) for code in DECIDING]
    if page.form is not None or document[0].form is not None or page.text is None or sign == "one-file":
        return (*deciding, *(0.0 for _ in _BESIDE))
    return (*deciding, *(float(seen) for seen in _beside(document, page, same_sheet)))


def _beside(document: Sequence[PageReading], page: PageReading, same_sheet: bool | None) -> tuple[bool, ...]:
    last, clues = document[-1], page.clues
    told, opening = last.clues, document[0].clues
    numbers = {earlier.clues.document_number for earlier in document if earlier.clues} - {None}
    own = clues.document_number if clues else None
    senders = {earlier.clues.sender for earlier in document if earlier.clues} - {None}
    sender = clues.sender if clues and not (clues.sender or "name:").startswith("name:") else None
    of_kind = {known for known in senders if known and sender and known.partition(":")[0] == sender.partition(":")[0]}
    number = clues.page_number if clues else None
    before = told.page_number if told else None
    missing = bool(told and before and told.page_count and before < told.page_count)
    text, text_before = folded_text(page), folded_text(last)
    size, margin = _size(page), _margin(page)
    size_before, margin_before = _size(last), _margin(last)
    other_size = bool(size and size_before and not 0.85 < size / size_before < 1.18)
    other_look = bool(margin and margin_before and abs(margin - margin_before) > 6) or _ruled(page) != _ruled(last)
    types = (page.types[0], last.types[0]) if page.types and last.types else None
    return (
        number == 1,
        number is not None and number > 1 and before in (None, number - 1),
        own is not None and own in numbers,
        own is not None and bool(numbers) and own not in numbers,
        sender is not None and sender in of_kind,
        sender is not None and bool(of_kind) and sender not in of_kind,
        bool(clues and clues.title and opening),
        bool((clues and clues.continues) or (told and told.continues)),
        missing,
        another_address(document, page),
        not _post_codes(page, TOP),
        opens(text),
        closes(text) and not opens(text),
        closes(text_before),
        ended_early(last),
        other_size,
        bool(size and size_before) and not other_size,
        other_look,
        bool(margin and margin_before) and not other_look,
        other_paper(last, page),
        types is not None
        and types[0].document_type is not types[1].document_type
        and min(types[0].confidence, types[1].confidence) >= _SURE_TYPE,
        same_sheet is True,
        same_sheet is False,
    )


def folded(text: str) -> str:
    """Lower case without accents."""
    return unaccented(text).lower()


def folded_text(page: PageReading) -> str:
    """All words of a page, folded; empty when it was not read."""
    return "" if page.text is None else folded(page.text.text)


def opens(text: str) -> bool:
    """Whether a folded text greets somebody or names its subject."""
    return _OPENS.search(text) is not None


def closes(text: str) -> bool:
    """Whether a folded text has the phrase that ends a letter."""
    return _CLOSES.search(text) is not None


def other_paper(last: PageReading, page: PageReading) -> bool:
    """Whether two pages differ in size; a sheet of the same shape a little larger lay further from the glass."""
    wider = (page.width / page.dpi) / (last.width / last.dpi)
    longer = (page.height / page.dpi) / (last.height / last.dpi)
    return not 0.88 < wider < 1.14 or (not 0.95 < wider < 1.05 and not 0.97 < wider / longer < 1.03)


def another_address(document: Sequence[PageReading], page: PageReading) -> bool:
    """A post code high on the page that no earlier page shows: another sender or another receiver."""
    known = {code for earlier in document for code in _post_codes(earlier, 1.0)}
    return bool(_post_codes(page, TOP) - known)


def _post_codes(page: PageReading, share: float) -> set[str]:
    lines = page.text.lines if page.text is not None else ()
    high = (line.text for line in lines if line.box.center_y < share * page.height)
    return {match[1] for text in high for match in _POST_CODE.finditer(folded(text))}


def ended_early(page: PageReading) -> bool:
    """Whether a letter ended on a page: much of its lower half is empty, but for the foot."""
    if page.text is None:
        return False
    bottoms = sorted(line.box.bottom for line in page.text.lines)
    edges = [0.0, *bottoms, 0.97 * page.height]
    gaps = [(below - above, above) for above, below in itertools.pairwise(edges)]
    return any(gap > EMPTY_END * page.height and above > 0.15 * page.height for gap, above in gaps)


def _size(page: PageReading) -> float | None:
    """Usual height of a line in millimetres."""
    heights = sorted(line.box.height for line in page.text.lines) if page.text is not None else []
    return heights[len(heights) // 2] / page.dpi * MM_PER_INCH if len(heights) >= 5 else None


def _margin(page: PageReading) -> float | None:
    """Where lines begin on the left, in millimetres: a tenth of them stand further out."""
    lefts = sorted(line.box.x for line in page.text.lines) if page.text is not None else []
    return lefts[len(lefts) // 10] / page.dpi * MM_PER_INCH if len(lefts) >= 5 else None


def _ruled(page: PageReading) -> bool:
    return page.look is not None and page.look.rules > 1.5
