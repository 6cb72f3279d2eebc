"""`depli read` without a server: real samples through real readers."""

import json
import os
import signal
import time
import zipfile
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import pytest
from PIL import Image

from capture.sandbox import RasterPage, Sandbox, SourceInfo
from models.definitions import DocumentType
from models.errors import UnusableImage
from models.geometry import Box
from models.reading import PageReading, Quality, Reading
from models.text import Character, PageText, TextLine, Word
from pipeline.engines import EngineSettings, templates
from pipeline.page_tasks import packed, unpacked
from pipeline.pool import ReadingPool
from pipeline.reading import PAGES_A_CHILD, Read, Rejected, as_json, read_sources, sources

SAMPLES = Path(__file__).parents[2] / "samples"
TODAY = date(2026, 11, 24)


@pytest.fixture(scope="module")
def pool() -> Iterator[ReadingPool]:
    running = ReadingPool(EngineSettings(), processes=2)
    yield running
    running.close()


def read(pool: ReadingPool, *paths: Path) -> list[Read | Rejected]:
    definitions = [template.definition for template in templates(())]
    return list(read_sources(paths, pool=pool, sandbox=Sandbox(), definitions=definitions, today=TODAY))


def test_a_stack_with_patch_sheets_gives_its_documents_in_order(pool: ReadingPool) -> None:
    found = read(pool, SAMPLES / "lot-patch-t.tif")

    assert all(isinstance(result, Read) for result in found)
    documents = [result.document for result in found if isinstance(result, Read)]
    assert [document.pages for document in documents] == [(2,), (4,), (6,), (8,), (10,)]
    assert [document.form for document in documents] == ["tcard-b", None, "tcard-a", "tcard-b", "sepa-mandate-a"]
    assert documents[1].document_type is DocumentType.SUPPLIER_INVOICE


def test_a_card_keeps_the_proof_of_each_value(pool: ReadingPool) -> None:
    (result,) = read(pool, SAMPLES / "carte-t-b.pdf")

    line = json.loads(json.dumps(as_json(result)))

    assert (line["document_type"], line["form"], line["pages"]) == ("t_card", "tcard-b", [1])
    index = line["fields"]["meter_index"]
    assert index["value"] == "2847"
    assert index["page"] == 1
    assert len(index["box"]) == 4
    assert line["fields"]["barcode"]["value"] == "T2680392272"
    assert line["fields"]["signature"]["value"] is True


def test_a_digital_invoice_is_read_from_its_data_and_checked_against_its_page(pool: ReadingPool) -> None:
    (result,) = read(pool, SAMPLES / "facture-numerique.pdf")

    assert isinstance(result, Read)
    values = {name: value.value for name, value in result.document.fields.items()}
    assert values["total_with_tax"] == "360.00"
    assert values["invoice_number"] == "F-2026-118"
    assert values["seller_iban"] == "FR1420041010050500013M02606"
    assert len(result.document.lines) == 2
    assert result.document.reason == "facture électronique jointe"


def test_what_waits_for_its_stack_is_packed_and_comes_back_whole() -> None:
    character = Character((("F", 0.9), ("P", 0.1)), Box(0, 0, 10, 10))
    line = TextLine("Facture", Box(0, 0, 70, 10), 0.9, (Word("Facture", Box(0, 0, 70, 10), 0.9),), (character,) * 7)
    reading = PageReading(
        width=1654, height=2339, dpi=200, rotated_deg=0, skew_deg=0.0, blank=False,
        quality=Quality(200, 0.8, 0.9, 0.0, False),
        zones={"iban": Reading("FR76", 0.9, Box(0, 0, 10, 10), "glyphs")},
        text=PageText((line,) * 50, 1654, 2339, 200, "ocr"),
    )  # fmt: skip

    page = packed(reading)

    assert unpacked(page) == reading
    assert not page.outline.zones
    assert page.outline.text is not None
    assert page.outline.text.text == "\n".join(["Facture"] * 50)
    assert not any(line.words or line.characters for line in page.outline.text.lines)


def test_pages_of_a_long_stack_are_drawn_only_a_few_ahead_of_the_readers(tmp_path: Path) -> None:
    stack = tmp_path / "pile.tif"
    pictures = [Image.new("L", (413, 585), 255) for _ in range(40)]
    pictures[0].save(stack, save_all=True, append_images=pictures[1:], dpi=(50, 50))
    drawn = read_so_far = furthest = 0

    def count(pages: int) -> None:
        nonlocal drawn, furthest
        drawn += pages
        furthest = max(furthest, drawn - read_so_far)

    class CountedSandbox(Sandbox):
        def open(self, path: Path, *, most: int, out: Path) -> tuple[SourceInfo, list[RasterPage]]:
            count(most)
            return super().open(path, most=most, out=out)

        def raster(self, path: Path, numbers: Sequence[int], *, out: Path) -> list[RasterPage]:
            count(len(numbers))
            return super().raster(path, numbers, out=out)

    def on_page() -> None:
        nonlocal read_so_far
        read_so_far += 1

    pool = ReadingPool(EngineSettings(), processes=1)
    try:
        for _ in read_sources(
            [stack], pool=pool, sandbox=CountedSandbox(), definitions=[], today=TODAY, on_page=on_page
        ):
            pass
    finally:
        pool.close()

    assert read_so_far == drawn == 40
    assert furthest <= PAGES_A_CHILD + 3 + 1


def test_where_a_child_dies_on_several_pages_each_is_tried_alone(pool: ReadingPool, tmp_path: Path) -> None:
    stack = tmp_path / "pile.tif"
    pictures = [Image.new("L", (413, 585), 255) for _ in range(3)]
    pictures[0].save(stack, save_all=True, append_images=pictures[1:], dpi=(50, 50))

    class DyingSandbox(Sandbox):
        def open(self, path: Path, *, most: int, out: Path) -> tuple[SourceInfo, list[RasterPage]]:
            raise UnusableImage("too much", code="memory")

        def raster(self, path: Path, numbers: Sequence[int], *, out: Path) -> list[RasterPage]:
            if 2 in numbers:
                raise UnusableImage("too much", code="memory")
            return super().raster(path, numbers, out=out)

    results = list(read_sources([stack], pool=pool, sandbox=DyingSandbox(), definitions=[], today=TODAY))

    assert [(result.page, result.code) for result in results if isinstance(result, Rejected)] == [(2, "memory")]


def test_what_cannot_be_read_is_named_and_the_others_go_on(pool: ReadingPool, tmp_path: Path) -> None:
    broken = tmp_path / "casse.pdf"
    broken.write_bytes(b"%PDF-1.7 nothing more")

    rejected, card = read(pool, broken, SAMPLES / "carte-t-b.pdf")

    assert isinstance(rejected, Rejected)
    assert as_json(rejected)["error"] == "no_page"
    assert "casse.pdf" in rejected.message
    assert isinstance(card, Read)


def test_an_archive_is_read_file_by_file(pool: ReadingPool, tmp_path: Path) -> None:
    archive = tmp_path / "lot.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.write(SAMPLES / "carte-t-b.pdf", "un/carte.pdf")
        file.writestr("note.txt", "rien")

    card, note = read(pool, archive)

    assert isinstance(card, Read)
    assert card.source.endswith("lot.zip/carte.pdf")
    assert isinstance(note, Rejected)
    assert note.code == "unsupported_type"


def test_folders_are_read_in_order_without_hidden_files(tmp_path: Path) -> None:
    for name in ("b.pdf", "a.pdf", ".hidden.pdf"):
        (tmp_path / name).touch()

    assert [path.name for path in sources([tmp_path])] == ["a.pdf", "b.pdf"]


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def sleep() -> None:
    time.sleep(60)


def answer(value: int) -> int:
    return value


def test_a_process_that_dies_or_hangs_costs_only_its_own_page() -> None:
    pool = ReadingPool(EngineSettings(), processes=1, page_limit_s=3)
    try:
        with pytest.raises(UnusableImage) as died:
            pool.run(die)
        with pytest.raises(UnusableImage) as hung:
            pool.run(sleep)

        assert (died.value.code, hung.value.code) == ("crashed", "timeout")
        assert pool.run(answer, 7) == 7
    finally:
        pool.close()
