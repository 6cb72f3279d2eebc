"""`depli bench`: how well and how fast we read, measured on material with truth and written as a report."""

from __future__ import annotations

import json
import os
import platform
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from capture.sandbox import Sandbox
from models.definitions import Charset
from pipeline.engines import EngineSettings, load_engines, one_thread, templates
from pipeline.pool import ReadingPool
from pipeline.reading import as_json, read_sources
from pipeline.scoring import Score, Tally, comparable

PARTS = ("mailbag", "stacks", "invoices", "handwriting", "speed")
KINDS: dict[str, str] = {
    "barcode, checkbox, signature": "barcode remark signature civility occupancy payment_method e_invoice payment_type",
    "printed zones": "subscriber_name service_address previous_index mandate_reference creditor_identifier",
    "digits in boxes": "meter_index meter_index_litres reading_date signature_date birth_date entry_date phone "
    "postal_code debtor_postal_code siret occupants",
    "capitals in boxes": "last_name first_name street city debtor_name debtor_street debtor_city bic",
    "IBAN": "iban",
    "handwritten lines": "email place previous_occupant",
}
INVOICE_KEYS = {
    "invoice_number", "issue_date", "due_date", "seller_siret", "buyer_siret", "seller_vat_id", "seller_iban",
    "total_without_tax", "total_tax", "total_with_tax", "amount_due",
}  # fmt: skip


@dataclass(slots=True)
class Report:
    """Sections of the report, in order."""

    sections: list[tuple[str, list[str]]] = field(default_factory=list)

    def section(self, title: str, lines: Sequence[str]) -> None:
        """Add one section, Markdown lines."""
        self.sections.append((title, list(lines)))

    def text(self) -> str:
        """The whole report."""
        head = [
            "# Benchmarks",
            "",
            f"Measured {datetime.now(UTC):%Y-%m-%d} on {_machine()}, {len(os.sched_getaffinity(0))} cores,",
            "portable runtime (ONNX Runtime, one thread a process). `depli bench` writes this page. The mailbag is",
            "synthetic (drawn forms and invoices, handwriting from real pen trajectories, simulated scanner);",
            "invoices and handwriting sets are other people's real material. No reader was trained on the mailbag;",
            "acceptance thresholds were fitted on it, so the",
            "accepted share and error below are those of the development set.",
        ]
        body = [line for title, lines in self.sections for line in ("", f"## {title}", "", *lines)]
        return "\n".join([*head, *body, ""])


def _machine() -> str:
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    return f"{model} (Linux {platform.release().split('-')[0]}, Python {platform.python_version()})"


def run(data: Path, *, report: Path, only: tuple[str, ...], out: Console, err: Console) -> int:
    """Measure the parts asked for and write the report; 2 when the data is not there."""
    wanted = only or PARTS
    unknown = [part for part in wanted if part not in PARTS]
    if unknown or not data.is_dir():
        err.print(f"depli bench: {'no part ' + ', '.join(unknown) if unknown else str(data) + ' is not a folder'}.")
        return 2
    result = Report()
    steps: dict[str, Callable[[Path, Report], None]] = {
        "mailbag": _mailbag,
        "stacks": _stacks,
        "invoices": _invoices,
        "handwriting": _handwriting,
        "speed": _speed,
    }
    for part in PARTS:
        if part in wanted:
            out.print(f"bench: {part} ...")
            steps[part](data, result)
    for title, lines in result.sections:
        out.print(f"\n{title}\n" + "\n".join(lines), markup=False)
    if not only:
        report.parent.mkdir(parents=True, exist_ok=True)
        report.write_text(result.text(), encoding="utf-8")
        out.print(f"\n{report} written")
    return 0


def _read(paths: Sequence[Path]) -> tuple[list[dict[str, Any]], float, float]:
    """Readings as `depli read --json` gives them, seconds, and peak memory of all processes together in MB."""
    definitions = [template.definition for template in templates(())]
    pool = ReadingPool(EngineSettings(), processes=len(os.sched_getaffinity(0)))
    memory = _Memory()
    try:
        with memory:
            results = read_sources(
                paths, pool=pool, sandbox=Sandbox(), definitions=definitions, today=datetime.now(UTC).date()
            )
            started = time.monotonic()
            lines = [as_json(result) for result in results]
            return lines, time.monotonic() - started, memory.peak_mb
    finally:
        pool.close()


class _Memory:
    """Watches the resident memory of this process and all below it."""

    def __init__(self) -> None:
        self.peak_mb = 0.0
        self._done = threading.Event()

    def __enter__(self) -> _Memory:
        threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()

    def _watch(self) -> None:
        while not self._done.wait(0.5):
            self.peak_mb = max(self.peak_mb, _family_mb(os.getpid()))


def _family_mb(root: int) -> float:
    children: dict[int, list[int]] = defaultdict(list)
    resident: dict[int, float] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children[int(fields[1])].append(int(entry.name))
        resident[int(entry.name)] = int(fields[21]) * 4096 / 1e6
    total, waiting = 0.0, [root]
    while waiting:
        process = waiting.pop()
        total += resident.get(process, 0.0)
        waiting.extend(children[process])
    return total


def read_all(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """Readings as `depli read --json` gives them."""
    return _read(paths)[0]


def _truth(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _mailbag(data: Path, report: Report) -> None:
    folder = data / "mailbag"
    truth = _truth(folder / "truth.jsonl")
    lines, seconds, peak = _read([folder / t["file"] for t in truth])
    score = Score()
    by_source: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in lines:
        by_source[Path(line["source"]).name].append(line)
    for expected in truth:
        found = by_source.get(Path(expected["file"]).name, [])
        score.add(expected, max(found, key=lambda r: len(r.get("fields") or {}), default=None))
    split = sum(len(by_source.get(Path(t["file"]).name, [])) != 1 for t in truth)
    pages = sum(t["pages"] for t in truth)
    rows = ["| what | seen | exact | accepted | wrong | upper bound 95 % |", "|---|---|---|---|---|---|"]
    rows += [f"| {title} | {tally.row()} |" for title, tally in _by_kind(score).items()]
    rows += [f"| {group} / {name} | {tally.row()} |" for (group, name), tally in sorted(score.fields.items())]
    whole = score.whole
    report.section(
        "Mailbag, single documents (synthetic)",
        [
            f"- {len(truth)} documents, {pages} pages; type right {score.types.right / score.types.seen:.3f}, "
            f"form right {score.forms.right / max(1, score.forms.seen):.3f}, split or missing {split}",
            f"- documents with every field right {whole.right / whole.seen:.3f}; straight through (nothing to verify) "
            f"{whole.accepted / whole.seen:.3f}, of these {whole.accepted_wrong} with an error",
            f"- invoice lines F1 {score.lines_f1():.3f}",
            f"- {pages / seconds:.2f} pages/s over all kinds, peak memory {peak:.0f} MB for all processes",
            "",
            *rows,
        ],
    )


def _by_kind(score: Score) -> dict[str, Tally]:
    kinds: dict[str, Tally] = {"**all fields**": score.together()}
    for (group, name), tally in score.fields.items():
        if group == "supplier_invoice":
            title = "invoice keys" if name in INVOICE_KEYS else "other invoice fields"
        elif name in ("subscriber_reference", "meter_serial"):
            title = (
                "printed zones"
                if group.startswith("tcard")
                else "capitals in boxes"
                if name == "meter_serial"
                else "digits in boxes"
            )
        else:
            title = next((kind for kind, names in KINDS.items() if name in names.split()), "other")
        total = kinds.setdefault(f"**{title}**", Tally())
        total.seen += tally.seen
        total.right += tally.right
        total.accepted += tally.accepted
        total.accepted_wrong += tally.accepted_wrong
    return kinds


def _stacks(data: Path, report: Report) -> None:
    folder = data / "mailbag"
    rows = [
        "| stack | separators | sheets | documents | found | boundaries F1 | types right |",
        "|---|---|---|---|---|---|---|",
    ]
    for stack in _truth(folder / "batches.jsonl"):
        lines, _, _ = _read([folder / stack["file"]])
        expected = {tuple(d["pages"]): d for d in stack["documents"]}
        found = {tuple(line["pages"]): line for line in lines if "pages" in line}
        begins, got = {pages[0] for pages in expected}, {pages[0] for pages in found}
        f1 = 2 * len(begins & got) / max(1, len(begins) + len(got))
        types = sum(found[p]["document_type"] == d["document_type"] for p, d in expected.items() if p in found)
        rows.append(
            f"| {Path(stack['file']).name} | {stack['separator']} | {stack['sheets']} | {len(expected)} | "
            f"{len(found)}, {len(expected.keys() & found.keys())} exact | {f1:.3f} | {types} |"
        )
    report.section("Mailbag, stacks", rows)


def _invoices(data: Path, report: Report) -> None:
    folder = data / "invoices"
    truths = [json.loads(p.read_text(encoding="utf-8")) for p in sorted((folder / "truth").glob("*.json"))]
    chosen = [t for t in truths if t["doc_type"] != "receipt"]
    paths = {t["id"]: folder / "files" / Path(t["file"]).name for t in chosen}
    lines, seconds, _ = _read(list(paths.values()))
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in lines:
        if "error" not in line:
            found[Path(line["source"]).name].append(line)
    groups: dict[str, dict[str, Tally]] = defaultdict(lambda: defaultdict(Tally))
    negatives = Counter[str]()
    for truth in chosen:
        reading = max(found.get(paths[truth["id"]].name, []), key=lambda r: len(r["fields"]), default=None)
        is_invoice = reading is not None and reading["document_type"] == "supplier_invoice"
        if truth["doc_type"] not in ("invoice", "credit_note"):
            negatives.update(seen=1, other=not is_invoice)
            continue
        groups[truth["language"]]["(type)"].count(right=is_invoice, accepted=False)
        for name, value in truth["fields"].items():
            if name in ("lines", "seller_address", "buyer_vat_id"):
                continue
            ours = name.replace("_or_siren", "")
            answer = ((reading or {}).get("fields") or {}).get(ours) or {}
            right = _same(ours, value, answer.get("value"))
            accepted = answer.get("decision") == "accepted"
            groups[f"{truth['language']}, {truth['layout_group']}"]["all fields"].count(right=right, accepted=accepted)
            groups[truth["language"]][ours].count(right=right, accepted=accepted)
    rows = ["| group / field | seen | exact | accepted | wrong | upper bound 95 % |", "|---|---|---|---|---|---|"]
    rows += [
        f"| {group} / {name} | {tally.row()} |"
        for group, names in sorted(groups.items())
        for name, tally in sorted(names.items())
    ]
    report.section(
        "Invoices of other people (real, mostly born-digital; receipts left out)",
        [
            f"- {len(chosen)} documents in {seconds:.0f} s; mail that is no invoice recognised as such: "
            f"{negatives['other']} of {negatives['seen']}",
            "",
            *rows,
        ],
    )


def _same(name: str, truth: Any, found: Any) -> bool:
    expected, got = comparable(name, truth), comparable(name, found)
    if name.endswith("siret") and expected and got:
        return bool(expected == got or (len(str(expected)) == 9 and str(got).startswith(str(expected))))
    return bool(expected == got)


def _handwriting(data: Path, report: Report) -> None:
    folder = data / "handwriting"
    from extraction.readers.glyphs import GlyphReader

    one_thread()
    reader = GlyphReader()
    rows = ["| set | characters | read rightly | sure (>= 0.9) | wrong among sure |", "|---|---|---|---|---|"]
    for name, charset in (
        ("digits_mnist", Charset.DIGITS),
        ("digits_usps", Charset.DIGITS),
        ("digits_optdigits", Charset.DIGITS),
        ("digits_orand", Charset.DIGITS),
        ("digits_unipen", Charset.DIGITS),
        ("upper_unipen", Charset.ALPHA),
    ):
        with np.load(folder / f"{name}.npz") as content:
            images, labels = content["x"], content["y"]
        step = max(1, len(images) // 2000)
        cells = [np.pad(255 - image, 6, constant_values=255).astype(np.uint8) for image in images[::step]]
        answers = reader.read(cells, charset)
        right = sure = wrong = 0
        for answer, label in zip(answers, labels[::step], strict=True):
            good = answer.best == str(label)
            certain = answer.probability(answer.best) >= 0.9
            right += good
            sure += certain
            wrong += certain and not good
        rows.append(f"| {name} | {len(cells)} | {right / len(cells):.4f} | {sure / len(cells):.3f} | {wrong} |")
    note = "Samples of the development sets, some of it training material (held-out writers: see the model card)."
    note += " USPS and ORAND were never trained on."
    report.section("Handwritten characters", [note, "", *rows])


@dataclass(slots=True)
class _Stopwatch:
    """CPU seconds by stage, one process, one thread."""

    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    pages: int = 0

    def time(self, stage: str, work: Callable[..., Any], *args: Any, **more: Any) -> Any:
        """The answer of `work`; its CPU time is added to `stage`."""
        started = time.process_time()
        try:
            return work(*args, **more)
        finally:
            self.seconds[stage] += time.process_time() - started


def _speed(data: Path, report: Report) -> None:
    folder = data / "mailbag"
    truth = _truth(folder / "truth.jsonl")
    one_thread()
    engines = load_engines(EngineSettings())
    rows = ["| pages | stage | CPU s a page |", "|---|---|---|"]
    ratio: list[str] = []
    for title, chosen in (
        ("forms", [t for t in truth if t["form"]][:24]),
        ("invoices", [t for t in truth if t["document_type"] == "supplier_invoice"][:16]),
    ):
        paths = [folder / t["file"] for t in chosen]
        watch = _stages(paths, engines)
        rows += [f"| {title} | {stage} | {seconds / watch.pages:.3f} |" for stage, seconds in watch.seconds.items()]
        ours = sum(watch.seconds.values()) / watch.pages
        naive = _first_pipeline(paths)
        _, seconds, peak = _read(paths)
        told = ", ".join(f"{name} {cost:.2f} CPU s a page" for name, cost in naive.items())
        ratio.append(
            f"- {title}: {watch.pages / seconds:.2f} pages/s with all cores; {ours:.3f} CPU s a page here; "
            f"the first pipeline one would build: {told}; ratio of pages per CPU second "
            f"{sum(naive.values()) / ours:.1f}; peak memory {peak:.0f} MB"
        )
    report.section("Speed", [*ratio, "", *rows])


def _stages(paths: Sequence[Path], engines: Any) -> _Stopwatch:
    """The stages one after the other in this process, as a reading process goes through them."""
    from capture import opening
    from capture.cleaning import clean
    from capture.sources import Limits
    from pipeline.recognition import as_reading, read_content, understand

    watch = _Stopwatch()
    definitions = [template.definition for template in engines.templates]
    for path in paths:
        with tempfile.TemporaryDirectory() as out:
            info = opening.inspect(path, Limits())
            numbers = range(1, info.pages + 1)
            rasters = watch.time("raster", opening.raster, path, numbers, Path(out), Limits())
            readings = []
            for raster in rasters:
                image = raster.load()
                cleaned = watch.time("clean", clean, image, dpi=raster.dpi)
                reading = as_reading(cleaned, repaired=False)
                if not cleaned.blank and cleaned.separator is None:
                    reading = watch.time("read", read_content, cleaned.image, reading, engines)
                readings.append(reading)
                watch.pages += 1
        today = datetime.now(UTC).date()
        watch.time("understand", understand, readings, numbers, definitions, today=today)
    return watch


def _first_pipeline(paths: Sequence[Path]) -> dict[str, float]:
    """CPU seconds a page of pdf2image + pytesseract, and of OCRmyPDF where it is installed, on some of the pages."""
    import resource
    import shutil
    import subprocess

    import pytesseract
    from pdf2image import convert_from_path
    from PIL import Image

    chosen = [path for path in paths if path.suffix == ".pdf"][:6]

    def cpu() -> float:
        own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
        return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime

    started, pages = cpu(), 0
    for path in chosen:
        pictures: list[Image.Image] = convert_from_path(str(path), dpi=300)
        for picture in pictures:
            pytesseract.image_to_data(picture, lang="fra")
            pages += 1
    costs = {"pdf2image + pytesseract": (cpu() - started) / max(1, pages)}
    program = shutil.which("ocrmypdf")
    if program:
        started = cpu()
        with tempfile.TemporaryDirectory() as out:
            for number, path in enumerate(chosen):
                command = [program, "--quiet", "--language", "fra", "--output-type", "pdf", "--force-ocr"]
                subprocess.run([*command, str(path), f"{out}/{number}.pdf"], check=False, capture_output=True)  # noqa: S603
        costs["OCRmyPDF"] = (cpu() - started) / max(1, pages)
    return costs
