"""A transformer as line reader: a tiny one, taught two lines in a few seconds, read from its folder."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from extraction.readers.transformer_line import TransformerLineReader
from models.errors import Misconfigured
from models.image import GrayImage

MISSING = "torch and transformers are in the `train` extra, which is not installed here"
LINES = ("1207", "AB 7")
SIGNS = ("<pad>", "<s>", "</s>", *"0127AB ")


def line(text: str) -> GrayImage:
    """A written line on paper with much white around."""
    image = np.full((60, 200), 255, np.uint8)
    cv2.putText(image, text, (30, 42), cv2.FONT_HERSHEY_SIMPLEX, 1.1, 20, 3, cv2.LINE_AA)
    return image


def save_parts(folder: Path) -> None:
    """Tokenizer of single characters and image processor."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, ViTImageProcessor

    tokens = Tokenizer(models.WordLevel({sign: number for number, sign in enumerate(SIGNS)}, unk_token="<pad>"))
    tokens.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    tokens.decoder = decoders.Fuse()
    PreTrainedTokenizerFast(
        tokenizer_object=tokens, pad_token="<pad>", bos_token="<s>", eos_token="</s>"
    ).save_pretrained(folder)
    ViTImageProcessor(size={"height": 32, "width": 128}).save_pretrained(folder)


def tiny_model() -> Any:
    """An untrained encoder and decoder of a few thousand weights."""
    import torch
    from transformers import TrOCRConfig, VisionEncoderDecoderConfig, VisionEncoderDecoderModel, ViTConfig

    torch.manual_seed(3)
    encoder = ViTConfig(
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        image_size=(32, 128),
        patch_size=16,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    decoder = TrOCRConfig(
        vocab_size=len(SIGNS),
        d_model=32,
        decoder_layers=1,
        decoder_attention_heads=2,
        decoder_ffn_dim=64,
        max_position_embeddings=24,
        dropout=0.0,
        cross_attention_hidden_size=32,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=1,
    )
    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(encoder, decoder)
    config.decoder_start_token_id, config.pad_token_id, config.eos_token_id = 1, 0, 2
    return VisionEncoderDecoderModel(config)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint that knows `LINES`."""
    pytest.importorskip("torch", reason=MISSING)
    pytest.importorskip("transformers", reason=MISSING)
    import torch

    from extraction.readers.transformer_line import _inked

    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("models") / "tiny"
    save_parts(folder)
    from transformers import ViTImageProcessor

    processor = ViTImageProcessor.from_pretrained(folder)
    cuts = [np.repeat(cut[:, :, None], 3, axis=2) for text in LINES if (cut := _inked(line(text))) is not None]
    pixels = torch.cat([processor(images=cut, return_tensors="pt").pixel_values for cut in cuts])
    labels = torch.tensor([[*map(SIGNS.index, text), 2] for text in LINES])
    model = tiny_model()
    steps = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(150):
        steps.zero_grad()
        model(pixel_values=pixels, labels=labels).loss.backward()
        steps.step()
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def reader(checkpoint: Path) -> TransformerLineReader:
    """The reader on that checkpoint."""
    return TransformerLineReader(checkpoint)


@pytest.mark.parametrize("text", LINES)
def test_a_line_is_read_with_the_confidence_of_its_tokens(reader: TransformerLineReader, text: str) -> None:
    reading = reader.read_line(line(text))

    assert reading.text == text
    assert reading.confidence is not None
    assert 0.5 < reading.confidence <= math.prod(c.alternatives[0][1] for c in reading.characters) + 1e-6
    assert [c.best for c in reading.characters] == list(text)
    assert (reading.zone.width, reading.zone.height) == (200, 60)


def test_only_characters_of_the_alphabet_are_read(reader: TransformerLineReader) -> None:
    digits = reader.read_line(line("AB 7"), "0127")

    assert set(digits.text) <= set("0127")
    assert {name for c in digits.characters for name, p in c.alternatives if p > 0} <= set("0127")
    assert reader.read_line(line("1207"), "0127").text == "1207"


def test_a_zone_without_ink_is_empty(reader: TransformerLineReader) -> None:
    reading = reader.read_line(np.full((40, 120), 240, np.uint8))

    assert (reading.text, reading.confidence) == ("", 0.99)


def test_a_text_without_end_is_no_reading(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("extraction.readers.transformer_line.MAX_TOKENS", 2)

    reading = TransformerLineReader(checkpoint).read_line(line("1207"))

    assert (reading.text, reading.confidence) == ("", 0.0)


def test_two_checkpoints_of_one_name_are_told_apart(
    checkpoint: Path, reader: TransformerLineReader, tmp_path: Path
) -> None:
    folder = tmp_path / "tiny"
    save_parts(folder)
    tiny_model().save_pretrained(folder)

    assert TransformerLineReader(folder).name != reader.name


@pytest.mark.parametrize("there", [(), ("config.json",)])
def test_a_folder_that_is_no_checkpoint_is_named_with_the_remedy(tmp_path: Path, there: tuple[str, ...]) -> None:
    pytest.importorskip("torch", reason=MISSING)
    pytest.importorskip("transformers", reason=MISSING)
    for name in there:
        (tmp_path / name).write_text('{"model_type": "bert"}')

    with pytest.raises(Misconfigured, match="DEPLI_LINE_READER_CHECKPOINT") as caught:
        TransformerLineReader(tmp_path)
    assert str(tmp_path) in str(caught.value)


def test_pickled_weights_are_refused(checkpoint: Path, tmp_path: Path) -> None:
    import shutil

    import torch

    folder = tmp_path / "pickled"
    shutil.copytree(checkpoint, folder)
    (folder / "model.safetensors").unlink()
    torch.save(tiny_model().state_dict(), folder / "pytorch_model.bin")

    with pytest.raises(Misconfigured, match=r"model\.safetensors"):
        TransformerLineReader(folder)


@pytest.mark.parametrize("module", ["torch", "transformers"])
def test_without_the_extra_the_remedy_is_named(tmp_path: Path, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, module, None)

    with pytest.raises(Misconfigured, match=r"pip install 'depli\[train\]'"):
        TransformerLineReader(tmp_path)
