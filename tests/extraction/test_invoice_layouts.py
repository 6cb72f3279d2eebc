"""Invoices of random layouts and wordings: whatever the page looks like, its fields are found."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extraction.invoices import InvoiceReading, extract_invoice
from models.definitions import INVOICE_FIELDS
from models.geometry import Box
from models.reading import Decision
from models.text import PageText, TextLine, Word
from models.values.dates import MONTHS
from models.values.identifiers import check_siret, vat_id_of_siren
from models.values.kinds import kind

DPI = 200.0
CENT = Decimal("0.01")
_DATE_LABELS = ["Date", "Date de facture", "Émise le", "Date d'émission", "Le", "Facturé le", "Date facture"]
_DUE_LABELS = [
    "Échéance",
    "Date d'échéance",
    "À régler avant le",
    "Payable au plus tard le",
    "Date limite de règlement",
]
_NUMBER_LABELS = [
    "Facture n°",
    "N° de facture",
    "Numéro",
    "Réf. facture",
    "FACTURE N°",
    "N° facture",
    "Référence facture",
]
_ORDER_LABELS = [
    "N° d'engagement",
    "Bon de commande",
    "Votre commande",
    "Engagement juridique",
    "Réf. commande",
    "BC n°",
]
_MARKET_LABELS = ["Marché n°", "N° de marché", "Réf. marché"]
_SERVICE_LABELS = ["Code service", "Service destinataire", "Service exécutant", "Code service (Chorus)"]
_BUYER_LABELS = ["Facturé à", "Destinataire", "Client", "Adresse de facturation", ""]
_HT = ["Total HT", "Montant HT", "Total hors taxes", "TOTAL H.T.", "Net HT"]
_TVA = ["Total TVA", "Montant TVA", "TVA totale"]
_TTC = ["Total TTC", "Montant TTC", "Net TTC", "TOTAL T.T.C.", "Total toutes taxes comprises"]
_DUE = ["NET À PAYER", "Net à payer", "À payer", "Reste à payer", "Solde à régler", "Net à régler"]
_SELLERS = [
    "Ateliers Morvan SARL",
    "Hydro Conseil SAS",
    "BERNARD ET FILS",
    "Électricité Pasquier EURL",
    "SCOP Les Jardins",
]
_BUYERS = [
    "Mairie de Plouvien",
    "Régie des Eaux de Sauvetat",
    "Communauté de communes du Pays d'Othe",
    "CCAS de Brévand",
]
_GOODS = [
    "Pose de canalisation",
    "Vanne DN 40",
    "Curage de fossé",
    "Papier A3 90 g",
    "Contrôle de poteau incendie",
    "Heures de régie",
]


@dataclass
class Sheet:
    """Words placed by their left or right edge, in millimetres, as a page of text."""

    size: float = 3.2
    words: list[TextLine] = field(default_factory=list)

    def put(self, x: float, y: float, text: str, *, right: bool = False) -> None:
        advance = self.size * 0.55
        left = x - len(text) * advance if right else x
        words, place = [], left
        for part in text.split():
            box = Box(place, y, len(part) * advance, self.size).scaled(DPI / 25.4)
            words.append(Word(part, box, 0.99))
            place += (len(part) + 1) * advance
        self.words.append(TextLine(text, Box.around(w.box for w in words), 0.99, tuple(words), (), "drawn"))

    def page(self) -> PageText:
        lines = tuple(sorted(self.words, key=lambda line: (line.box.y, line.box.x)))
        return PageText(lines, int(210 / 25.4 * DPI), int(297 / 25.4 * DPI), DPI, "ocr")


@dataclass
class Drawn:
    """An invoice with what is printed on it."""

    page: PageText
    fields: dict[str, str]
    lines: list[tuple[str, str, str]]


def _siret(chance: random.Random) -> str:
    while True:
        value = f"{chance.randrange(10**8, 10**9)}000{chance.randrange(10, 99)}"
        if not check_siret(value):
            return value


def _money(value: Decimal, style: str) -> str:
    whole, cents = f"{value:.2f}".split(".")
    grouped = f"{int(whole):,}".replace(",", {"space": " ", "dot": ".", "plain": ""}[style])
    return f"{grouped},{cents}"


def _day(value: date, style: str) -> str:
    if style == "words":
        return f"{value.day} {MONTHS[value.month - 1]} {value.year}"
    return value.strftime({"slash": "%d/%m/%Y", "dot": "%d.%m.%Y", "short": "%d/%m/%y"}[style])


def draw(seed: int) -> Drawn:
    """One invoice of a random layout."""
    chance = random.Random(seed)
    sheet = Sheet(size=chance.choice([2.8, 3.2, 3.6]))
    issued = date(2026, 1, 5) + timedelta(days=chance.randrange(300))
    siret, buyer_siret = _siret(chance), _siret(chance)
    style = chance.choice(["slash", "dot", "words", "short"])
    number = chance.choice(["FA2026-{}", "{}", "2026/{}", "F{}", "VT-{}"]).format(chance.randrange(10000, 99999))
    truth = {
        "invoice_number": number,
        "issue_date": issued.isoformat(),
        "seller_name": chance.choice(_SELLERS),
        "buyer_name": chance.choice(_BUYERS),
        "seller_siret": siret,
        "seller_vat_id": vat_id_of_siren(siret[:9]),
    }
    _draw_parties(sheet, chance, truth)
    marks = [(chance.choice(_NUMBER_LABELS), number), (chance.choice(_DATE_LABELS), _day(issued, style))]
    if chance.random() < 0.7:
        due = issued + timedelta(days=30)
        truth["due_date"] = due.isoformat()
        marks.append((chance.choice(_DUE_LABELS), _day(due, style)))
    for name, labels, value in (
        ("order_reference", _ORDER_LABELS, f"{chance.choice(['EJ', '45', 'CDE'])}{chance.randrange(10**5, 10**6)}"),
        ("contract_reference", _MARKET_LABELS, f"26M{chance.randrange(100, 999)}"),
        ("buyer_service_code", _SERVICE_LABELS, chance.choice(["FIN", "ST-EAU", "SRV12", "BATIMENTS"])),
        ("buyer_siret", ["SIRET client", "Votre SIRET", "SIRET destinataire"], buyer_siret),
    ):
        if chance.random() < 0.6:
            truth[name] = value
            marks.append((chance.choice(labels), value))
    y = _draw_marks(sheet, chance, marks)
    rows, y = _draw_lines(sheet, chance, y + 10)
    _draw_totals(sheet, chance, truth, rows, y + 6)
    sheet.put(30, 284, f"SIRET {siret} - TVA intracommunautaire {truth['seller_vat_id']} - capital de 10 000 €")
    return Drawn(sheet.page(), truth, [(str(q), f"{p:.2f}", f"{t:.2f}") for q, p, t in rows])


def _draw_parties(sheet: Sheet, chance: random.Random, truth: dict[str, str]) -> None:
    step = sheet.size * 1.25
    seller, buyer = (
        [truth["seller_name"], "12 rue du Moulin", "29200 BREST"],
        [truth["buyer_name"], "1 place de l'Hôtel", "10160 AIX"],
    )
    left = chance.choice([12, 18, 24])
    for index, text in enumerate(seller):
        sheet.put(left, 15 + index * step, text)
    x, y = chance.choice([(110, 34), (118, 42), (100, 16), (left, 40)])
    label = chance.choice(_BUYER_LABELS)
    if label:
        sheet.put(x, y - step, label)
    for index, text in enumerate(buyer):
        sheet.put(x, y + index * step, text)


def _draw_marks(sheet: Sheet, chance: random.Random, marks: list[tuple[str, str]]) -> float:
    step, y = sheet.size * 1.5, 66.0
    way = chance.choice(["colon", "columns", "table"])
    if way == "table":
        width = 186 / 4
        for start in range(0, len(marks), 4):
            for column, (label, value) in enumerate(marks[start : start + 4]):
                sheet.put(14 + column * width, y, label)
                sheet.put(14 + column * width, y + step, value)
            y += 3.5 * step
        return y
    for label, value in marks:
        if way == "colon":
            sheet.put(18, y, f"{label} : {value}")
        else:
            sheet.put(18, y, label)
            sheet.put(80, y, value)
        y += step
    return y


def _draw_lines(sheet: Sheet, chance: random.Random, y: float) -> tuple[list[tuple[int, Decimal, Decimal]], float]:
    columns = (["Qté", "Quantité"], ["PU HT", "Prix unitaire", "P.U."], ["Montant HT", "Total HT", "Montant"])
    heads = [chance.choice(["Désignation", "Libellé", "Description"]), *(chance.choice(words) for words in columns)]
    right = chance.random() < 0.5
    edges = [115, 150, 190]
    sheet.put(16, y, heads[0])
    for x, text in zip(edges, heads[1:], strict=True):
        sheet.put(x if right else x - 20, y, text, right=right)
    money = chance.choice(["space", "plain"])
    rows = []
    for _ in range(chance.randrange(1, 7)):
        y += sheet.size * 1.8
        quantity, price = chance.randrange(1, 30), Decimal(chance.randrange(200, 90000)) / 100
        total = (quantity * price).quantize(CENT, ROUND_HALF_UP)
        sheet.put(16, y, chance.choice(_GOODS))
        for x, text in zip(edges, (str(quantity), _money(price, money), _money(total, money)), strict=True):
            sheet.put(x, y, text, right=True)
        rows.append((quantity, price, total))
    return rows, y + 6


def _draw_totals(
    sheet: Sheet, chance: random.Random, truth: dict[str, str], rows: list[tuple[int, Decimal, Decimal]], y: float
) -> None:
    base = sum((total for _, _, total in rows), Decimal(0))
    rate = chance.choice([Decimal(20), Decimal(10), Decimal("5.5")])
    tax = (base * rate / 100).quantize(CENT, ROUND_HALF_UP)
    money = chance.choice(["space", "plain"])
    unit = chance.choice([" €", "€", " EUR", ""])
    printed = [(chance.choice(_HT), base), (f"TVA {rate} %".replace(".", ","), tax), (chance.choice(_TTC), base + tax)]
    if chance.random() < 0.4:
        printed[1] = (chance.choice(_TVA), tax)
    due = base + tax
    if chance.random() < 0.2:
        paid = (due / 4).quantize(CENT)
        due -= paid
        printed += [("Acompte versé", -paid), (chance.choice(_DUE), due)]
    elif chance.random() < 0.6:
        printed.append((chance.choice(_DUE), due))
    for label, value in printed:
        sheet.put(112, y, label)
        sheet.put(194, y, _money(value, money) + unit, right=True)
        y += sheet.size * 1.7
    truth |= {"total_without_tax": f"{base:.2f}", "total_tax": f"{tax:.2f}", "total_with_tax": f"{base + tax:.2f}"}
    truth["amount_due"] = f"{due:.2f}"


def wrong(drawn: Drawn, reading: InvoiceReading) -> list[str]:
    """Fields whose value is not the printed one, or that were found though nothing is printed."""
    loose = {"currency", "document_kind", "seller_iban"}
    return [n for n, f in reading.fields.items() if n not in loose and f.value != drawn.fields.get(n)]


@pytest.fixture(scope="module")
def readings() -> list[tuple[Drawn, InvoiceReading]]:
    return [(drawn, extract_invoice([drawn.page])) for drawn in map(draw, range(60))]


def test_fields_are_found_whatever_the_layout(readings: list[tuple[Drawn, InvoiceReading]]) -> None:
    fields = len(INVOICE_FIELDS) - 3
    misses = [f"{seed}:{name}" for seed, (drawn, reading) in enumerate(readings) for name in wrong(drawn, reading)]

    assert len(misses) <= 0.03 * fields * len(readings), misses


def test_lines_are_read_whatever_the_layout(readings: list[tuple[Drawn, InvoiceReading]]) -> None:
    missed = 0
    for drawn, reading in readings:
        got = [(line.quantity, line.unit_price, line.line_total) for line in reading.lines]
        missed += sum(line not in got for line in drawn.lines) + max(0, len(got) - len(drawn.lines))

    assert missed <= 0.05 * sum(len(drawn.lines) for drawn, _ in readings)


def test_every_field_is_there_with_a_confidence_and_no_decision(readings: list[tuple[Drawn, InvoiceReading]]) -> None:
    for _, reading in readings:
        assert list(reading.fields) == [definition.name for definition in INVOICE_FIELDS]
        assert all(f.decision is Decision.TO_VERIFY for f in reading.fields.values())
        assert all(f.confidence is not None and 0 < f.confidence < 1 for f in reading.fields.values())


def test_boxes_are_in_millimetres_on_the_page(readings: list[tuple[Drawn, InvoiceReading]]) -> None:
    for _, reading in readings:
        for found in reading.fields.values():
            if found.box is not None:
                assert found.page == 1
                assert found.box.x >= 0 and found.box.right <= 215 and found.box.bottom <= 297


def test_a_page_without_words_has_no_values() -> None:
    reading = extract_invoice([PageText((), 1654, 2339, DPI, "ocr")])

    assert all(f.value is None for f in reading.fields.values() if f.name not in ("currency", "document_kind"))
    assert reading.lines == () and reading.vat_breakdown == ()


def _frame(sheet: Sheet, title: str = "FACTURE N° F2026-77") -> None:
    for y, text in enumerate(["Ateliers Morvan SARL", "12 rue du Moulin", "29200 BREST"]):
        sheet.put(15, 15 + 4 * y, text)
    for y, text in enumerate(["Mairie de Plouvien", "1 place de la Liberté", "29860 PLOUVIEN"]):
        sheet.put(115, 36 + 4 * y, text)
    sheet.put(15, 55, title)
    sheet.put(115, 55, "Brest, le 4 mars 2026")


def _heads(sheet: Sheet, y: float) -> None:
    for x, text in ((90, "Qté"), (125, "PU HT"), (150, "TVA"), (190, "Total HT")):
        sheet.put(x, y, text, right=True)
    sheet.put(15, y, "Désignation")


def _line(sheet: Sheet, y: float, texts: tuple[str, str, str, str, str]) -> None:
    sheet.put(15, y, texts[0])
    for x, text in zip((90, 125, 150, 190), texts[1:], strict=True):
        sheet.put(x, y, text, right=True)


def _two_rates(sheet: Sheet, sign: str = "") -> None:
    _heads(sheet, 75)
    _line(sheet, 82, ("Vanne DN 40", "2", "100,00", "20 %", f"{sign}200,00"))
    _line(sheet, 88, ("Eau en bouteilles", "10", "10,00", "5,5 %", f"{sign}100,00"))


def test_totals_in_a_row_and_a_vat_table_are_read_together() -> None:
    sheet = Sheet()
    _frame(sheet)
    _two_rates(sheet)
    for x, head, first, second in (
        (40, "Taux", "20,00 %", "5,50 %"),
        (75, "Base HT", "200,00", "100,00"),
        (105, "Montant TVA", "40,00", "5,50"),
    ):
        for y, text in ((110, head), (116, first), (121, second)):
            sheet.put(x, y, text, right=True)
    for x, head, value in ((60, "Total HT", "300,00 €"), (100, "Total TVA", "45,50 €"), (145, "Total TTC", "345,50 €")):
        sheet.put(x, 140, head, right=True)
        sheet.put(x, 147, value, right=True)

    reading = extract_invoice([sheet.page()])
    values = {name: found.value for name, found in reading.fields.items()}

    assert (values["total_without_tax"], values["total_tax"], values["total_with_tax"]) == ("300.00", "45.50", "345.50")
    assert values["issue_date"] == "2026-03-04"
    assert {(s.rate, s.base, s.tax) for s in reading.vat_breakdown} == {
        ("20", "200.00", "40.00"),
        ("5.5", "100.00", "5.50"),
    }


def test_a_credit_note_keeps_its_signs_as_printed() -> None:
    sheet = Sheet()
    _frame(sheet, "AVOIR N° AV2026-9")
    _two_rates(sheet, "-")
    for y, label, value in ((110, "Total HT", "-300,00"), (116, "Total TVA", "-45,50"), (122, "Total TTC", "-345,50")):
        sheet.put(120, y, label)
        sheet.put(190, y, value, right=True)

    fields = extract_invoice([sheet.page()]).fields

    assert fields["document_kind"].value == "credit_note"
    assert fields["invoice_number"].value == "AV2026-9"
    assert fields["total_with_tax"].value == "-345.50"
    assert fields["amount_due"].value == "-345.50"


def test_lines_go_on_over_the_page_and_wrapped_descriptions_stay_with_theirs() -> None:
    first, second = Sheet(), Sheet()
    _frame(first)
    _two_rates(first)
    first.put(15, 92, "carton de six")
    first.put(120, 260, "À reporter")
    first.put(190, 260, "300,00", right=True)
    _heads(second, 30)
    _line(second, 37, ("Curage de fossé", "1", "50,00", "20 %", "50,00"))
    for y, label, value in ((60, "Total HT", "350,00"), (66, "Total TVA", "55,50"), (72, "Total TTC", "405,50")):
        second.put(120, y, label)
        second.put(190, y, value, right=True)

    reading = extract_invoice([first.page(), second.page()])

    assert [line.description for line in reading.lines] == [
        "Vanne DN 40",
        "Eau en bouteilles carton de six",
        "Curage de fossé",
    ]
    assert reading.fields["total_with_tax"].value == "405.50"
    assert reading.fields["total_with_tax"].page == 2


def test_the_date_behind_the_invoice_number_counts_and_the_one_behind_an_order_does_not() -> None:
    sheet = Sheet()
    sheet.put(15, 15, "Ateliers Morvan SARL")
    sheet.put(15, 40, "Facture n° F2026-77 du 12/03/2026")
    sheet.put(15, 46, "Votre commande n° BC4512 du 02/02/2026")

    fields = extract_invoice([sheet.page()]).fields

    assert fields["invoice_number"].value == "F2026-77"
    assert fields["order_reference"].value == "BC4512"
    assert fields["issue_date"].value == "2026-03-12"
    assert fields["due_date"].value is None


_SCRAPS = [
    "Facture",
    "n°",
    "12,50",
    "(",
    "%",
    ":",
    "€",
    "20",
    "FR76",
    "99/99/9999",
    "TVA",
    "Total HT",
    "12,345",
    "SIRET",
    "½",
    "١٢",
]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(_SCRAPS), st.floats(0, 190), st.floats(0, 280)), max_size=40))
def test_scraps_of_an_invoice_never_stop_the_reading(scraps: list[tuple[str, float, float]]) -> None:
    sheet = Sheet()
    for text, x, y in scraps:
        sheet.put(x, y, text)

    reading = extract_invoice([sheet.page()])

    for definition in INVOICE_FIELDS:
        value = reading.fields[definition.name].value
        assert value is None or isinstance(value, str)


def test_values_are_canonical(readings: list[tuple[Drawn, InvoiceReading]]) -> None:
    for _, reading in readings:
        for definition in INVOICE_FIELDS:
            value = reading.fields[definition.name].value
            if isinstance(value, str) and definition.value_type != "amount":
                assert kind(definition.value_type).parse(value) == value
            elif isinstance(value, str):
                assert f"{Decimal(value):.2f}" == value
