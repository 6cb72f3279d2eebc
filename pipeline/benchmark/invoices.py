"""Invoices of other people, by language and layout."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from pipeline.benchmark.measuring import read
from pipeline.benchmark.report import Report
from pipeline.scoring import Tally, comparable


def measure_invoices(data: Path, report: Report) -> None:
    folder = data / "invoices"
    truths = [json.loads(p.read_text(encoding="utf-8")) for p in sorted((folder / "truth").glob("*.json"))]
    chosen = [t for t in truths if t["doc_type"] != "receipt"]
    paths = {t["id"]: folder / "files" / Path(t["file"]).name for t in chosen}
    lines, seconds, _ = read(list(paths.values()))
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
