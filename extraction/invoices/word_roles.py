"""What every word of an invoice probably is, by a small network that sees words and their places on the page.

A word is the sum of hashed pieces of its text, with figures as `0`: the network learns forms, not numbers. `depli train
invoice` makes the weights; their model card is `models/learned/weights/invoice-words.md`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from extraction.invoices.page_layout import Document, Row, Token, fold
from models.learned.registry import session

FIELDS = (
    *("issue_date", "due_date", "invoice_number", "order_reference", "contract_reference", "buyer_service_code"),
    *("total_without_tax", "total_tax", "total_with_tax", "amount_due", "seller_name", "buyer_name", "seller_siret"),
    *("buyer_siret", "seller_vat_id", "seller_iban"),
)
COLUMNS = ("description", "quantity", "unit_price", "line_total")
"""What a word of the line items may be."""
ROLES = (*FIELDS, *COLUMNS)
"""In the order of the network's answers."""
PIECES = 4096
"""Places for pieces of words; 0 is none."""
MOST_PIECES = 12
NEIGHBOURS = 3
SUREST = 6.0
"""Log-odds beyond which the network is as sure as it gets."""
GRID = 256
"""Steps of the grid that a page is laid on, in each direction."""
PLACES = 64
"""Words of a row that are counted."""
MOST_WORDS = 448
"""Words of a page that are looked at together."""
Ints = NDArray[np.int64]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """Words as the network takes them, in rows from top to bottom."""

    tokens: tuple[Token, ...]
    pieces: Ints
    """Shape (words, 12): hashed pieces of each word, then 0."""
    near: Ints
    """Shape (words, 3): 1-based number of the word to the left, to the right and above; 0 is none."""
    boxes: Ints
    """Shape (words, 4): left, top, right, bottom on the grid."""
    places: Ints
    """Shape (words,): how many words stand before it in its row."""
    pages: Ints
    """Shape (words,): 0 = the only page, 1 = first, 2 = last, 3 = between."""


def roles_of(document: Document) -> Mapping[int, Floats]:
    """Log-odds of every role, in the order of `ROLES` and within ±`SUREST`, by `id` of each token of the document.

    Raises: Misconfigured when the weights are missing or changed.
    """
    network = session("invoice-words")
    found: dict[int, Floats] = {}
    for some in seen(document):
        inputs = {"pieces": some.pieces, "near": some.near, "boxes": some.boxes, "places": some.places}
        inputs["pages"] = some.pages
        if len(some.tokens) < _LEAST_WORDS:
            continue
        scores = network.run(None, {name: array[None] for name, array in inputs.items()})[0][0]
        found.update(zip(map(id, some.tokens), np.clip(scores, -SUREST, SUREST), strict=True))
    return found


_LEAST_WORDS = 2


def seen(document: Document) -> Iterator[Seen]:
    """The words of a document, in runs of at most `MOST_WORDS` of one page."""
    count = len(document.page_sizes)
    for number, size in enumerate(document.page_sizes, start=1):
        page = 0 if count == 1 else 1 if number == 1 else 2 if number == count else 3
        rows = [row for row in document.rows if row.page == number]
        for run in _runs(rows):
            yield _seen(run, size, page)


def _runs(rows: Sequence[Row]) -> Iterator[list[list[Token]]]:
    run: list[list[Token]] = []
    for row in rows:
        tokens = [token for cell in row.cells for token in cell.tokens][:MOST_WORDS]
        if run and sum(map(len, run)) + len(tokens) > MOST_WORDS:
            yield run
            run = []
        run.append(tokens)
    if run:
        yield run


def _seen(rows: Sequence[Sequence[Token]], size: tuple[float, float], page: int) -> Seen:
    tokens = tuple(token for row in rows for token in row)
    near = np.zeros((len(tokens), NEIGHBOURS), np.int64)
    places = np.zeros(len(tokens), np.int64)
    start = 0
    for row in rows:
        for place in range(len(row)):
            number = start + place
            places[number] = min(place, PLACES - 1)
            near[number, 0] = number if place else 0
            near[number, 1] = number + 2 if place + 1 < len(row) else 0
        start += len(row)
    left = np.array([t.box.x for t in tokens])
    top = np.array([t.box.y for t in tokens])
    right = left + np.array([t.box.width for t in tokens])
    bottom = top + np.array([t.box.height for t in tokens])
    near[:, 2] = _above(left, top, right, bottom)
    wide, high = GRID / size[0], GRID / size[1]
    boxes = np.stack([left * wide, top * high, right * wide, bottom * high], 1)
    boxes = np.clip(boxes, 0, GRID - 1).astype(np.int64)
    boxes[:, 2:] = np.maximum(boxes[:, 2:], boxes[:, :2])
    pieces = np.array([pieces_of(t.text) for t in tokens], np.int64).reshape(len(tokens), MOST_PIECES)
    return Seen(tokens, pieces, near, boxes, places, np.full(len(tokens), page, np.int64))


_ABOVE_MM = 30.0


def _above(
    left: NDArray[np.float64], top: NDArray[np.float64], right: NDArray[np.float64], bottom: NDArray[np.float64]
) -> Ints:
    """1-based number of the nearest word above each that shares its column; 0 is none."""
    gap = top[:, None] - bottom[None, :]
    over = np.minimum(right[:, None], right[None, :]) - np.maximum(left[:, None], left[None, :])
    away = np.where((gap > -1.0) & (top[:, None] > top[None, :] + 1.0) & (over > 0), gap, np.inf)
    nearest = away.argmin(1)
    return np.where(away[np.arange(len(top)), nearest] < _ABOVE_MM, nearest + 1, 0)


@lru_cache(maxsize=32768)
def pieces_of(text: str) -> tuple[int, ...]:
    """Hashed pieces of a word: the whole, its form, ends and triples of its letters; figures are all `0`."""
    plain = re.sub(r"[0-9]", "0", text)
    low = fold(plain).replace(" ", "") or plain
    form = re.sub(r"(.)\1+", r"\1\1", re.sub(r"[a-zà-ÿ]", "a", re.sub(r"[A-ZÀ-Ý]", "A", plain)))
    edged = f"^{low}$"
    found = [f"w{low}", f"f{form}", f"n{min(len(text), 20)}", f"s{re.sub(r'[0-9A-Za-zÀ-ÿ]', '', text)[:4]}"]
    found += dict.fromkeys(f"t{edged[i : i + 3]}" for i in range(len(edged) - 2))
    numbers = [1 + crc32(piece.encode()) % (PIECES - 1) for piece in found[:MOST_PIECES]]
    return tuple(numbers + [0] * (MOST_PIECES - len(numbers)))
