"""What a page's text says about where its document begins and ends: page number, title, sender, number, "suite"."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from classifiers.wording import TITLES, Heading, fold, headings, words_in
from models.reading import PageClues
from models.text import PageText, TextLine
from models.values.bank import check_iban, parse_iban
from models.values.identifiers import check_siren, check_siret, check_vat_id, parse_vat_id, siren_of_vat_id

_CLEAR_TITLE = 0.5
"""Weight from which a heading counts as the document's title."""

_OF_PAGES = re.compile(
    r"\b(?:page|pages|pag|p|feuillet|feuille|folio|seite|blatt|pagina)\b[ .:n°]*"
    r"(\d{1,3}) ?(?:/|sur|de|of|von|van|-) ?(\d{1,3})\b"
)
_PAGE_ONLY = re.compile(r"\b(?:page|feuillet|folio|seite|blatt|pagina)\b[ .:n°]*(\d{1,3})\s*$")
_DASHED = re.compile(r"^[-–] ?(\d{1,2}) ?[-–]$")
_BARE = re.compile(r"^[-–( ]*(\d{1,2}) ?(?:/|sur) ?(\d{1,2})[-–) ]*$")

_CONTINUES = re.compile(
    r"\(suite\)|^suite\b.{0,3}$|\bvoir (?:au verso|page suivante)|\ba reporter\b|\btotal reporte\b"
    r"|\bsuite (?:au verso|page|en page|de la page|de la facture|du tableau|sur la page|feuille)"
    r"|^report\b(?! de)|\breport (?:page|de la page|precedent)|\bt\.? ?s\.? ?v\.? ?p\b|\.\.\./\.\.\."
    r"|\bcontinued\b|\b(?:carried|brought) forward\b|\bubertrag\b|\bfortsetzung\b"
)

_NUMBER_LABEL = re.compile(
    r"(?:(?:facture|avoir|invoice|credit note|rechnungs?|gutschrift|factuur|factura|devis|commande|lieferschein)"
    r"(?: (?:[(][a-z ]+[)]|(?!(?:[a-z]+ )?(?:devis|commande|marche|contrat|client|compte)\b)[a-z']+(?: [a-z]+)?))?"
    r"[ -]*(?:n ?[°º]s?|n[or]s?\b\.?|nr\b\.?|num(?:ero|ber|mer)?\b\.?|id\b|#|nummer\b)"
    r"|(?:n ?[°º]|\bn[or]\b|\bnumero|\bnum|\bref|\breference)\.? ?(?:de |d'|d |du |la )*"
    r"(?:facture|avoir|devis|commande|piece)"
    r"|(?:rechnungs|beleg|gutschrift|factuur)[ -]?(?:nummer|nr)\b\.?"
    r"|\bfacture\b(?=[ :]*[a-z]{0,4}[-/]?\d))(?P<rest>.*)"
)
_INVOICES = frozenset({"facture", "avoir"})
_NUMBER_IN_TITLE = re.compile(r"\bn ?[°ºo](?P<rest>.*)")
_SHORTEST_IN_TITLE = 3
"""`Décompte n° 2` counts those of a site."""
_OTHER_PAPER = re.compile(r"commande|devis|lieferschein|piece")
_BARE_HEADS = {("n",), ("no",), ("numero",), ("facture",), ("number",), ("nr",), ("nummer",), ("avoir",)}
_NUMBER = re.compile(r"[a-z0-9](?:[a-z0-9]|[-/._](?=[a-z0-9]))*")
_DATE_LIKE = re.compile(r"\d{1,2}[./-]\d{1,2}[./-](?:\d{2}|\d{4})$|\d{4}-\d{2}-\d{2}$")

_CENTS = re.compile(r",\d{2}(?!\d)")
"""Behind figures: they are an amount."""

_BUYER = (
    "client",
    "votre",
    "destinataire",
    "acheteur",
    "debiteur",
    "adresse a",
    "facture a",
    "livre a",
    "buyer",
    "kunde",
)
_SIREN_OR_SIRET = re.compile(r"(?<!\d)(\d{3}[ .]?\d{3}[ .]?\d{3})((?:[ .]?\d{5})|(?:[ .]?\d{3}[ .]?\d{2}))?(?!\d)")
_VAT = re.compile(
    r"\b[A-Z]{2} ?[0-9A-Z]{2}[ .]?\d{3}[ .]?\d{3}[ .]?\d{3}\b|\b(?:DE|ATU|BE0?|ES[A-Z]?|NL|IT|LU) ?\d[\d .B]{6,12}\d\b"
)
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{2,4}){3,8}")


def page_clues(text: PageText) -> PageClues:
    """Gather what a page says about its place in a document. Pure; nothing found is `None`, not an error."""
    number, count = _page_numbers(text)
    titles = [heading for heading in headings(text) if heading.weight >= _CLEAR_TITLE]
    return PageClues(
        page_number=number,
        page_count=count,
        title=titles[0].kind if titles else None,
        sender=_sender(text),
        document_number=_document_number(text.lines) or _number_in_title(titles),
        continues=any(_CONTINUES.search(fold(line.text).strip()) for line in text.lines),
    )


def _page_numbers(text: PageText) -> tuple[int | None, int | None]:
    alone: int | None = None
    for line in text.lines:
        plain = fold(line.text).strip()
        match = _OF_PAGES.search(plain)
        if match is None and not 0.12 < line.box.center_y / text.height < 0.88:
            match = _BARE.search(plain)
        if match and 1 <= int(match[1]) <= int(match[2]):
            return int(match[1]), int(match[2])
        single = _PAGE_ONLY.search(plain)
        if single is None and not 0.12 < line.box.center_y / text.height < 0.88:
            single = _DASHED.match(plain)
        if single and alone is None and len(plain) < 25:
            alone = int(single[1])
    return alone, None


def _sender(text: PageText) -> str | None:
    """Who sent it: a registered number that is not the buyer's, else an account, else the name at the top."""
    sides = [(line, _is_buyers(line, text.lines)) for line in text.lines]
    for line, buyers in sides:
        vat = None if buyers else next(_vat_ids(line.text), None)
        if vat:
            siren = siren_of_vat_id(vat)
            return f"siren:{siren}" if siren else f"vat:{vat}"
    for line, buyers in sides:
        siren = None if buyers else next(_sirens(line.text), None)
        if siren:
            return f"siren:{siren}"
    for line, buyers in sides:
        iban = None if buyers else next(_ibans(line.text), None)
        if iban:
            return f"iban:{iban}"
    name = _name_at_top(text)
    return f"name:{name}" if name else None


def _is_buyers(line: TextLine, lines: Sequence[TextLine]) -> bool:
    """Whether a line, or the label right above it, speaks of the buyer."""
    if _names_buyer(line.text):
        return True
    above = [
        other
        for other in lines
        if 0 < line.box.center_y - other.box.center_y < 2.5 * line.box.height
        and min(other.box.right, line.box.right) > max(other.box.x, line.box.x)
    ]
    return any(_names_buyer(other.text) and len(other.text) < 30 for other in above)


def _names_buyer(text: str) -> bool:
    plain = fold(text)
    return any(word in plain for word in _BUYER)


def _vat_ids(text: str) -> Iterator[str]:
    for match in _VAT.finditer(text):
        vat = parse_vat_id(match[0])
        if vat and not check_vat_id(vat):
            yield vat


def _sirens(text: str) -> Iterator[str]:
    plain = fold(text)
    labelled = any(word in plain for word in ("siret", "siren", "rcs", "r.c.s"))
    for match in _SIREN_OR_SIRET.finditer(text):
        siren, nic = re.sub(r"\D", "", match[1]), re.sub(r"\D", "", match[2] or "")
        if (nic and not check_siret(siren + nic)) or (not nic and labelled and not check_siren(siren)):
            yield siren


def _ibans(text: str) -> Iterator[str]:
    for match in _IBAN.finditer(text):
        words = match[0].split(" ")
        for length in range(len(words), 0, -1):
            iban = parse_iban("".join(words[:length]))
            if iban and not check_iban(iban):
                yield iban
                break


def _name_at_top(text: PageText) -> str | None:
    """The largest writing in the top quarter that is neither a title nor a number, folded without spaces."""
    titles = {tuple(phrase.split()) for phrases in TITLES.values() for phrase in phrases}
    named = [
        (line.box.height, "".join(words))
        for line in text.lines
        if line.box.center_y < 0.25 * text.height
        for words in [words_in(line.text)]
        if words
        and not any(words[: len(title)] == title for title in titles)
        and sum(c.isalpha() for c in line.text) >= 4
        and sum(c.isdigit() for c in line.text) <= 2
    ]
    return max(named, key=lambda item: item[0])[1] if named else None


def _document_number(lines: Sequence[TextLine]) -> str | None:
    """What stands behind, beside or below "facture n°"; an order's or quote's number only when there is no other."""
    fallback: str | None = None
    for line in lines:
        match = _NUMBER_LABEL.search(fold(line.text))
        if match is None:
            continue
        for candidate in (match["rest"], *(fold(near.text) for near in _beside_and_below(line, lines))):
            number = _number_in(candidate)
            if number and not _OTHER_PAPER.search(match[0][: match.start("rest") - match.start()]):
                return number
            if match.start() == 0:  # "suivant devis n°" in a line of the table is not the page's own number
                fallback = fallback or number
    return _number_under_its_head(lines) or fallback


def _number_in_title(titles: Sequence[Heading]) -> str | None:
    """What stands behind "n°" in the title of an invoice that another word names: "Décompte n° INV-66735"."""
    for title in titles:
        match = _NUMBER_IN_TITLE.search(fold(title.line.text)) if title.kind in _INVOICES else None
        number = _number_in(match["rest"]) if match else None
        if number and len(number) >= _SHORTEST_IN_TITLE:
            return number
    return None


def _number_under_its_head(lines: Sequence[TextLine]) -> str | None:
    """The number in a table of details whose column is headed "N°" or "Numéro" only."""
    for line in lines:
        if words_in(line.text) not in _BARE_HEADS:
            continue
        for near in _beside_and_below(line, lines):
            number = _number_in(fold(near.text))
            if number:
                return number
    return None


def _beside_and_below(line: TextLine, lines: Sequence[TextLine]) -> list[TextLine]:
    box = line.box
    beside = [
        other
        for other in lines
        if other is not line
        and abs(other.box.center_y - box.center_y) < 0.5 * box.height
        and 0 <= other.box.x - box.right < 12 * box.height
    ]
    below = [
        other
        for other in lines
        if 0 < other.box.y - box.y < 3.5 * box.height
        and other.box.center_y > box.bottom
        and min(other.box.right, box.right) > max(other.box.x, box.x)
    ]
    return sorted(beside, key=lambda other: other.box.x)[:1] + sorted(below, key=lambda other: other.box.y)[:1]


def _number_in(text: str) -> str | None:
    """The first token with a digit, when nothing but a label's rest stands before it."""
    before = ""
    for match in _NUMBER.finditer(text):
        token = match[0]
        if any(c.isdigit() for c in token) and len(token) >= 2:
            no_number = _DATE_LIKE.fullmatch(token) or _CENTS.match(text, match.end())
            return None if no_number else token.upper()
        before += token
        if len(before) > 12:
            return None
    return None
