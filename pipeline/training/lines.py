"""`depli train line`: makes the weights of the reader of running handwriting out of the reader of print.

PP-OCRv6 small already reads much handwriting. It learns on with French lines of today's volunteers, with lines composed
of recorded pen strokes and of fonts, all of them worn by a simulated scanner. Writers held out measure it.
"""

from __future__ import annotations

import hashlib
import json
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from extraction.readers.handwritten import STRETCH, VIEW_SHARES, HandwrittenLineReader, View, prepared, view, weigh
from extraction.readers.line_search import Likely, aligned
from extraction.writing_models import writing_model
from models.errors import Misconfigured
from models.image import FloatArray, GrayImage
from models.learned import registry
from pipeline.training.line_texts import LineTexts
from pipeline.training.pens import PenRecords
from pipeline.training.running_hand import Fonts, Hands, WrittenLine, is_held_out, labelled_lines, words_of, worn

if TYPE_CHECKING:
    import torch

BASE = "ppocr-small-rec"
_WIDEST = 960
"""Lines wider than this, pixels at the network's height, are not trained on."""
_NARROWEST = 16
_SHARES = {"lines": 0.4, "pens": 0.4, "fonts": 0.2}
_BATCH = 16
_POOL = 8
"""Batches whose lines are sorted by width together, so that little of them is padding."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A line as the network takes it, and its classes."""

    image: GrayImage
    target: NDArray[np.int64]
    text: str


class Alphabet:
    """The classes of the head."""

    def __init__(self, model: onnx.ModelProto) -> None:
        stored = {entry.key: entry.value for entry in model.metadata_props}
        self.classes = ("", *stored["characters"].split("\n"))
        self._numbers = {name: number for number, name in enumerate(self.classes) if name}

    def encode(self, text: str) -> NDArray[np.int64] | None:
        """Classes of a text; `None` when it holds a character that the head does not know."""
        codes = [self._numbers.get(_USUAL.get(c, c)) for c in text]
        return None if None in codes else np.array(codes, np.int64)

    def decode(self, best: Sequence[int] | NDArray[np.int64]) -> str:
        """The text of a best path."""
        previous, text = 0, []
        for number in best:
            if number and number != previous:
                text.append(self.classes[number])
            previous = int(number)
        return "".join(text).strip()


_USUAL = {"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-"}
"""What nobody tells apart in handwriting."""


def finer(model: onnx.ModelProto) -> onnx.ModelProto:
    """Twice as many steps along the line: handwriting is narrower than print, and double letters need room.

    Args:
        model: changed in place; its one average pool halves the width.
    """
    pools = [node for node in model.graph.node if node.op_type == "AveragePool"]
    for attribute in pools[0].attribute:
        if attribute.name == "strides":
            attribute.ints[:] = [attribute.ints[0], 1]
    del model.graph.value_info[:]
    return model


def edges_between_words(line: WrittenLine, probabilities: FloatArray, alphabet: Alphabet) -> list[int] | None:
    """Columns between the words of a line by forced alignment; `None` when ink runs through one of them.

    Args:
        probabilities: shape (steps, classes), of the whole width of the line's picture.
    """
    target = alphabet.encode(line.text)
    if target is None:
        return None
    centers = aligned(probabilities, target)
    if centers is None:
        return None
    width = line.image.shape[1]
    dark = (line.image < np.percentile(line.image, 80) - 45).sum(axis=0)
    per_step = width / len(probabilities)
    edges = [0]
    for number, character in enumerate(line.text):
        if character != " ":
            continue
        middle = (centers[number] + 0.5) * per_step
        reach = 2.0 * per_step
        low, high = max(edges[-1] + 4, round(middle - reach)), min(width - 4, round(middle + reach))
        gap = _widest_gap(dark, low, high)
        if gap is None:
            return None
        edges.append(gap)
    return [*edges, width]


def _widest_gap(dark: NDArray[np.int64], low: int, high: int) -> int | None:
    if high - low < 3:
        return None
    empty = dark[low:high] == 0
    marks = np.flatnonzero(np.diff(np.concatenate(([0], empty.astype(np.int8), [0]))))
    runs = [(end - start, (start + end) // 2) for start, end in zip(marks[::2], marks[1::2], strict=True)]
    widest = max(runs, default=(0, 0))
    return low + int(widest[1]) if widest[0] >= 4 else None


class Lines:
    """Draws training lines of all sources."""

    def __init__(self, data: Path, alphabet: Alphabet, *, held_out: bool) -> None:
        """Args:
        data: the handwriting collections; fonts of handwriting in a folder `fonts` there, if any.
        """
        self._alphabet = alphabet
        self.real = [line for line in labelled_lines(data / "lines_fr.zip") if is_held_out(line.writer) is held_out]
        self._edges = _all_edges(self.real, alphabet) if not held_out else [None] * len(self.real)
        self._hands = Hands(PenRecords(data / "strokes_unipen.npz"), held_out=held_out)
        self.fonts = Fonts(data / "fonts")
        self._texts = LineTexts([line.text for line in self.real])

    def composed(self, rng: np.random.Generator) -> tuple[GrayImage, str] | None:
        """A line of recorded strokes."""
        text = self._texts.draw(rng)
        image = self._hands.write(text, rng)
        return None if image is None else (worn(image, rng, bend=rng.random() < 0.7), text)

    def pieces(self, rng: np.random.Generator, count: int) -> list[tuple[GrayImage, str, str]]:
        """Some words of real lines each: picture, text, type of value."""
        edges = _all_edges(self.real, self._alphabet)
        usable = [(line, own) for line, own in zip(self.real, edges, strict=True) if own is not None]
        chosen = [usable[k] for k in rng.integers(0, len(usable), count)] if usable else []
        return [(piece.image, piece.text, "text") for line, own in chosen for piece in [words_of(line, own, rng)]]

    def fields(self, rng: np.random.Generator, count: int) -> list[tuple[GrayImage, str, str]]:
        """Composed lines of forms: picture, text, type of value."""
        made: list[tuple[GrayImage, str, str]] = []
        while len(made) < count:
            text, value_type = self._texts.field(rng)
            image = self._hands.write(text, rng)
            if image is not None:
                made.append((worn(image, rng), text, value_type))
        return made

    def samples(self, rng: np.random.Generator) -> Iterator[Sample]:
        """Endless training samples."""
        names, shares = list(_SHARES), np.array(list(_SHARES.values()))
        makers: dict[str, Callable[[np.random.Generator], tuple[GrayImage, str] | None]] = {
            "lines": self._real, "pens": self.composed, "fonts": self._font,
        }  # fmt: skip
        while True:
            made = makers[names[rng.choice(len(names), p=shares / shares.sum())]](rng)
            sample = self.sample(*made) if made is not None else None
            if sample is not None:
                yield sample

    def sample(self, image: GrayImage, text: str) -> Sample | None:
        """The line as the network takes it; `None` when it cannot be learned from."""
        target = self._alphabet.encode(text)
        line = prepared(image)
        if line is None or target is None or not _NARROWEST <= line.shape[1] <= _WIDEST:
            return None
        doubles = sum(a == b for a, b in pairwise(target))
        return Sample(line, target, text) if line.shape[1] / 4 - 2 > len(target) + doubles else None

    def _real(self, rng: np.random.Generator) -> tuple[GrayImage, str]:
        number = int(rng.integers(len(self.real)))
        line, edges = self.real[number], self._edges[number]
        if edges is not None and rng.random() < 0.6:
            line = words_of(line, edges, rng)
        return worn(line.image, rng), line.text

    def _font(self, rng: np.random.Generator) -> tuple[GrayImage, str] | None:
        if not self.fonts:
            return self.composed(rng)
        text = self._texts.draw(rng)
        image = self.fonts.write(text, rng)
        return None if image is None else (worn(image, rng), text)


def _all_edges(lines: Sequence[WrittenLine], alphabet: Alphabet) -> list[list[int] | None]:
    session = registry.session(BASE)
    found = []
    for line in lines:
        height, width = line.image.shape
        size = (round(width * 48 / height * 1.3), 48)
        values = cv2.resize(line.image, size, interpolation=cv2.INTER_CUBIC).astype(np.float32) / 255 - 0.5
        probabilities = session.run(None, {"x": values[None, None]})[0][0]
        found.append(edges_between_words(line, probabilities, alphabet))
    return found


def batches(samples: Iterator[Sample], rng: np.random.Generator) -> Iterator[list[Sample]]:
    """Samples of about the same width together, the widths in any order."""
    while True:
        pool = sorted((next(samples) for _ in range(_BATCH * _POOL)), key=lambda sample: sample.image.shape[1])
        groups = [pool[k : k + _BATCH] for k in range(0, len(pool), _BATCH)]
        yield from (groups[k] for k in rng.permutation(len(groups)))


def padded(samples: Sequence[Sample]) -> FloatArray:
    """Shape (n, 1, 48, width), -0.5 ink to 0.5 paper, filled up with the paper of each."""
    width = max(sample.image.shape[1] for sample in samples)
    stacked = np.empty((len(samples), 1, samples[0].image.shape[0], width), np.float32)
    for row, sample in zip(stacked, samples, strict=True):
        row[:] = np.percentile(sample.image, 85) / 255 - 0.5
        row[0, :, : sample.image.shape[1]] = sample.image / np.float32(255) - np.float32(0.5)
    return stacked


def fit_network(
    model: onnx.ModelProto,
    lines: Lines,
    *,
    seed: int,
    count: int,
    watch: Callable[[torch.nn.Module, float], None],
) -> torch.nn.Module:
    """Train on with `count` lines; the weights returned are their running average.

    Args:
        watch: called now and then with the averaged network and the share of the lines that is done.
    """
    import torch

    from pipeline.training.onnx_graph import OnnxNetwork

    torch.manual_seed(seed)
    torch.set_num_threads(1)
    rng = np.random.default_rng(seed)
    network = OnnxNetwork(model).to(memory_format=torch.channels_last)
    average = torch.optim.swa_utils.AveragedModel(
        network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.99)
    )
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.0, weight_decay=0.01, betas=(0.9, 0.98))
    steps, running, seen, told = 0, 0.0, 0, 0.0
    source = batches(lines.samples(rng), rng)
    while (done := seen / count) < 1:
        for group in optimizer.param_groups:
            group["lr"] = _RATE * min(1.0, (steps + 1) / 60) * (0.5 + 0.5 * np.cos(np.pi * done))
        batch = next(source)
        loss = ctc_loss(network, batch)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 2.0)
        optimizer.step()
        average.update_parameters(network)
        steps, seen = steps + 1, seen + len(batch)
        running = float(loss.detach()) if steps == 1 else 0.97 * running + 0.03 * float(loss.detach())
        if steps % 50 == 0:
            print(f"{seen} of {count} lines, loss {running:.3f}, {time.process_time():.0f} CPU s", flush=True)
        if done - told > _LOOK:
            told = done
            watch(average.module, done)
    trained: torch.nn.Module = average.module
    return trained


_RATE = 6e-4
_LOOK = 0.3
"""Share of the lines after which the network is looked at on writers held out."""


def ctc_loss(network: torch.nn.Module, batch: Sequence[Sample]) -> torch.Tensor:
    """Connectionist temporal classification, the mean over characters of each line, then over lines."""
    import torch

    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = network(torch.from_numpy(padded(batch)).contiguous(memory_format=torch.channels_last))
    log_probabilities = logits.float().log_softmax(2).transpose(0, 1)
    steps = torch.tensor(
        [min(len(log_probabilities), sample.image.shape[1] // 4 + 1) for sample in batch], dtype=torch.long
    )
    lengths = torch.tensor([len(sample.target) for sample in batch], dtype=torch.long)
    targets = torch.from_numpy(np.concatenate([sample.target for sample in batch]))
    loss: torch.Tensor = torch.nn.functional.ctc_loss(
        log_probabilities, targets, steps, lengths, zero_infinity=True, reduction="mean"
    )
    return loss


def character_error(network: torch.nn.Module, lines: Sequence[tuple[GrayImage, str]], alphabet: Alphabet) -> float:
    """Edit distance over length, accents and case strict, best path."""
    import torch

    wrong = length = 0
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        for image, text in lines:
            line = prepared(image)
            read = ""
            if line is not None:
                values = torch.from_numpy(line.astype(np.float32)[None, None] / 255 - 0.5)
                read = alphabet.decode(network(values)[0].argmax(1).numpy())
            wrong += Levenshtein.distance(read, text)
            length += len(text)
    return wrong / max(1, length)


def fitted_sharpness(views: Sequence[tuple[Sequence[View], Likely | None, str]]) -> float:
    """The power of probabilities that makes them honest: the least surprise about whether the best text is right.

    Args:
        views: of each line, the model of what is written there, and the text that is.
    """
    surprise = []
    for power in _POWERS:
        total = 0.0
        for looks, likely, truth in views:
            text, confidence = (weigh(looks, likely, None, sharpness=power, shares=VIEW_SHARES) or [("", 0.0)])[0]
            sure = min(0.999, max(0.001, confidence))
            total -= float(np.log(sure if text == truth else 1 - sure))
        surprise.append(total)
    return _POWERS[int(np.argmin(surprise))]


_POWERS = (0.25, 0.35, 0.5, 0.6, 0.7, 0.85, 1.0)


def views_of(
    file: Path, lines: Sequence[tuple[GrayImage, str, str]]
) -> list[tuple[Sequence[View], Likely | None, str]]:
    """What the new network and the reader of print say of lines (picture, text, type of value)."""
    networks = ((_session(file), 1.0), (registry.session(BASE), STRETCH))
    found: list[tuple[Sequence[View], Likely | None, str]] = []
    for image, text, value_type in lines:
        line = prepared(image)
        if line is not None:
            looks = [view(network, line, stretch=stretch) for network, stretch in networks]
            found.append((looks, writing_model(value_type), text))
    return found


def _session(file: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


LINES = 45_000
"""Learned from by default: a little more than an hour of one core."""


def train_line(data: Path, out: Path, seed: int = 1, count: int = LINES) -> None:
    """Make `handwritten-lines.onnx` and its card in the folder `out`.

    Args:
        data: folder with lines_fr.zip and strokes_unipen.npz; handwriting fonts in `fonts` there are used too.
        count: lines to learn from.
    Raises: Misconfigured when `data` lacks a collection or torch is not installed.
    """
    _need_torch()
    cv2.setNumThreads(1)
    out.mkdir(parents=True, exist_ok=True)
    model = finer(onnx.load(str(registry.path(BASE))))
    alphabet = Alphabet(model)
    lines = Lines(data, alphabet, held_out=False)
    unseen = Lines(data, alphabet, held_out=True)
    print(f"{len(lines.real)} lines to learn from, {len(unseen.real)} held out", flush=True)
    rng = np.random.default_rng(seed + 1)
    real = [(line.image, line.text) for line in unseen.real]
    made = [line for line in (unseen.composed(rng) for _ in range(100)) if line is not None]

    def watch(network: torch.nn.Module, done: float) -> None:
        share, other = character_error(network, real, alphabet), character_error(network, made, alphabet)
        print(f"{100 * done:.0f} %: character error {share:.4f} on lines held out, {other:.4f} composed", flush=True)

    trained = fit_network(model, lines, seed=seed, count=count, watch=watch)
    finish(trained.proto(), unseen, out, seed=seed, count=count)


def finish(model: onnx.ModelProto, unseen: Lines, out: Path, *, seed: int, count: int) -> None:
    """Measure the trained network on writers held out, make its confidence honest, write it with its card.

    Args:
        model: ends in a softmax; changed in place. unseen: of the writers held out.
    """
    file = out / "handwritten-lines.onnx"
    onnx.save(model, str(file))
    rng = np.random.default_rng(seed + 2)
    lines = [*unseen.pieces(rng, 60), *unseen.fields(rng, 90)]
    power = fitted_sharpness(views_of(file, lines))
    noted = {"sharpness": f"{power:g}", "seed": f"{seed}", "lines": f"{count}"}
    stored = {entry.key: entry.value for entry in model.metadata_props}
    onnx.helper.set_model_props(model, {**stored, **noted})
    file.write_bytes(model.SerializeToString(deterministic=True))
    scores = measured(file, power, [(line.image, line.text) for line in unseen.real])
    found = {"sha256": hashlib.sha256(file.read_bytes()).hexdigest(), **noted, **scores}
    (out / "handwritten-lines.json").write_text(json.dumps(found, indent=1))
    names = ", ".join(unseen.fonts.names) or "none"
    fonts = textwrap.fill(names, 116, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)
    card = _CARD.format(**found, batch=_BATCH, fonts=fonts)
    (out / "handwritten-lines.md").write_text(card, encoding="utf-8")


def measured(file: Path, power: float, lines: Sequence[tuple[GrayImage, str]]) -> dict[str, str]:
    """Character error on lines of free French text: of the picture alone, and as zones are read."""
    reader = HandwrittenLineReader(_session(file), sharpness=power)
    scores = {}
    for name, likely in (("picture", None), ("whole", writing_model("text"))):
        wrong = length = 0
        for image, text in lines:
            usual = "".join(_USUAL.get(c, c) for c in text)
            wrong += Levenshtein.distance(reader.read_line(image, likely=likely).text, usual)
            length += len(usual)
        scores[name] = f"{100 * wrong / max(1, length):.1f} %"
    return scores


def _need_torch() -> None:
    try:
        import torch  # noqa: F401  (asked for before minutes of drawing)
    except ImportError as error:
        raise Misconfigured("Training needs torch. Install it with `pip install depli[train]`.") from error


_CARD = """# handwritten-lines: running handwriting

What it does: reads one line of running handwriting (e-mail, town, name, street, free French text), Latin-1 with
@ _ - . + and all French letters. Reader: `extraction/readers/handwritten.py`, which makes its input, asks the reader of
print too where this one is unsure, and weighs what people write on such a line (`extraction/writing_models.py`).

- File: `handwritten-lines.onnx`, sha256 `{sha256}`
- Input (N, 1, 48, W), -0.5 ink to 0.5 paper; output (N, W/4 - 1, 228) probabilities, class 0 = CTC blank
- Licence of the weights: Apache-2.0. Derived from PP-OCRv6 small by the PaddlePaddle authors (`ppocr.md`); changed by
  us: twice as many steps along the line, and trained further
- Made by `depli train line` (`pipeline/training/lines.py`): seed {seed}, {lines} lines in batches of {batch} on one
  core.
  The same seed gives the same weights on the same kind of machine (the processor's bfloat16 arithmetic takes part).

## Data

- lines_fr: "Copiste d'un jour" (BAnQ, CC BY 4.0), lines of today's French handwriting by volunteers
- UNIPEN train_r01_v07 (Guyon et al. 1994; deposit CC BY 4.0): pen strokes of single characters, composed into lines of
  one writer each: addresses, names, places, streets, dates, numbers, codes, text; accents and @ _ drawn where missing
- handwriting fonts (SIL OFL 1.1; files `<name>-latin-400-normal.woff` of the npm packages `@fontsource/<name>` 5):
{fonts}

All of it slanted, stretched, bent, ruled and scanned by simulation (`pipeline/training/running_hand.py`). One volunteer
of five and one UNIPEN writer of five were held out. Nothing of names_fr, ORAND, CHoiCe or any customer's form was
trained on.

## Scores

Character error, accents and case strict, on the lines_fr lines of the volunteers held out: {picture} from the picture
alone, {whole} as zones of free text are read (French words weighed). The reader of print alone: 23.2 %.

## Limits

Volunteers copied encyclopaedia articles; hasty hands are harder. One language. Letters joined in ways UNIPEN does not
show are learned from lines_fr only.

## Calibration

Power of probabilities (sharpness) fitted on the writers held out: {sharpness}.
"""
