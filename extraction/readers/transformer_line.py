"""Running handwriting by a transformer: any local checkpoint of the TrOCR kind instead of the reader that ships."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from models.errors import Misconfigured
from models.geometry import Box
from models.image import GrayImage
from models.reading import Reading
from models.text import Character

MAX_TOKENS = 96
"""A line of a form is shorter; what has not ended by then is not a reading."""
_EMPTY = 0.99
"""Confidence that a zone without ink is empty."""
_ALTERNATIVES = 3


@dataclass(frozen=True, slots=True)
class _Token:
    """One step of the decoder."""

    text: str
    probability: float
    rivals: tuple[tuple[str, float], ...]
    """Other single characters that could stand there, best first; only of a token that is one itself."""


class TransformerLineReader:
    """A VisionEncoderDecoder checkpoint (image encoder, text decoder, tokenizer, image processor) on the CPU.

    Nothing is ever downloaded, code in the checkpoint is never run, and weights are taken as safetensors only: a pickle
    could run code. Its confidences are the network's own; `extraction.calibration` was not fitted on them.

    Source: Li et al., TrOCR: Transformer-based Optical Character Recognition with Pre-trained Models, AAAI 2023.
    """

    def __init__(self, checkpoint: Path) -> None:
        """Args:
        checkpoint: folder as `save_pretrained` of model, tokenizer and image processor leaves it.
        Raises: Misconfigured when the `train` extra is not installed or the folder is not such a checkpoint.
        """
        self._torch, self._model, self._tokenizer, self._processor = _load(checkpoint)
        self.name = f"transformer {checkpoint.name} {_fingerprint(checkpoint)}"
        self._start, self._end = _ends(self._model, checkpoint)
        self._limit = min(MAX_TOKENS, _positions(self._model))
        self._texts = _texts(self._tokenizer, _vocabulary(self._model))
        self._masks: dict[str, tuple[Any, Any]] = {}

    def read_line(
        self,
        image: GrayImage,
        alphabet: str | None = None,
        *,
        likely: Callable[[str, str], float] | None = None,
        propose: Callable[[Sequence[str]], Iterable[str]] | None = None,
    ) -> Reading:
        """Read one line that a zone was cut around.

        Args:
            image: shape (height, width), uint8, 0 ink, 255 paper; one line, blank around it does not matter.
            alphabet: the only characters that can stand there (a space only when listed); `None` = any.
            likely, propose: there for the contract of readers of handwriting; a decoder has a language of its own.
        Returns: `zone` is the image itself. No text with confidence 0.99 when there is no ink, with confidence 0 when
            the network came to no end. Characters have no place: a decoder says what is written, not where.
        """
        height, width = image.shape
        zone = Box(0, 0, width, height)
        line = _inked(image)
        if line is None:
            return Reading("", _EMPTY, zone, self.name)
        decoded = self._decode(line, alphabet)
        if decoded is None:
            return Reading("", 0.0, zone, self.name)
        tokens, ending = decoded
        confidence = math.prod(token.probability for token in tokens) * ending
        characters = _trimmed([character for token in tokens for character in _characters(token)])
        return Reading("".join(c.best for c in characters), confidence, zone, self.name, tuple(characters))

    def _decode(self, line: GrayImage, alphabet: str | None) -> tuple[list[_Token], float] | None:
        """Best path: tokens and the probability that the text ends there; `None` when it does not end.

        Not `generate()`: checkpoints bring settings for prose (beams, no repeated n-grams) that spoil "00007".
        """
        torch = self._torch
        first, later = self._allowed(alphabet)
        colour = np.repeat(line[:, :, None], 3, axis=2)
        tokens: list[_Token] = []
        with torch.inference_mode():
            pixels = self._processor(images=colour, return_tensors="pt", input_data_format="channels_last").pixel_values
            encoded = self._model.encoder(pixel_values=pixels)
            last, past = self._start, None
            for step in range(self._limit):
                output = self._model(
                    encoder_outputs=encoded,
                    decoder_input_ids=torch.tensor([[last]]),
                    past_key_values=past,
                    use_cache=True,
                )
                past = output.past_key_values
                logits = output.logits[0, -1].float() + (later if step else first)
                probabilities = torch.softmax(logits, dim=0)
                last = int(probabilities.argmax())
                if last == self._end:
                    return tokens, float(probabilities[last])
                tokens.append(self._token(last, probabilities))
        return None

    def _token(self, number: int, probabilities: Any) -> _Token:
        text, probability = self._texts[number], float(probabilities[number])
        rivals: list[tuple[str, float]] = []
        if len(text) == 1:
            values, numbers = probabilities.topk(min(2 * _ALTERNATIVES, len(probabilities)))
            found = {text}
            for value, other in zip(values.tolist(), numbers.tolist(), strict=True):
                rival = self._texts[other]
                if len(rival) == 1 and rival not in found:
                    found.add(rival)
                    rivals.append((rival, value))
        return _Token(text, probability, tuple(rivals[: _ALTERNATIVES - 1]))

    def _allowed(self, alphabet: str | None) -> tuple[Any, Any]:
        """What is added to the logits of the first and of later tokens: 0 or minus infinity."""
        key = "any" if alphabet is None else f"only {alphabet}"
        if key not in self._masks:
            # a tokenizer may mark the beginning of a word by a space before it, also on the first
            first = [_may_stand(text.removeprefix(" "), alphabet) for text in self._texts]
            later = [_may_stand(text, alphabet) for text in self._texts]
            first[self._end] = later[self._end] = True
            self._masks[key] = (self._added(first), self._added(later))
        return self._masks[key]

    def _added(self, allowed: Sequence[bool]) -> Any:
        torch = self._torch
        return torch.where(torch.tensor(allowed), 0.0, -math.inf)


def _may_stand(text: str, alphabet: str | None) -> bool:
    # tokens without text are special: only the end is let through, by the caller
    return bool(text) and (alphabet is None or all(character in alphabet for character in text))


def _characters(token: _Token) -> list[Character]:
    """The characters of a token; each gets the same share, so that their product is the token's probability."""
    share = token.probability ** (1 / max(1, len(token.text)))
    return [Character(((character, share), *token.rivals)) for character in token.text]


def _trimmed(characters: list[Character]) -> list[Character]:
    """Without spaces at the ends."""
    inked = [number for number, character in enumerate(characters) if character.best != " "]
    return characters[inked[0] : inked[-1] + 1] if inked else []


def _inked(image: GrayImage) -> GrayImage | None:
    """The written part with the little paper around it that line corpora have; `None` without ink."""
    if min(image.shape) < 4:
        return None
    paper = float(np.percentile(image, 80))
    dark: NDArray[np.bool_] = cv2.blur(image, (3, 3)) < paper - 40
    rows, columns = np.flatnonzero(dark.sum(axis=1) >= 2), np.flatnonzero(dark.sum(axis=0) >= 2)
    if not rows.size or not columns.size:
        return None
    margin = max(2, round(0.15 * int(rows[-1] - rows[0] + 1)))
    top, left = max(0, int(rows[0]) - margin), max(0, int(columns[0]) - margin)
    return np.ascontiguousarray(image[top : int(rows[-1]) + margin + 1, left : int(columns[-1]) + margin + 1])


def _load(checkpoint: Path) -> tuple[Any, Any, Any, Any]:
    try:
        import torch
        from transformers import AutoImageProcessor, AutoTokenizer, VisionEncoderDecoderModel
    except ImportError as error:
        raise Misconfigured(
            f"The line reader {checkpoint.name} needs torch and transformers ({error.name} is missing): "
            "pip install 'depli[train]', or leave DEPLI_LINE_READER_CHECKPOINT empty."
        ) from error
    if not (checkpoint / "config.json").is_file():
        raise _no_checkpoint(checkpoint, "config.json is missing")
    try:
        model = VisionEncoderDecoderModel.from_pretrained(checkpoint, local_files_only=True, use_safetensors=True)
        tokenizer = AutoTokenizer.from_pretrained(checkpoint, local_files_only=True)
        processor = AutoImageProcessor.from_pretrained(checkpoint, local_files_only=True)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, ImportError) as error:
        raise _no_checkpoint(checkpoint, f"{type(error).__name__}: {str(error).splitlines()[0][:160]}") from error
    return torch, model.eval(), tokenizer, processor


def _no_checkpoint(checkpoint: Path, why: str) -> Misconfigured:
    return Misconfigured(
        f"{checkpoint} is no VisionEncoderDecoder checkpoint ({why}). Point DEPLI_LINE_READER_CHECKPOINT at a folder "
        "with config.json, model.safetensors, the tokenizer's files and preprocessor_config.json, or leave it empty."
    )


def _ends(model: Any, checkpoint: Path) -> tuple[int, int]:
    """The token that a text begins with, and the one that ends it."""
    sources = (model.config, model.generation_config, model.config.decoder)
    start = _first(sources, ("decoder_start_token_id", "bos_token_id"))
    end = _first(sources, ("eos_token_id",))
    if start is None or end is None:
        raise _no_checkpoint(checkpoint, "it does not say which tokens begin and end a text")
    return start, end


def _first(sources: Sequence[Any], names: Sequence[str]) -> int | None:
    for name in names:
        for source in sources:
            value = getattr(source, name, None)
            value = value[0] if isinstance(value, list) and value else value
            if isinstance(value, int):
                return value
    return None


def _positions(model: Any) -> int:
    return int(getattr(model.config.decoder, "max_position_embeddings", MAX_TOKENS))


def _vocabulary(model: Any) -> int:
    return int(model.config.decoder.vocab_size)


def _texts(tokenizer: Any, count: int) -> list[str]:
    """What each token writes, with the space before it; empty for special tokens and parts of a character."""
    special, known = set(tokenizer.all_special_ids), len(tokenizer)
    texts = []
    for number in range(count):
        if number in special or number >= known:
            texts.append("")
            continue
        text = str(tokenizer.decode([number], clean_up_tokenization_spaces=False))
        if str(tokenizer.convert_ids_to_tokens(number)).startswith("▁"):
            text = f" {text.lstrip(' ')}"
        texts.append("" if "\N{REPLACEMENT CHARACTER}" in text else text)
    return texts


def _fingerprint(checkpoint: Path) -> str:
    """Tells one checkpoint from another of the same name."""
    digest = hashlib.sha256()
    for path in sorted(checkpoint.glob("*.safetensors")):
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:8]
