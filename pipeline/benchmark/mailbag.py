"""Single documents of a mailbag with truth: fields, decisions, bounds."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

from extraction.acceptance import shipped_thresholds
from models.bounds import lower_bound, upper_bound
from pipeline.benchmark.measuring import read, truth_of
from pipeline.benchmark.reliability import ece, reliability_svg
from pipeline.benchmark.report import Report
from pipeline.scoring import Score, Tally

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


def measure_mailbag(data: Path, report: Report) -> None:
    folder = data / "mailbag"
    truth = truth_of(folder / "truth.jsonl")
    lines, seconds, peak = read([folder / t["file"] for t in truth])
    score = Score()
    by_source: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in lines:
        by_source[Path(line["source"]).name].append(line)
    for expected in truth:
        found = by_source.get(Path(expected["file"]).name, [])
        score.add(expected, max(found, key=lambda r: len(r.get("fields") or {}), default=None))
    split = sum(len(by_source.get(Path(t["file"]).name, [])) != 1 for t in truth)
    pages = sum(t["pages"] for t in truth)
    rows = [
        "| what | seen | exact | accepted | wrong | upper bound 95 % | interval 90 % | ECE |",
        "|---|---|---|---|---|---|---|---|",
    ]
    kinds = _by_kind(score)
    rows += [_row(title, tally) for title, tally in kinds.items()]
    rows += [_row(f"{group} / {name}", tally) for (group, name), tally in sorted(score.fields.items())]
    report.images["reliability.svg"] = reliability_svg(
        score.together().claimed, title="Mailbag: claimed and realised error"
    )
    whole, limits = score.whole, shipped_thresholds()
    report.section(
        "Mailbag, single documents (synthetic)",
        [
            f"- {len(truth)} documents, {pages} pages; type right {score.types.right / score.types.seen:.3f}, "
            f"form right {score.forms.right / max(1, score.forms.seen):.3f}, split or missing {split}",
            f"- documents with every field right {whole.right / whole.seen:.3f}; straight through (nothing to verify) "
            f"{whole.accepted / whole.seen:.3f}, of these {whole.accepted_wrong} with an error",
            f"- invoice lines F1 {score.lines_f1():.3f}",
            f"- characters of the values as they are given out: {_characters(kinds)}",
            f"- {pages / seconds:.2f} pages/s over all kinds, peak memory {peak:.0f} MB for all processes",
            f"- accepted at a promised error of {limits.error:.1%} (limit {limits.limit:.4f}, tested on "
            f"{limits.seen} values with {limits.errors} wrong: {limits.bound:.2%} at most); fitted on "
            f"{limits.fitted_on}",
            "",
            "![Claimed and realised error of all values, logarithmic](images/reliability.svg)",
            "",
            *rows,
        ],
    )


def _characters(kinds: dict[str, Tally]) -> str:
    told = ((title, kinds[f"**{title}**"]) for title in ("digits in boxes", "capitals in boxes", "IBAN"))
    return ", ".join(f"{title} {1 - t.misread / max(1, t.characters):.4f} of {t.characters}" for title, t in told)


def _row(title: str, tally: Tally) -> str:
    """Counts, the realised error of what was accepted with its interval, and how honest the confidences are."""
    low = lower_bound(tally.accepted_wrong, tally.accepted)
    high = upper_bound(tally.accepted_wrong, tally.accepted)
    bins = 15 if tally.seen > 300 else 5
    return f"| {title} | {tally.row()} | {low:.4f} to {high:.4f} | {ece(tally.claimed, bins=bins):.3f} |"


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
        total.add(tally)
    return kinds
