import io
import json
import os
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import cv2
import img2pdf
import numpy as np
import pikepdf
import pytest
from PIL import Image
from reportlab.pdfgen import canvas

from capture.opening import check_xml
from capture.plain_scans import plain_jpegs
from capture.sandbox import Sandbox, protections
from capture.sources import Limits
from models.errors import REFUSALS, UnusableImage
from models.image import GrayImage


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    return Sandbox(max_pages=50, limits=Limits(wall_s=15, cpu_s=10, memory_bytes=500_000_000))


def letter(pages: int = 1) -> bytes:
    buffer = io.BytesIO()
    page = canvas.Canvas(buffer)
    for number in range(pages):
        page.drawString(72, 700, f"Facture 2026-{number + 1} : montant 1 234,56 EUR, payable a trente jours")
        page.showPage()
    page.save()
    return buffer.getvalue()


def scan(size: tuple[int, int] = (1654, 2339)) -> Image.Image:
    noise = np.random.default_rng(1).integers(150, 255, (size[1], size[0]), dtype=np.uint8)
    return Image.fromarray(noise)


def refused(sandbox: Sandbox, path: Path, tmp_path: Path) -> str:
    with pytest.raises(UnusableImage) as caught:
        info = sandbox.inspect(path)
        if info.kind == "zip":
            sandbox.expand(path)
        else:
            sandbox.raster(path, [1], out=tmp_path)
    assert caught.value.code in REFUSALS
    assert path.name in str(caught.value)
    return caught.value.code


def test_a_born_digital_page_keeps_its_words_in_their_place(sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "letter.pdf"
    path.write_bytes(letter(3))

    info = sandbox.inspect(path)
    page = sandbox.raster(path, [2], out=tmp_path)[0]

    assert (info.kind, info.pages, info.repaired) == ("pdf", 3, False)
    assert page.text is not None
    word = next(word for word in page.text.words if word.text == "2026-2")
    image = page.load()
    box = word.box
    assert image[round(box.y) : round(box.bottom), round(box.x) : round(box.right)].min() < 80
    assert page.dpi == pytest.approx(300)


def test_a_scan_in_a_pdf_is_rendered_at_its_own_resolution(sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "scan.pdf"
    scan().save(path, resolution=200)

    page = sandbox.raster(path, [1], out=tmp_path)[0]

    assert page.dpi == pytest.approx(200, abs=0.5)
    assert abs(page.load().shape[1] - 1654) <= 1
    assert page.text is None


def test_every_page_of_a_tiff_comes_out_with_its_resolution(sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "stack.tif"
    pages = [Image.fromarray(np.full((400, 300), 255 * (n % 2), np.uint8)).convert("1") for n in range(3)]
    pages[0].save(path, save_all=True, append_images=pages[1:], compression="group4", dpi=(100, 100))

    info = sandbox.inspect(path)
    found = sandbox.raster(path, [1, 2, 3], out=tmp_path)

    assert info.pages == 3
    assert [int(page.load().mean()) for page in found] == [0, 255, 0]
    assert {page.dpi for page in found} == {100}


def test_a_picture_without_resolution_is_taken_for_usual_paper(sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    scan((1654, 2339)).save(path)

    assert sandbox.raster(path, [1], out=tmp_path)[0].dpi == 200


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("empty.pdf", b"", "empty"),
        ("zeros.pdf", b"\0" * 500, "empty"),
        ("program.pdf", b"MZ\x90\x00" + b"x" * 500, "unsupported_type"),
        ("postscript.jpg", b"%!PS-Adobe-3.0 EPSF-3.0\n" + b"x" * 500, "unsupported_type"),
        ("picture.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unsupported_type"),
        ("bomb.xml", b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "xml_unsafe"),
        ("cut.pdf", letter()[:300], "no_page"),
        ("noise.png", b"\x89PNG\r\n\x1a\n" + b"garbage" * 50, "no_page"),
    ],
)
def test_what_cannot_be_a_page_is_refused_with_its_reason(
    sandbox: Sandbox, tmp_path: Path, name: str, content: bytes, code: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)

    assert refused(sandbox, path, tmp_path) == code


def test_a_password_is_asked_for_by_name(sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "secret.pdf"
    with pikepdf.Pdf.open(io.BytesIO(letter())) as pdf:
        pdf.save(path, encryption=pikepdf.Encryption(owner="chef", user="facture"))

    assert refused(sandbox, path, tmp_path) == "encrypted"


def test_too_many_pages_are_refused_before_any_is_drawn(sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "book.pdf"
    path.write_bytes(letter(51))

    assert refused(sandbox, path, tmp_path) == "too_many_pages"


def test_a_damaged_cross_reference_marks_the_file_as_repaired(sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "mended.pdf"
    path.write_bytes(letter().replace(b"startxref", b"startxxxx"))

    assert sandbox.inspect(path).repaired


def test_a_pixel_flood_is_refused_from_its_header(sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "flood.png"
    Image.new("1", (30_000, 30_000)).save(path)

    assert refused(sandbox, path, tmp_path) == "too_many_pixels"


def test_a_form_that_draws_itself_for_ever_costs_only_itself(sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "recursion.pdf"
    with pikepdf.Pdf.new() as pdf:
        page = pdf.add_blank_page()
        form = pdf.make_stream(b"/F Do /F Do", Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Form, BBox=[0, 0, 9, 9])
        form.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(F=form))
        page.obj.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(F=form))
        page.obj.Contents = pdf.make_stream(b"/F Do")
        pdf.save(path)
    good = tmp_path / "good.pdf"
    good.write_bytes(letter())

    try:
        sandbox.raster(path, [1], out=tmp_path)
    except UnusableImage as error:
        assert error.code in REFUSALS

    assert sandbox.inspect(good).pages == 1


def archive(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def test_an_archive_gives_its_files_under_harmless_names(sandbox: Sandbox, tmp_path: Path) -> None:
    path = archive(tmp_path / "mail.zip", {"../../evil\u202e.pdf": letter(), "sub/a.pdf": letter(2)})

    members = sandbox.expand(path)

    assert [member.shown_name for member in members] == ["evil.pdf", "a.pdf"]
    assert members[1].content == letter(2) or members[1].content.startswith(b"%PDF")
    assert not (tmp_path.parent.parent / "evil.pdf").exists()


def test_unsafe_archives_are_refused_whole(sandbox: Sandbox, tmp_path: Path) -> None:
    bomb = archive(tmp_path / "bomb.zip", {"a.pdf": b"\0" * 50_000_000})
    nested = archive(tmp_path / "nested.zip", {"b.zip": b"PK\x03\x04"})
    disguised = archive(tmp_path / "disguised.zip", {"b.pdf": b"PK\x03\x04" + b"x" * 50})
    crowd = archive(tmp_path / "crowd.zip", {f"{n}.pdf": b"" for n in range(600)})
    link = tmp_path / "link.zip"
    with zipfile.ZipFile(link, "w") as file:
        info = zipfile.ZipInfo("passwd.pdf")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        file.writestr(info, "/etc/passwd")

    for path in (bomb, nested, disguised, crowd, link):
        assert refused(sandbox, path, tmp_path) == "archive_unsafe"


def test_an_embedded_e_invoice_is_noticed_and_a_dangerous_one_is_not(sandbox: Sandbox, tmp_path: Path) -> None:
    def with_xml(name: str, xml: bytes) -> Path:
        path = tmp_path / name
        with pikepdf.Pdf.open(io.BytesIO(letter())) as pdf:
            pdf.attachments["factur-x.xml"] = pikepdf.AttachedFileSpec(pdf, xml, mime_type="text/xml")
            pdf.save(path)
        return path

    good = sandbox.inspect(with_xml("good.pdf", b"<?xml version='1.0'?><Invoice><ID>1</ID></Invoice>"))
    bad = sandbox.inspect(with_xml("bad.pdf", b"<?xml version='1.0'?><!DOCTYPE x SYSTEM 'file:///etc/hostname'><x/>"))

    assert [attachment.name for attachment in good.attachments] == ["factur-x.xml"]
    assert b"<ID>1</ID>" in good.attachments[0].content
    assert bad.attachments == ()
    assert bad.pages == 1


def test_children_say_what_protects_them() -> None:
    held = protections()

    assert held["limits"]
    assert set(held) == {"limits", "no_new_privileges", "no_network", "no_other_files"}


def test_a_scan_in_a_pdf_is_taken_pixel_for_pixel_whichever_way_it_is_turned(sandbox: Sandbox, tmp_path: Path) -> None:
    source = scan((827, 1166))
    path = tmp_path / "scan.pdf"
    buffer = io.BytesIO()
    source.save(buffer, "PNG", dpi=(200, 200))
    for turn in (0, 90):
        with pikepdf.Pdf.open(io.BytesIO(img2pdf.convert(buffer.getvalue()))) as pdf:
            pdf.pages[0].Rotate = turn
            pdf.save(path)

        page = sandbox.raster(path, [1], out=tmp_path)[0]

        assert page.dpi == pytest.approx(200, abs=0.1)
        assert np.array_equal(page.load(), np.rot90(np.asarray(source), -turn // 90))


def test_a_picture_that_is_shown_inverted_is_drawn_and_not_taken(sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "inverted.pdf"
    buffer = io.BytesIO()
    Image.new("L", (1654, 2339), 240).save(buffer, "PNG", dpi=(200, 200))
    with pikepdf.Pdf.open(io.BytesIO(img2pdf.convert(buffer.getvalue()))) as pdf:
        picture = next(iter(pdf.pages[0].get_images().values()))
        picture.Decode = pikepdf.Array([1, 0])
        pdf.save(path)

    assert sandbox.raster(path, [1], out=tmp_path)[0].load().max() < 30


def jpeg_scan(path: Path, mode: str, change: Callable[[pikepdf.Pdf, pikepdf.Object], None] | None = None) -> GrayImage:
    """A PDF that shows one JPEG; `change` works on the file and its picture. Answers the gray of the picture."""
    buffer = io.BytesIO()
    scan((827, 1166)).convert(mode).save(buffer, "JPEG", dpi=(100, 100))
    with pikepdf.Pdf.open(io.BytesIO(img2pdf.convert(buffer.getvalue()))) as pdf:
        if change is not None:
            change(pdf, next(iter(pdf.pages[0].get_images().values())))
        pdf.save(path)
    gray: GrayImage = np.asarray(Image.open(buffer).convert("L"))
    return gray


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_jpeg_that_is_all_a_page_shows_is_decoded_to_gray_at_once(
    sandbox: Sandbox, tmp_path: Path, mode: str
) -> None:
    path = tmp_path / "scan.pdf"
    shown = jpeg_scan(path, mode)

    assert plain_jpegs(path, [1]) == {1}
    page = sandbox.raster(path, [1], out=tmp_path)[0]
    assert page.dpi == pytest.approx(100, abs=0.1)
    assert np.abs(page.load().astype(int) - shown).max() <= 2


def cut_in_half(pdf: pikepdf.Pdf, picture: pikepdf.Object) -> None:
    content = pdf.pages[0].Contents.read_bytes()
    pdf.pages[0].Contents = pdf.make_stream(b"q 0 0 100 100 re W n " + content + b" Q")


def inverted(pdf: pikepdf.Pdf, picture: pikepdf.Object) -> None:
    picture.Decode = pikepdf.Array([1, 0])


def masked(pdf: pikepdf.Pdf, picture: pikepdf.Object) -> None:
    mask = pdf.make_stream(b"\x00", Subtype=pikepdf.Name.Image, Width=1, Height=1, BitsPerComponent=8)
    mask.ColorSpace = pikepdf.Name.DeviceGray
    picture.SMask = mask


@pytest.mark.parametrize("change", [cut_in_half, inverted, masked])
def test_a_jpeg_that_is_shown_otherwise_is_not_taken_as_it_is(
    sandbox: Sandbox, tmp_path: Path, change: Callable[[pikepdf.Pdf, pikepdf.Object], None]
) -> None:
    path = tmp_path / "scan.pdf"
    as_it_is = jpeg_scan(path, "L", change)

    assert not plain_jpegs(path, [1])
    page = sandbox.raster(path, [1], out=tmp_path)[0].load()
    alike = cv2.resize(as_it_is, page.shape[::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(page.astype(int) - alike).mean() > 10


def test_a_fax_has_square_points_and_a_programs_default_resolution_is_not_believed(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    scan((1728, 1100)).convert("1").save(tmp_path / "fax.tif", compression="group4", dpi=(204, 98))
    scan((2480, 3508)).save(tmp_path / "screen.jpg", dpi=(96, 96))

    fax = sandbox.raster(tmp_path / "fax.tif", [1], out=tmp_path)[0]
    assert (fax.dpi, fax.load().shape) == (204, (2290, 1728))

    assert sandbox.raster(tmp_path / "screen.jpg", [1], out=tmp_path)[0].dpi == 300


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_xml_that_declares_types_is_unsafe_in_any_encoding_and_at_any_depth(encoding: str) -> None:
    declares = f"<?xml version='1.0' encoding='{encoding}'?><!DOCTYPE a SYSTEM 'file:///etc/hostname'><a/>"
    deep = "<a>" * 200 + "</a>" * 200

    for text in (declares, deep, "<a>"):
        with pytest.raises(UnusableImage) as caught:
            check_xml(text.encode(encoding))
        assert caught.value.code == "xml_unsafe"
    check_xml("<?xml version='1.0'?><a><b>é</b></a>".encode())


@pytest.mark.skipif(
    not os.environ.get("DEPLI_TEST_BAD_INPUTS"), reason="set DEPLI_TEST_BAD_INPUTS to a folder of bad inputs"
)
def test_public_bad_inputs_end_in_an_allowed_state(tmp_path: Path) -> None:
    folder = Path(os.environ["DEPLI_TEST_BAD_INPUTS"])
    sandbox = Sandbox()
    for entry in json.loads((folder / "index.json").read_text())["files"]:
        path = folder / entry["file"]
        try:
            info = sandbox.inspect(path)
            pages = sandbox.raster(path, [1], out=tmp_path) if info.kind != "zip" else []
        except UnusableImage as error:
            assert error.code in REFUSALS
            continue
        assert entry["expected"] != "reject" or info.repaired or any(page.repaired for page in pages)
