"""Trains the network that says what every word of an invoice is, on drawn invoices: part of `depli train invoice`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from extraction.invoices.mentions import Mention, amounts_in, dates_of
from extraction.invoices.options import GROUP_OF
from extraction.invoices.page_layout import Document, Row, Token, fold
from extraction.invoices.word_roles import FIELDS, GRID, MOST_PIECES, NEIGHBOURS, PIECES, PLACES, ROLES, Seen, seen

if TYPE_CHECKING:
    import torch

HIDDEN, LAYERS, HEADS, INNER = 128, 3, 4, 384
ROUNDS = 7
_LEARNED_WORDS = 1600
"""Words a step."""
_PIECES_HIDDEN, _WHOLE_HIDDEN = 0.1, 0.3
_SHIFTED = 8
"""Steps of the grid that a page may be moved by."""


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """Words of one page and what they are."""

    seen: Seen
    roles: NDArray[np.bool_]
    """Shape (words, roles)."""
    lines_known: bool
    """Whether the line items are part of the truth."""


def lessons_of(
    document: Document, fields: Mapping[str, str | None], lines: Sequence[Mapping[str, Any]] | None
) -> Iterator[Lesson]:
    """The pages of an invoice with what each word is, found again by the truth of its fields and lines."""
    roles: dict[int, set[str]] = {}
    for name, tokens in (*_field_words(document, fields), *_line_words(document, lines or ())):
        for token in tokens:
            roles.setdefault(id(token), set()).add(name)
    places = {name: i for i, name in enumerate(ROLES)}
    for some in seen(document):
        table = np.zeros((len(some.tokens), len(ROLES)), bool)
        for number, token in enumerate(some.tokens):
            for name in roles.get(id(token), ()):
                table[number, places[name]] = True
        yield Lesson(some, table, lines is not None)


_MOST_RUN = 10


def _field_words(document: Document, fields: Mapping[str, str | None]) -> Iterator[tuple[str, Sequence[Token]]]:
    wanted: dict[str, list[str]] = {}
    for name in FIELDS:
        value = fields.get(name)
        if value and GROUP_OF[name] not in ("date", "amount"):
            wanted.setdefault(_compact(value), []).append(name)
    for cell in document.cells:
        texts = [_compact(token.text) for token in cell.tokens]
        for start in range(len(texts)):
            if not texts[start]:
                continue
            run = ""
            for end in range(start, min(len(texts), start + _MOST_RUN)):
                run += texts[end]
                for name in wanted.get(run, ()) if texts[end] else ():
                    yield name, cell.tokens[start : end + 1]
    yield from _dated(document, fields)
    yield from _paid(document, fields)


def _dated(document: Document, fields: Mapping[str, str | None]) -> Iterator[tuple[str, Sequence[Token]]]:
    days = {name: fields.get(name) for name in FIELDS if GROUP_OF[name] == "date"}
    for mention in dates_of(document):
        for name, value in days.items():
            if mention.value == value:
                yield name, _tokens(mention)


def _paid(document: Document, fields: Mapping[str, str | None]) -> Iterator[tuple[str, Sequence[Token]]]:
    amounts = {n: Decimal(str(fields[n])) for n in FIELDS if GROUP_OF[n] == "amount" and fields.get(n)}
    for cell in document.cells:
        for mention in amounts_in(cell):
            for name, amount in amounts.items():
                if mention.marked and abs(mention.amount) == abs(amount):
                    yield name, _tokens(mention)


def _compact(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", fold(text))


def _tokens(mention: Mention) -> Sequence[Token]:
    return mention.cell.tokens[mention.start : mention.end]


def _line_words(document: Document, lines: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Sequence[Token]]]:
    """Words of the line items: each line is looked for below the one before it."""
    first = 0
    for line in lines:
        for row in document.rows[first:]:
            numbers = _line_numbers(row, line)
            if numbers is None:
                continue
            first = row.number + 1
            yield from numbers
            yield from _description(document, row, str(line.get("description") or ""))
            break


def _line_numbers(row: Row, line: Mapping[str, Any]) -> list[tuple[str, Sequence[Token]]] | None:
    """Quantity, price and total of a line where a row holds them, the total rightmost; `None` when it does not."""
    free = sorted((m for cell in row.cells for m in amounts_in(cell)), key=lambda m: m.box.x)
    found: list[tuple[str, Sequence[Token]]] = []
    for name, latest in (("line_total", True), ("unit_price", True), ("quantity", False)):
        if line.get(name) is None:
            continue
        value = abs(Decimal(str(line[name])))
        fitting = [m for m in free if abs(m.amount) == value]
        if not fitting:
            return None
        mention = fitting[-1 if latest else 0]
        free.remove(mention)
        found.append((name, _tokens(mention)))
    return found if len(found) > 1 else None


def _description(document: Document, row: Row, description: str) -> Iterator[tuple[str, Sequence[Token]]]:
    wanted = {_compact(word) for word in description.split()} - {""}
    for near in document.rows[max(0, row.number - 1) : row.number + 4]:
        if near.page != row.page:
            continue
        for cell in near.cells:
            hits = [t for t in cell.tokens if _compact(t.text) in wanted]
            if 2 * len(hits) > len(cell.tokens) or (near is row and hits):
                yield "description", hits


# --- the network ---


def network() -> torch.nn.Module:
    """A LayoutLM of three small layers over words that are sums of their pieces and of those of their neighbours."""
    import torch
    from torch import nn
    from transformers import LayoutLMConfig, LayoutLMModel

    class Roles(nn.Module):  # type: ignore[misc]  # torch is not there when types are checked
        def __init__(self) -> None:
            super().__init__()
            self.pieces = nn.Embedding(PIECES, HIDDEN, padding_idx=0)
            self.near = nn.Linear(NEIGHBOURS * HIDDEN, HIDDEN)
            self.norm = nn.LayerNorm(HIDDEN)
            self.layout = LayoutLMModel(
                LayoutLMConfig(
                    vocab_size=2,
                    hidden_size=HIDDEN,
                    num_hidden_layers=LAYERS,
                    num_attention_heads=HEADS,
                    intermediate_size=INNER,
                    max_position_embeddings=PLACES,
                    max_2d_position_embeddings=GRID,
                    type_vocab_size=4,
                    hidden_dropout_prob=0.1,
                    attention_probs_dropout_prob=0.0,
                )
            )
            self.layout.pooler = nn.Identity()
            self.out = nn.Linear(HIDDEN, len(ROLES))
            nn.init.normal_(self.pieces.weight, std=0.05)
            with torch.no_grad():
                self.pieces.weight[0] = 0

        def forward(
            self,
            pieces: torch.Tensor,
            near: torch.Tensor,
            boxes: torch.Tensor,
            places: torch.Tensor,
            pages: torch.Tensor,
            mask: torch.Tensor | None = None,
        ) -> torch.Tensor:
            own = self.norm(self.pieces(pieces).sum(2))
            padded = torch.cat([torch.zeros_like(own[:, :1]), own], 1)
            around = [
                torch.gather(padded, 1, near[:, :, i : i + 1].expand(-1, -1, HIDDEN)) for i in range(near.shape[2])
            ]
            words = own + self.near(torch.cat(around, 2))
            found = self.layout(
                inputs_embeds=words, bbox=boxes, position_ids=places, token_type_ids=pages, attention_mask=mask
            )
            return self.out(found.last_hidden_state)

    return Roles()


def fit(lessons: Sequence[Lesson], *, seed: int) -> Iterator[tuple[str, torch.nn.Module]]:
    """A line and the network after each round over the lessons; the rate of learning falls almost to nothing."""
    import torch

    torch.manual_seed(seed)
    torch.set_num_threads(1)
    chance = np.random.default_rng(seed)
    model = network()
    steps = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
    most = (ROUNDS + 1) * (len(_batches(lessons, chance)) + 1)
    slower = torch.optim.lr_scheduler.OneCycleLR(steps, 1.5e-3, total_steps=most, pct_start=0.1)
    for number in range(ROUNDS):
        total, count = 0.0, 0
        model.train()
        for batch in _batches(lessons, chance):
            inputs, roles, weights = _tensors([lessons[i] for i in batch], chance)
            scores = model(*inputs)
            loss = torch.nn.functional.binary_cross_entropy_with_logits(scores, roles, weights, reduction="sum")
            loss = loss / inputs[-1].sum()
            steps.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            steps.step()
            if slower.last_epoch < most - 1:
                slower.step()
            total, count = total + float(loss.detach()), count + 1
        yield f"words, round {number + 1} of {ROUNDS}: loss {total / count:.4f}", model


def _batches(lessons: Sequence[Lesson], chance: np.random.Generator) -> list[list[int]]:
    """Pages of like length together."""
    lengths = np.array([len(x.seen.tokens) for x in lessons])
    order = np.argsort(lengths + chance.integers(0, 25, len(lessons)), kind="stable")
    batches: list[list[int]] = [[]]
    for number in order:
        if lengths[number] == 0:
            continue
        if (len(batches[-1]) + 1) * max(lengths[number], 1) > _LEARNED_WORDS and batches[-1]:
            batches.append([])
        batches[-1].append(int(number))
    return [batches[i] for i in chance.permutation(len(batches))]


def _tensors(lessons: Sequence[Lesson], chance: np.random.Generator) -> tuple[list[Any], Any, Any]:
    import torch

    most = max(len(x.seen.tokens) for x in lessons)
    shape = (len(lessons), most)
    pieces = np.zeros((*shape, lessons[0].seen.pieces.shape[1]), np.int64)
    near, boxes = np.zeros((*shape, NEIGHBOURS), np.int64), np.zeros((*shape, 4), np.int64)
    places, pages, mask = np.zeros(shape, np.int64), np.zeros(shape, np.int64), np.zeros(shape, np.float32)
    roles, weights = np.zeros((*shape, len(ROLES)), np.float32), np.zeros((*shape, len(ROLES)), np.float32)
    for i, lesson in enumerate(lessons):
        n, some = len(lesson.seen.tokens), lesson.seen
        pieces[i, :n], near[i, :n], places[i, :n], pages[i, :n] = some.pieces, some.near, some.places, some.pages
        shift = chance.integers(-_SHIFTED, _SHIFTED + 1, 2)
        boxes[i, :n] = np.clip(some.boxes + np.tile(shift, 2), 0, GRID - 1)
        mask[i, :n], roles[i, :n], weights[i, :n] = 1, lesson.roles, 1 + 2 * lesson.roles
        if not lesson.lines_known:
            weights[i, :n, len(FIELDS) :] = 0
    hidden = chance.random(pieces.shape) < _PIECES_HIDDEN
    hidden[..., 0] = chance.random(shape) < _WHOLE_HIDDEN
    pieces[hidden] = 0
    arrays = (pieces, near, boxes, places, pages, mask)
    return [torch.from_numpy(a) for a in arrays], torch.from_numpy(roles), torch.from_numpy(weights)


def export(model: torch.nn.Module, file: Path) -> None:
    """Write the network as ONNX: any number of words of one page."""
    import onnx
    import torch

    from pipeline.training.onnx_graph import exported

    n = 23
    example = (
        torch.zeros(1, n, MOST_PIECES, dtype=torch.int64),
        torch.zeros(1, n, NEIGHBOURS, dtype=torch.int64),
        torch.zeros(1, n, 4, dtype=torch.int64),
        torch.zeros(1, n, dtype=torch.int64),
        torch.zeros(1, n, dtype=torch.int64),
    )
    words = torch.export.Dim("words", min=2, max=2048)
    names = ["pieces", "near", "boxes", "places", "pages"]
    proto = exported(model, example, (names, ["scores"]), {name: {1: words} for name in names})
    onnx.save_model(proto, str(file))
