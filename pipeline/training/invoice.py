"""Trains the choice of invoice values: `depli train invoice`, on drawn invoices, fixed seed.

The development sets have no part in it. The networks learn on one lot of drawn invoices, the confidence in their choice
on another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pypdfium2
from numpy.typing import NDArray

from capture.embedded_text import page_text
from extraction.invoices.invoice import choose_fields
from extraction.invoices.options import GROUP_OF, Option
from extraction.invoices.page_layout import Document
from extraction.invoices.possible import Possible, possibilities
from extraction.invoices.ranking import TRUST, Floats, Ranking, known_features, ranking_of
from extraction.invoices.trust import trust_of
from models.definitions import INVOICE_FIELDS
from models.text import PageText
from pipeline.scoring import comparable
from pipeline.training.invoice_pages import DPI, as_read, draw_words
from pipeline.training.invoice_roles import Lesson as WordLesson
from pipeline.training.invoice_roles import export, fit, lessons_of
from pipeline.training.mail.invoices import draw_invoice

LEARNED_ON = 1800
TRUSTED_ON = 800
LETTERS = 4
"""Every so manyth invoice comes from the simulated mail, whose layouts are others'; the rest are pages of words."""
WORDS_ON = 2000
"""Invoices whose words the network of `invoice_roles` learns on; the choice learns on others, so that it sees how far
that network can be trusted."""
MEASURED_ON = 60
HIDDEN = 32
EPOCHS = 40
BATCH = 128
FEATURES_HIDDEN = 0.12
"""Share of features that are hidden at each step, so that none is leant on alone: other suppliers' pages lack some."""
WEIGHT_DECAY = 2e-3
PRIOR = 1.0
"""Weight of the belief that trust weighs nothing."""
Lesson = tuple[NDArray[np.float32], NDArray[np.bool_]]
"""Features of the options and the last row "not printed"; which of them are right."""


def train_invoice(data: Path, output: Path, seed: int) -> Iterator[str]:
    """Write `invoice-words.onnx` and `invoice-ranking.npz` into `output`, and say how well they do on other invoices.

    The choice learns with what the words say by the network that ships: register it first when it is a new one.

    Args:
        data: not used: every invoice is drawn.
    """
    del data
    first = seed * 10_000_000
    output.mkdir(parents=True, exist_ok=True)
    yield from _train_words(output / "invoice-words.onnx", first + 1_000_000, seed)
    lessons: dict[str, list[Lesson]] = {name: [] for name in GROUP_OF}
    for drawn, possible in _read(range(first, first + LEARNED_ON)):
        for name in GROUP_OF:
            lesson = _lesson(name, drawn, possible)
            if lesson is not None:
                lessons[name].append(lesson)
    arrays: dict[str, NDArray[Any]] = {}
    for group, names in known_features().items():
        arrays[f"features/{group}"] = np.asarray(names)
    for name in GROUP_OF:
        arrays |= {f"{name}/{part}": value for part, value in _network(lessons[name], seed).items()}
        arrays[f"{name}/trust"] = np.zeros(len(TRUST) + 1, np.float32)
        yield f"{name:20} {len(lessons[name])} lessons"
    second = first + LEARNED_ON
    _fit_trust(arrays, range(second, second + TRUSTED_ON))
    np.savez_compressed(output / "invoice-ranking.npz", allow_pickle=False, **arrays)
    yield from _worth(ranking_of(arrays), range(second + TRUSTED_ON, second + TRUSTED_ON + MEASURED_ON))


def _train_words(file: Path, first: int, seed: int) -> Iterator[str]:
    lessons: list[WordLesson] = []
    for number in range(first, first + WORDS_ON):
        drawn = sample(number)
        lessons.extend(lessons_of(Document.of(drawn.pages), drawn.fields, drawn.lines))
    trained = None
    for line, model in fit(lessons, seed=seed):
        yield line
        trained = model
    if trained is not None:
        export(trained, file)


@dataclass(frozen=True, slots=True)
class Sample:
    """An invoice as pages of words with its truth, every field; `None` = not printed."""

    pages: tuple[PageText, ...]
    fields: Mapping[str, str | None]
    lines: Sequence[Mapping[str, Any]] | None
    """Line items; `None` when they are not known."""


def sample(seed: int) -> Sample:
    """An invoice of the training material."""
    if seed % LETTERS:
        drawn = draw_words(seed)
        return Sample(drawn.pages, drawn.fields, drawn.lines or None)
    letter = draw_invoice(np.random.default_rng(seed), render=False, overlays=False)
    fields = {definition.name: letter.truth["fields"].get(definition.name) for definition in INVOICE_FIELDS}
    lines = letter.truth["fields"].get("lines")
    return Sample(as_read(list(_layer(letter.pdf or b"")), seed), fields, lines)


def _layer(pdf: bytes) -> Iterator[PageText]:
    """The text layer of every page, as born-digital mail is read."""
    document = pypdfium2.PdfDocument(pdf)
    for page in document:
        width, height = page.get_size()
        size = (round(width * DPI / 72), round(height * DPI / 72))
        text = page_text(page, dpi=DPI, size=size)
        if text is not None:
            yield text
    document.close()


def _read(seeds: Sequence[int]) -> Iterator[tuple[Sample, Possible]]:
    for seed in seeds:
        drawn = sample(seed)
        yield drawn, possibilities(drawn.pages, today=_today(drawn))


def _today(drawn: Sample) -> date:
    """Mail is read within weeks of its date."""
    issued = date.fromisoformat(str(drawn.fields["issue_date"]))
    return date.fromordinal(issued.toordinal() + int(issued.toordinal() * 7919 % 60))


def is_right(name: str, value: str | None, truth: str | None) -> bool:
    """As the benchmark counts, and a SIREN for a SIRET of that company."""
    expected, got = comparable(name, truth), comparable(name, value)
    if name.endswith("_siret") and expected and got and len(str(expected)) == 9:
        return str(got).startswith(str(expected))
    return bool(expected == got)


def _unknown(name: str, drawn: Sample, possible: Possible) -> bool:
    """A SIREN is printed and no SIRET: whether that counts as the field is not for this program to say."""
    options = possible.options[name]
    return name.endswith("_siret") and drawn.fields.get(name) is None and any(len(o.value) == 9 for o in options)


def _lesson(name: str, drawn: Sample, possible: Possible) -> Lesson | None:
    """`None` when what is printed is not among the options: nothing can be learned from that."""
    options: Sequence[Option] = possible.options[name]
    truth = drawn.fields.get(name)
    if _unknown(name, drawn, possible):
        return None
    right = [is_right(name, option.value, truth) for option in options] if truth else [False] * len(options)
    right.append(truth is None)
    if not any(right) or len(right) == 1:
        return None
    return possible.evidence.table(name, options), np.asarray(right)


def _network(lessons: Sequence[Lesson], seed: int) -> dict[str, Floats]:
    """One hidden layer that gives the right options of each lesson the greatest share."""
    import torch

    torch.manual_seed(seed)
    torch.set_num_threads(1)
    every = np.concatenate([table for table, _ in lessons])
    mean, scale = every.mean(0), every.std(0)
    scale = np.where(scale < 1e-3, 1.0, scale)
    most = max(len(right) for _, right in lessons)
    tables = np.zeros((len(lessons), most, every.shape[1]), np.float32)
    right, real = np.zeros((len(lessons), most), bool), np.zeros((len(lessons), most), bool)
    for number, (table, rights) in enumerate(lessons):
        tables[number, : len(table)] = np.clip((table - mean) / scale, -6, 6)
        right[number, : len(table)], real[number, : len(table)] = rights, True
    hidden, out = torch.nn.Linear(every.shape[1], HIDDEN), torch.nn.Linear(HIDDEN, 1, bias=False)
    steps = torch.optim.AdamW([*hidden.parameters(), *out.parameters()], lr=3e-3, weight_decay=WEIGHT_DECAY)
    slower = torch.optim.lr_scheduler.CosineAnnealingLR(steps, EPOCHS)
    x, r, m = torch.from_numpy(tables), torch.from_numpy(right), torch.from_numpy(real)
    for _ in range(EPOCHS):
        order = torch.randperm(len(x))
        for start in range(0, len(x), BATCH):
            some = order[start : start + BATCH]
            seen = (torch.rand(len(some), 1, x.shape[2]) > FEATURES_HIDDEN).float()
            scores = out(torch.tanh(hidden(x[some] * seen))).squeeze(2).masked_fill(~m[some], -1e9)
            among_right = scores.masked_fill(~r[some], -1e9)
            loss = (torch.logsumexp(scores, 1) - torch.logsumexp(among_right, 1)).mean()
            steps.zero_grad()
            loss.backward()
            steps.step()
        slower.step()
    parts = {"hidden": hidden.weight.T, "bias": hidden.bias, "out": out.weight[0]}
    found = {key: np.ascontiguousarray(value.detach().numpy(), np.float32) for key, value in parts.items()}
    return {**found, "mean": mean.astype(np.float32), "scale": scale.astype(np.float32)}


def _fit_trust(arrays: dict[str, NDArray[Any]], seeds: Sequence[int]) -> None:
    """From clues to the probability of being right, by logistic regression on invoices the networks never saw."""
    ranking = ranking_of(arrays)
    clues: dict[str, list[list[float]]] = {name: [] for name in GROUP_OF}
    right: dict[str, list[bool]] = {name: [] for name in GROUP_OF}
    for drawn, possible in _read(seeds):
        for name, (value, found) in trust_of(possible, ranking).items():
            if _unknown(name, drawn, possible):
                continue
            clues[name].append([found.get(key, 0.0) for key in TRUST])
            right[name].append(is_right(name, value, drawn.fields.get(name)))
    for name in GROUP_OF:
        arrays[f"{name}/trust"] = logistic(np.asarray(clues[name]), np.asarray(right[name], float)).astype(np.float32)


def logistic(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights of a logistic regression and, last, its constant; Newton's method with a Gaussian prior."""
    full = np.column_stack([x, np.ones(len(x))])
    weights = np.zeros(full.shape[1])
    prior = np.full(full.shape[1], PRIOR)
    prior[-1] = 0.01
    for _ in range(40):
        p = 1 / (1 + np.exp(-np.clip(full @ weights, -30, 30)))
        slope = full.T @ (p - y) + prior * weights
        curve = (full * (p * (1 - p))[:, None]).T @ full + np.diag(prior)
        step = np.linalg.solve(curve, slope)
        weights -= step
        if np.abs(step).max() < 1e-6:
            break
    return weights


def _worth(ranking: Ranking, seeds: Sequence[int]) -> Iterator[str]:
    """How many values are right, and how many of those that are sure are not."""
    tally: dict[str, list[tuple[float, bool]]] = {name: [] for name in GROUP_OF}
    for drawn, possible in _read(seeds):
        fields: Mapping[str, Any] = choose_fields(possible, ranking)
        for name, found in tally.items():
            value = fields[name]
            found.append((value.confidence, is_right(name, value.value, drawn.fields.get(name))))
    for name, found in tally.items():
        sure = [right for confidence, right in found if confidence >= 0.99]
        good = sum(right for _, right in found) / len(found)
        share = len(sure) / len(found)
        yield f"{name:20} right {good:.4f}  surer than 0.99: {share:.3f}, of these wrong {sure.count(False)}"
