"""What a page or a document is by its words and its look: a supplier's invoice (or credit note), or something else.

A logistic regression over named pieces of evidence (`classifiers.evidence`): the cues were chosen by hand from what law
and habit put on each kind of letter, their weights are fitted on simulated mail and calibrated on mail of other seeds
(`depli train classifier`, docs/decisions/0014-types-and-boundaries.md). Each answer says which evidence carried it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from classifiers.clues import page_clues
from classifiers.evidence import Evidence, evidence, names, together
from models.definitions import DocumentType
from models.errors import Misconfigured
from models.reading import PageLook, TypeMatch
from models.text import PageText

__all__ = ["document_evidence", "document_types", "page_clues", "page_types"]

_REASONS = 4
_SUREST = 0.998
"""No page is surer than the held-out mail can tell."""
_NAMES_ITSELF = (
    "numéro de facture", "date de facture", "formule de facture", "titre facture", "titre avoir", "ticket de caisse",
    "papier étroit",
)  # fmt: skip
"""Evidence that calls the paper an invoice or a till's receipt."""
_SUREST_UNNAMED = 0.85
"""What only adds up like an invoice goes to a person."""
_PAGES_LOOKED_AT = 3
"""The first pages of a document; what follows is annexes more often than not."""


@dataclass(frozen=True, slots=True)
class TypeWeights:
    """Log-odds of an invoice: `bias` plus the weight of each piece of evidence by its number."""

    bias: float
    weights: tuple[float, ...]


@cache
def shipped_weights() -> TypeWeights:
    """The weights that come with the program.

    Raises: Misconfigured when they were fitted for other evidence than this version gathers.
    """
    stored = json.loads(resources.files("classifiers").joinpath("type_weights.json").read_text("utf-8"))
    if list(stored["weights"]) != list(names()):
        raise Misconfigured("classifiers/type_weights.json was fitted for other evidence: run depli train classifier.")
    return TypeWeights(stored["bias"], tuple(stored["weights"].values()))


def page_types(text: PageText, look: PageLook | None = None) -> tuple[TypeMatch, ...]:
    """How likely a page is a supplier's invoice or credit note, or something else.

    Args:
        text: of one page that is not a known form. look: of the same page, where it was looked at.
    Returns: both types, the likelier first; confidences are calibrated and add up to 1.
    """
    return _judged(evidence(text, look), shipped_weights())


def document_types(pages: Sequence[tuple[PageText, PageLook | None]]) -> tuple[TypeMatch, ...]:
    """The same for a document of several pages, each with its look: its first ones and its last, on which totals
    stand."""
    return _judged(document_evidence(pages), shipped_weights())


def document_evidence(pages: Sequence[tuple[PageText, PageLook | None]]) -> Evidence:
    """What the pages of a document that are looked at say together."""
    looked_at = list(pages) if len(pages) <= _PAGES_LOOKED_AT else [*pages[: _PAGES_LOOKED_AT - 1], pages[-1]]
    return together([evidence(text, look) for text, look in looked_at])


def _judged(seen: Evidence, weights: TypeWeights) -> tuple[TypeMatch, ...]:
    parts = [weight * value for weight, value in zip(weights.weights, seen.values, strict=True)]
    log_odds = max(-30.0, min(30.0, weights.bias + sum(parts)))
    named = any(value > 0 for name, value in zip(names(), seen.values, strict=True) if name in _NAMES_ITSELF)
    surest = _SUREST if named else _SUREST_UNNAMED
    probability = min(surest, max(1 - _SUREST, 1 / (1 + math.exp(-log_odds))))
    invoice = TypeMatch(DocumentType.SUPPLIER_INVOICE, probability, _reason(parts, for_it=True))
    other = TypeMatch(DocumentType.OTHER, 1 - probability, _reason(parts, for_it=False))
    return (invoice, other) if probability >= 0.5 else (other, invoice)


def _reason(parts: Sequence[float], *, for_it: bool) -> str:
    sided = [(part if for_it else -part, name) for part, name in zip(parts, names(), strict=True)]
    best = [name for part, name in sorted(sided, reverse=True)[:_REASONS] if part > 0.05]
    return "indices : " + ", ".join(best) if best else "aucun indice"
