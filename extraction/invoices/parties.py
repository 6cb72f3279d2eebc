"""Who sends and who receives: names and register numbers, by address blocks, letterhead, footer and their words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rapidfuzz.distance import Levenshtein

from extraction.invoices.labels import Label
from extraction.invoices.mentions import Mention, mention_of, numbers_of, unchecked_numbers
from extraction.invoices.options import seen_in_addresses
from extraction.invoices.page_layout import Cell, Document, fold
from extraction.invoices.pointing import strengths
from models.geometry import Box
from models.values.identifiers import siren_of_vat_id

_BUYER = re.compile(
    r"\b(?:mairie|commune|ville|regie|communaute|departement|conseil|ccas|cias|syndicat|metropole|agglomeration"
    r"|region"
    r"|siva?om|sdis|ehpad|hopital|lycee|college|ecole|prefecture|tresorerie|service des eaux|siaep|sivu|sdea"
    r"|collectivite|office"
    r"|centre (?:hospitalier|de gestion|communal|intercommunal|de secours)|caisse des ecoles|s i a e p|s i v o m"
    r"|s i v u|chambre (?:de commerce|d agriculture|de metiers|des metiers)|maison de retraite|parc naturel"
    r"|etablissement public|universite|ministere|sidec|cc des|cc du|eaux d|eau d|sieg?)\b"
)
_LEGAL = re.compile(
    r"\b(?:sarl|sas|sasu|eurl|sa|snc|sci|scop|eirl|gmbh|ag|ltd|inc|bv|bhd|enterprise|trading|nv|gie|selarl|ei|kg|ohg|llc|sca|scic|plc"
    r"|s a r l|s a s|s a|micro entreprise|ets|entreprise|et fils|cabinet|associes)\b"
)
_POSTAL = re.compile(r"(?:^|\s)(?:[FD]\s?-?\s?)?[0-9]{5}\s+[A-ZÀ-Ýa-zà-ÿ]{2}")
_STREET = re.compile(
    r"\b(?:rue|avenue|av|boulevard|bd|chemin|impasse|allee|place|route|rte|quai|lotissement|zone|za|zi|zac|bp"
    r"|cs|cedex"
    r"|lieu dit|square|cours|passage|sentier|hameau|residence|batiment|bat|parc|voie|strasse|street|weg|straat"
    r"|montee|faubourg"
    r"|esplanade|villa)\b"
    r"|str(?:asse)?\b.*[0-9]|strasse|^[0-9]{1,4}(?: bis| ter)? [a-z]"
)
_NOT_NAME = re.compile(
    r"\b(?:tel|telephone|fax|email|mail|siret|siren|tva|iban|bic|facture|date|page|capital|rcs|ape|naf|www|http"
    r"|echeance"
    r"|total|montant|designation|quantite|commande|reference|ref|numero|invoice|rechnung|service|marche"
    r"|conditions|madame"
    r"|stylesheet|version|factura|factuur|fattura|zahlung\w*|kontakt|contact|objet du|bonjour|description|shipment"
    r"|veuillez|avoir|duplicata|original|telefon|seite|code|attention|objet|no)\b|@|\.fr\b|\.com\b"
)


@dataclass(frozen=True, slots=True, eq=False)
class Party:
    """A possible name with where it stands."""

    cell: Cell
    score: float
    text: str
    more: Mapping[str, float] = field(default_factory=dict)
    """What speaks for it, by feature name of `extraction.invoices.options.EXTRAS`."""


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Rows of an address, the name on top."""

    cells: tuple[Cell, ...]

    @property
    def top(self) -> Cell:
        return self.cells[0]


def address_blocks(document: Document, labels: Sequence[Label]) -> list[Block]:
    """Runs of cells under one another that end in a postal code and a town, without the labels over them."""
    blocks = []
    heads = {id(label.cell) for label in labels if label.whole and label.field in _NAMING}
    for cell in document.cells:
        if not _POSTAL.search(cell.text) or len(cell.tokens) > 8:
            continue
        run = [cell]
        while len(run) < 7:
            above = _above(run[0], document)
            if above is None or (len(run) > 1 and _is_label(above)):
                break
            run.insert(0, above)
        while len(run) > 1 and (_is_label(run[0]) or id(run[0]) in heads):
            run.pop(0)
        blocks.append(Block(tuple(run)))
    return blocks


def _is_label(cell: Cell) -> bool:
    return bool(cell.text.rstrip().endswith(":")) or (
        bool(_NOT_NAME.search(cell.folded)) and not _BUYER.search(cell.folded)
    )


def _above(cell: Cell, document: Document) -> Cell | None:
    best: Cell | None = None
    for row in document.rows[max(0, cell.row - 6) : cell.row]:
        for other in row.cells:
            if other.page != cell.page or not _one_column(other.box, cell.box):
                continue
            if -1.5 <= cell.box.y - other.box.bottom <= 1.1 * max(cell.box.height, other.box.height) and (
                best is None or other.box.y > best.box.y
            ):
                best = other
    return best


def _one_column(above: Box, below: Box) -> bool:
    return (
        abs(above.x - below.x) <= 3
        or abs(above.center_x - below.center_x) <= 2
        or abs(above.right - below.right) <= 1.5
    )


def choose_names(
    document: Document, labels: Sequence[Label], *, item_rows: frozenset[int] = frozenset()
) -> tuple[list[Party], list[Party]]:
    """Possible names of seller and buyer, best first; no name stands in `item_rows`, the line items and their heads."""
    blocks = address_blocks(document, labels)
    page = _Page(document, labels, {id(block.top): block for block in blocks})
    sellers: list[Party] = []
    buyers: list[Party] = []
    for cell, name in _possible_names(document, labels, item_rows):
        text = _ELISION.sub("l'", name + (_beside(cell, name, document) or _wrapped(cell, page.tops, labels)))
        text = _SONS.sub("Fils", _GLUED_ELISION.sub(" ", _SOLE_TRADER.sub("EI", text)))
        more = page.clues(cell, text)
        sellers.append(Party(cell, more["as seller"], text, more))
        buyers.append(Party(cell, more["as buyer"], text, more))
    return _apart(sellers, _without_units(buyers))


_DELIVERY = re.compile(
    r"^(?:adresse (?:de |du |d )?(?:livraison|chantier|intervention)|livraison|livree?s? (?:a|chez)|lieu (?:de |d )"
    r"|chantier|site\b|deliver|ship|liefer(?:anschrift|adresse|ung|ort)|(?:abweichender )?warenempfanger|aflever"
    r"|direccion de entrega)"
)
_BILLED = re.compile(r"factur|client|acheteur|bill|rechnung|sold to|date|delai|conditions|bon de|frais|mode")
"""A head with such a word is not, or not only, of the place of delivery."""
_PERSON = re.compile(r"^(?:m|mme|mr|monsieur|madame|herr|herrn|frau|mrs|ms|dr)\b")
_ELISION = re.compile(r"(?<![0-9A-Za-zÀ-ÿ])[1I|]['’](?=[A-ZÀ-Ýh])")
"""`l'` misread: no French word is a figure with an apostrophe."""
_GLUED_ELISION = re.compile(r"(?<=[a-zà-ÿ][eé])(?=d['’][A-Za-zÀ-ÿ])|(?<=\bde)(?=l['’][A-Za-zÀ-ÿ])")
"""`Communautéd'agglomération`, `del'Ain`: the blank was lost."""
_SONS = re.compile(r"(?:(?<=&\s)|(?<=\bet\s))F[l1|I][l1|I]s\b")
"""`& Fils`, read `& Flls`."""
_SOLE_TRADER = re.compile(r"(?<=\s)E[l1|]$")
"""`EI` (entrepreneur individuel) misread: no name ends in `El`."""
_UNIT = re.compile(
    r"^(?:services?|poles?|direction|bureau|cellule|secretariat|atelier|espace|immeuble|batiment|bat|residence|maison"
    r"|centre technique|comptabilite|accueil|a l attention|immobilier)\b"
)
"""A part of a body or a building: it stands under the name in an address, or at the place of delivery."""


def _without_units(buyers: list[Party]) -> list[Party]:
    """No service and no building is the buyer where the body that it belongs to is named."""
    bodies = [p for p in buyers if p.more["public body"] and not _UNIT.search(fold(p.text))]
    if not bodies:
        return buyers
    return [p for p in buyers if not _UNIT.search(fold(p.text)) or _heads_its_address(p)]


def _heads_its_address(party: Party) -> bool:
    """A public service may be the buyer itself when nothing stands above it."""
    return bool(party.more["public body"]) and bool(party.more["top of an address"])


def _possible_names(
    document: Document, labels: Sequence[Label], item_rows: frozenset[int]
) -> Iterator[tuple[Cell, str]]:
    for cell in document.on_page(1):
        if cell.row in item_rows:
            continue
        name = _name(cell, labels)
        if name is not None:
            yield cell, name
        else:
            yield from _within(cell, labels)


_REGISTER_WORDS = re.compile(
    r"[\s,–|•-]*(?:\b(?i:soci[ée]t[ée])\b|(?i:soci[ée]t[ée]\s?anonyme)|\bS\.?A\.?(?:S|R\.?L)?\.?U?\b"
    r"|\bSarl\b|\bEURL\b"
    r"|(?i:\bau capital|\bsi[èe]ge|\bR\.?C\.?S\b|\bSIRE[TN]\b|\bTVA\b|\bN° TVA))"
)


def _within(cell: Cell, labels: Sequence[Label]) -> Iterator[tuple[Cell, str]]:
    """A name that stands in a longer line: before the register words of a footer, or behind `Titulaire du compte :`."""
    text = cell.text
    match = _REGISTER_WORDS.search(text)
    if (
        match is not None
        and 3 <= match.start() <= 50
        and re.search(r"(?i)capital|RCS|R\. ?C\. ?S|si[èe]ge|siret", text)
    ):
        name = text[: match.start()].strip(" :,-–|•")
        if (
            sum(c.isalpha() for c in name) >= 3
            and not any(c.isdigit() for c in name)
            and not _NOT_NAME.search(fold(name))
        ):
            yield cell, name
    for label in labels:
        if label.cell is cell and label.field in _NAMING and label.start > 0 and label.end < len(cell.tokens):
            rest = cell.part(label.end, len(cell.tokens))
            name = rest.text.lstrip(": ")
            if sum(c.isalpha() for c in name) >= 3 and len(name) < 50 and len(rest.tokens) <= 7:
                yield rest, name


@dataclass(slots=True)
class _Page:
    """Clues to names that need the whole first page."""

    document: Document
    labels: Sequence[Label]
    tops: dict[int, Block]
    tallest: float = field(init=False)
    folded: list[str] = field(init=False)
    addresses: str = field(init=False)
    members: dict[int, int] = field(init=False)
    deliveries: list[Cell] = field(init=False)
    """Heads of places of delivery."""

    def __post_init__(self) -> None:
        width, height = self.size
        del width
        self.tallest = max((c.box.height for c in self.document.on_page(1) if c.box.y < height / 2), default=4.0)
        self.folded = [cell.folded for cell in self.document.cells]
        self.addresses = seen_in_addresses(self.document)
        self.members = {id(c): i for b in self.tops.values() for i, c in enumerate(b.cells)}
        self.deliveries = [
            c
            for c in self.document.on_page(1)
            if len(c.tokens) <= _WORDS_OF_A_HEAD and _DELIVERY.search(c.folded) and not _BILLED.search(c.folded)
        ]

    def delivered_at(self, cell: Cell) -> bool:
        """A head of a place of delivery stands above it in its column, and no head of a party between."""
        for head in self.deliveries:
            gap = cell.box.y - head.box.bottom
            if -1 <= gap <= _HEAD_REACH_MM and abs(head.box.x - cell.box.x) <= _HEAD_ASIDE_MM:
                between = range(head.row + 1, cell.row)
                return not any(
                    x.field in _NAMING
                    and x.whole
                    and x.cell.row in between
                    and abs(x.box.x - cell.box.x) <= _HEAD_ASIDE_MM
                    for x in self.labels
                )
        return False

    @property
    def size(self) -> tuple[float, float]:
        return self.document.page_sizes[0] if self.document.page_sizes else (210.0, 297.0)

    def clues(self, cell: Cell, text: str) -> dict[str, float]:
        width, height = self.size
        folded = fold(text)
        again = len(folded) > 5 and sum(folded in other for other in self.folded) > 1
        common = _common(cell, self.tops, height) + 0.6 * again
        found = _labelled(cell, self.labels, self.document)
        delivered = self.delivered_at(cell)
        named_seller, named_buyer = found.get("seller_name", 0.0), found.get("buyer_name", 0.0)
        named_buyer *= _NAMED_BY_DELIVERY if delivered else 1.0
        body, legal = bool(_BUYER.search(folded)), bool(_LEGAL.search(folded))
        tall = cell.box.height >= 0.75 * self.tallest
        seller = common + 1.0 * legal - 1.2 * body + 0.6 * (cell.box.y < 0.12 * height)
        seller += 0.8 * (cell.box.x < width / 2) * (cell.box.y < 0.3 * height) + 0.7 * tall
        seller += 1.3 * named_seller - 1.3 * named_buyer - 0.004 * cell.box.y
        buyer = common + 1.5 * body - 0.7 * legal + 1.8 * named_buyer + 0.5 * (cell.box.x > 0.35 * width)
        buyer -= 1.0 * named_seller + 0.6 * (cell.box.y < 0.07 * height) + 1.5 * delivered
        block = self.tops.get(id(cell))
        letters = "".join(c for c in folded if c.isalpha())
        long_words = [w for w in folded.split() if len(w) > 3]
        return {
            "as seller": seller,
            "as buyer": buyer,
            "top of an address": float(block is not None and len(block.cells) > 1),
            "rows of its address": (1 + self.members[id(cell)]) / 4 if id(cell) in self.members else 0.0,
            "legal form": float(legal),
            "public body": float(body),
            "named seller": named_seller,
            "named buyer": named_buyer,
            "seen in an e-mail or web address": float(
                len(letters) > 3 and (letters[:10] in self.addresses or any(w in self.addresses for w in long_words))
            ),
            "in a legal line": float(bool(_REGISTER_WORDS.search(cell.text)) and len(cell.tokens) > 5)
            + 0.5 * sum(folded in other and len(other) > len(folded) + 15 for other in self.folded[-12:]),
            "in the lowest tenth": float(cell.box.y > 0.88 * height),
            "in the highest tenth": float(cell.box.y < 0.12 * height),
            "tallest": float(tall),
            "a place of delivery": float(delivered),
            "a person": float(bool(_PERSON.search(folded))),
        }


def _apart(sellers: list[Party], buyers: list[Party]) -> tuple[list[Party], list[Party]]:
    """Seller and buyer are two: the pair with the best sum comes first."""
    sellers.sort(key=lambda p: -p.score)
    buyers.sort(key=lambda p: -p.score)
    pairs = [(s.score + b.score, s, b) for s in sellers[:6] for b in buyers[:6] if fold(s.text) != fold(b.text)]
    if not pairs:
        return sellers, buyers
    _, seller, buyer = max(pairs, key=lambda p: p[0])
    return [seller, *(s for s in sellers if s is not seller)], [buyer, *(b for b in buyers if b is not buyer)]


def _common(cell: Cell, tops: dict[int, Block], height: float) -> float:
    score = 1.2 if id(cell) in tops and len(tops[id(cell)].cells) > 1 else 0.0
    if cell.box.y > 0.45 * height:
        score -= 1.2
    if not 1 <= len(cell.tokens) <= 8:
        score -= 1.0
    return score


CUT = re.compile(r"\s(?:d[eu]s?|l[ae]s?|et|sur|en|aux?|[dl]['’])$", re.IGNORECASE)
"""A name that ends so goes on."""
_PARTED = 5.0
"""Heights of a row over which a fold may part a name."""


def _beside(cell: Cell, name: str, document: Document) -> str:
    """The rest of a name that ends with `de`, parted from it by more than a blank."""
    if not CUT.search(name):
        return ""
    right = [other for other in document.rows[cell.row].cells if other.box.x > cell.box.right]
    rest = min(right, key=lambda other: other.box.x, default=None)
    if rest is None or rest.box.x - cell.box.right > _PARTED * cell.box.height or not rest.text[:1].isupper():
        return ""
    return "" if any(c.isdigit() for c in rest.text) else " " + rest.text


_WIDE_MM = 55.0


def _wrapped(cell: Cell, tops: dict[int, Block], labels: Sequence[Label]) -> str:
    """The rest of a long name that went on in the row below: a word or two, then the street."""
    block = tops.get(id(cell))
    if block is None or len(block.cells) < 3 or cell.box.width < _WIDE_MM:
        return ""
    rest = block.cells[1]
    if len(rest.tokens) > 2 or any(c.isdigit() for c in rest.text) or _STREET.search(rest.folded) or _is_label(rest):
        return ""
    if _UNIT.search(rest.folded) or any(label.cell is rest and label.whole for label in labels):
        return ""
    return " " + rest.text


_SHORT_NAME = 6
_FORGIVEN_LETTERS = 12
"""One letter in so many may be misread between two places that print the same name."""


def most_read(name: str, document: Document) -> tuple[str, bool]:
    """The name as most places of the document read it, and whether they leave no doubt.

    A place that parts it into more words, as in `SAIN T-AUGUS T IN`, counts for less than one that does not.
    """
    own = fold(name).replace(" ", "")
    words = len(name.split())
    if len(own) < _SHORT_NAME:
        return name, True
    readings: dict[str, Counter[str]] = {own: Counter()}
    for text in _alike(own, words, document):
        readings.setdefault(fold(text).replace(" ", ""), Counter())[text] += 1
    seen = {letters: max(1, found.total()) for letters, found in readings.items()}
    best = max(seen, key=lambda letters: (seen[letters], letters == own))
    written = [name] if best == own else []
    written += [text for text, _ in readings[best].most_common()]
    chosen = next((text for text in written if not _parted(fold(text))), written[0])
    runner_up = max((n for letters, n in seen.items() if letters != best), default=0)
    return chosen, seen[best] > 2 * runner_up and not _parted(fold(chosen))


_MOST_WORDS_OF_INITIALS = 3


def _parted(folded: str) -> bool:
    """Pieces of words stand alone: `au t ocars`, `communa l de`, `du bou rg`; three or fewer words may be initials."""
    words = folded.split()
    return len(words) > _MOST_WORDS_OF_INITIALS and any(map(_a_piece, words, [*words[1:], ""]))


def _a_piece(word: str, following: str) -> bool:
    """A letter that is no word, an elision before a consonant, or two consonants."""
    if len(word) == 1:
        return word not in "aldsy" or (word in "ld" and following[:1] not in _ELIDED_BEFORE)
    return len(word) == 2 and word.isalpha() and word != "st" and not set(word) & set("aeiouy")


_ELIDED_BEFORE = tuple("aeiouyh")


def _alike(own: str, words: int, document: Document) -> Iterator[str]:
    """Runs of words that are the name, or the name but for a letter that was misread."""
    allowed = max(1, len(own) // _FORGIVEN_LETTERS)
    for cell in document.cells:
        texts = [token.text.strip(" :,;|") for token in cell.tokens]
        for start in range(len(texts)):
            for size in range(max(1, words - 3), words + 3):
                run = " ".join(t for t in texts[start : start + size] if t)
                compact = fold(run).replace(" ", "")
                if start + size > len(texts) or compact[:1] != own[:1] or abs(len(compact) - len(own)) > 1:
                    continue
                if Levenshtein.distance(own, compact, score_cutoff=allowed) <= allowed and _whole(run):
                    yield run


def _whole(run: str) -> bool:
    return run[0].isalnum() and (run[-1].isalnum() or run[-1] in ".)")


_NAMING = ("buyer_name", "seller_name")
_SAYS_SOMETHING_ELSE = re.compile(r"^[^:]{2,30}:\s*\S")
"""`Concerne : travaux école`."""


def _name(cell: Cell, labels: Sequence[Label]) -> str | None:
    text = cell.text
    if any(label.cell is cell and label.whole and label.field in _NAMING for label in labels):
        return None
    inside = [label for label in labels if label.cell is cell and label.strength > 0.75 and len(label.phrase) > 5]
    others = [label.start for label in inside if label.field not in _NAMING]
    if others and min(others) == 0:
        return None
    if others:
        text = " ".join(t.text for t in cell.tokens[: min(others)])
    for label in labels:
        if label.cell is cell and label.field in _NAMING and label.start == 0 and label.end < len(cell.tokens):
            last, after = cell.tokens[label.end - 1].text, cell.tokens[label.end].text
            if last.endswith(":") or after.startswith(":"):
                text = " ".join(t.text for t in cell.tokens[label.end :]).lstrip(": ")
    text = re.sub(r"^(?i:nom|raison sociale|soci[ée]t[ée]|name|firma)\s?:\s*", "", text)
    text = re.sub(r"\s*\(\s*[A-Z]{0,2}[0-9][\w\- ]*\)?$", "", text)
    if _SAYS_SOMETHING_ELSE.search(text):
        return None
    folded = fold(text)
    letters = sum(c.isalpha() for c in text)
    if (
        re.search(r"@|www\.|https?:|\.(?:fr|com|eu|de)\b", text)
        or letters < 3
        or letters < 0.6 * len(text.replace(" ", ""))
        or len(text) > 70
    ):
        return None
    if _POSTAL.search(text) or _STREET.search(folded) or (_NOT_NAME.search(folded) and not _BUYER.search(folded)):
        return None
    if len(re.sub(r"\b(?:au|a|de|la)\b|\W", "", _LEGAL.sub("", folded))) < 2:
        return None  # a legal form alone: `EURL au capital de`
    if text.rstrip().endswith((":", ".", ",")) and not _LEGAL.search(folded):
        return None
    return text.strip(" :,-|")


def _labelled(cell: Cell, labels: Sequence[Label], document: Document) -> dict[str, float]:
    useful = [label for label in labels if label.field in ("buyer_name", "seller_name")]
    inside = {label.field: label.strength for label in useful if label.cell is cell and label.start == 0}
    mention = mention_of(cell, 0, len(cell.tokens), cell.text)
    found = {}
    for name, pointed in strengths(mention, useful, document).items():
        gap = cell.box.y - pointed.label.box.bottom
        next_to = pointed.way != "below" or gap < 8
        found[name] = pointed.strength * (1.0 if next_to and not _between_rows(pointed.label, cell, document) else 0.4)
    for name, strength in _headed(cell, useful, document).items():
        found[name] = max(found.get(name, 0.0), strength)
    return {**found, **inside}


_HEAD_REACH_MM = 26.0
_HEAD_ASIDE_MM = 6.0
_WORDS_OF_A_HEAD = 6
_NAMED_BY_DELIVERY = 0.5
_LABEL_OF_ITS_OWN = re.compile(
    rf"{_SAYS_SOMETHING_ELSE.pattern}|^(?:gln|duns|siret|siren|tva|contact|no|nummer|numero|id)\b", re.IGNORECASE
)


def _headed(cell: Cell, labels: Sequence[Label], document: Document) -> dict[str, float]:
    """`Acheteur :` heads a column: the first words below it that are not a label with its value are its name."""
    found: dict[str, float] = {}
    for label in labels:
        gap = cell.box.y - label.box.bottom
        if label.cell.page != cell.page or not label.whole or not -1 <= gap <= _HEAD_REACH_MM:
            continue
        if abs(label.cell.box.x - cell.box.x) > 5:
            continue
        between = [
            c
            for row in document.rows[label.cell.row + 1 : cell.row]
            for c in row.cells
            if abs(c.box.x - cell.box.x) <= 5
        ]
        names = sum(not _LABEL_OF_ITS_OWN.search(_with_right(c, document)) for c in between)
        found[label.field] = max(found.get(label.field, 0.0), label.strength * 0.95 * 0.5**names)
    return found


def _with_right(cell: Cell, document: Document) -> str:
    """The text of a cell and of the rest of its row."""
    return " ".join(c.text for c in document.rows[cell.row].cells if c.box.x >= cell.box.x)


def _between_rows(label: Label, cell: Cell, document: Document) -> bool:
    """Another cell stands between a label and the cell below it."""
    rows = document.rows[label.cell.row + 1 : cell.row]
    return any(c.box.x < cell.box.right and cell.box.x < c.box.right for row in rows for c in row.cells)


_ADJOINING = 1.5
_NEXT_ROW = 1.2
"""Heights of a row that part it from the next of one address."""


def goes_on(party: Party, document: Document, labels: Sequence[Label]) -> bool:
    """The row close below or above a name, or what stands close beside it, may belong to it or be its other name."""
    cell = party.cell
    below = (c for row in document.rows[cell.row + 1 : cell.row + 3] for c in row.cells)
    above = (c for row in document.rows[max(0, cell.row - 2) : cell.row] for c in row.cells)
    low = next((c for c in below if _follows(cell, c)), None)
    high = next((c for c in above if _follows(c, cell)), None)
    if low is not None and len(low.tokens) > 1 and _may_be_name(low, labels):
        return True
    beside = (c for c in document.rows[cell.row].cells if _adjoins(c, cell))
    return (high is not None and _may_be_name(high, labels)) or any(_may_be_name(c, labels) for c in beside)


def _adjoins(one: Cell, other: Cell) -> bool:
    """In one row, in letters of one size, a few letters apart."""
    high = max(one.box.height, other.box.height)
    gap = max(one.box.x, other.box.x) - min(one.box.right, other.box.right)
    return one is not other and 0 <= gap < _ADJOINING * high and min(one.box.height, other.box.height) > 0.75 * high


def _follows(high: Cell, low: Cell) -> bool:
    near = low.page == high.page and abs(low.box.x - high.box.x) < 2
    return near and -1 <= low.box.y - high.box.bottom <= _NEXT_ROW * high.box.height


def _may_be_name(cell: Cell, labels: Sequence[Label]) -> bool:
    """Letters alone, no street, no town, no label, neither a part of a body nor a person."""
    if any(c.isdigit() for c in cell.text) or _is_label(cell):
        return False
    if any(label.cell is cell and label.field in _NAMING and label.whole for label in labels):
        return False
    return not any(p.search(cell.folded) for p in (_STREET, _UNIT, _PERSON, _DELIVERY))


@dataclass(frozen=True, slots=True, eq=False)
class Identities:
    """Register and bank numbers by field, best first, each with its strength."""

    pools: dict[str, list[tuple[Mention, float]]]
    seen: tuple[Mention, ...]
    near_buyer: Callable[[Mention], bool]
    """Whether a number stands within the buyer's address or column."""


def choose_identities(document: Document, labels: Sequence[Label]) -> Identities:
    """SIRET of both parties, VAT id and IBAN of the seller."""
    ibans = numbers_of(document, "iban")
    vats = numbers_of(document, "vat_id")
    covered = [*ibans]
    sirets = [m for m in numbers_of(document, "siret") if not _covered(m, covered)]
    sirens = [m for m in numbers_of(document, "siren") if not _covered(m, [*covered, *sirets, *vats])]
    useful = [label for label in labels if label.field.endswith(("_siret", "_vat_id", "buyer_name", "seller_name"))]
    vat_pool = _seller_vats(vats, useful, document)
    seller_siren = siren_of_vat_id(vat_pool[0][0].value) if vat_pool else None
    sellers, buyers = _sirets(sirets, useful, document, seller_siren)
    if not sellers:
        sellers = [(m, s * 0.5) for m, s in _sirets(sirens, useful, document, seller_siren)[0] if s > 0.5]
    if not buyers:
        buyers = [(m, s * 0.5) for m, s in _sirets(sirens, useful, document, seller_siren)[1] if s > 0.5]
    bank = [(m, 0.98 if m.value.startswith("FR") else 0.85) for m in ibans]
    seen = [*ibans, *vats, *sirets, *sirens]
    for value_type, pool in (("iban", bank), ("vat_id", vat_pool), ("siret", sellers)):
        if not pool or (value_type == "siret" and not buyers):
            wrong = [m for m in unchecked_numbers(document, value_type) if not _covered(m, seen)]
            theirs = [m for m in wrong if _near_buyer(m, useful, document)]
            if not pool:
                pool.extend((m, 0.35) for m in wrong if m not in theirs)
            seen.extend(wrong)
            if value_type == "siret" and not buyers:
                buyers.extend((m, 0.35) for m in theirs)
    return Identities(
        {"seller_siret": sellers, "buyer_siret": buyers, "seller_vat_id": vat_pool, "seller_iban": bank},
        tuple(seen),
        lambda mention: _near_buyer(mention, useful, document),
    )


def _covered(mention: Mention, others: Sequence[Mention]) -> bool:
    return any(o.cell.page == mention.cell.page and o.box.intersection(mention.box) for o in others)


def _seller_vats(vats: Sequence[Mention], labels: Sequence[Label], document: Document) -> list[tuple[Mention, float]]:
    pool = []
    for mention in vats:
        found = strengths(mention, labels, document)
        own, other = found.get("seller_vat_id"), found.get("buyer_vat_id")
        score = (
            0.6
            + 0.3 * (own.strength if own else 0.0)
            - (0.6 if other and (not own or other.strength >= own.strength) else 0.0)
        )
        score -= 0.3 * _near_buyer(mention, labels, document)
        pool.append((mention, score))
    return sorted(pool, key=lambda p: -p[1])


def _near_buyer(mention: Mention, labels: Sequence[Label], document: Document) -> bool:
    """It stands within the buyer's address or just under it, or in the column under the buyer's label."""
    place = mention.box
    heads = [label for label in labels if label.field == "buyer_name" and label.strength > 0.9 and label.start == 0]
    for head in (label for label in heads if label.cell.page == mention.cell.page):
        if 0 < place.y - head.box.y < 55 and abs(head.box.x - mention.cell.box.x) < 8:
            return True
    for cell in document.on_page(mention.cell.page):
        if 0 <= place.y - cell.box.y < 35 and abs(cell.box.x - mention.cell.box.x) < 6 and _is_public_body(cell.folded):
            return True
    return False


def _is_public_body(folded: str) -> bool:
    """`Conseil départemental`, but not `Marenma Conseil EURL` nor `www marenma conseil eu`."""
    return _BUYER.search(folded) is not None and not _LEGAL.search(folded) and not folded.startswith("www ")


def _served(label: Label, numbers: Sequence[Mention]) -> bool:
    """Whether a number follows the label in its own cell: it points at no other."""
    return any(number.cell is label.cell and number.start >= label.end for number in numbers)


def _sirets(
    sirets: Sequence[Mention], labels: Sequence[Label], document: Document, seller_siren: str | None
) -> tuple[list[tuple[Mention, float]], list[tuple[Mention, float]]]:
    sellers: list[tuple[Mention, float]] = []
    buyers: list[tuple[Mention, float]] = []
    height = document.page_sizes[0][1] if document.page_sizes else 297.0
    for mention in sirets:
        found = {
            name: pointed
            for name, pointed in strengths(mention, labels, document).items()
            if pointed.label.cell is mention.cell or not _served(pointed.label, sirets)
        }
        mine = found["seller_siret"].strength if "seller_siret" in found else 0.0
        theirs = found["buyer_siret"].strength if "buyer_siret" in found else 0.0
        linked = seller_siren is not None and mention.value.startswith(seller_siren)
        footer = mention.box.y > 0.85 * height
        near = _near_buyer(mention, labels, document)
        seller = (
            0.45 * mine
            + (0.5 if linked else 0.0)
            + (0.3 if footer else 0.0)
            - 0.8 * theirs * (theirs > mine)
            - 0.3 * near
        )
        buyer = 0.9 * theirs + 0.4 * near + 0.1 * mine - (0.8 if linked else 0.0) - (0.3 if footer else 0.0)
        if seller_siren is not None and not linked:
            seller -= 0.15
            buyer += 0.25
        if seller >= buyer:
            sellers.append((mention, 0.3 + seller))
        elif buyer > 0.25:
            buyers.append((mention, 0.3 + buyer))
    return sorted(sellers, key=lambda p: -p[1]), sorted(buyers, key=lambda p: -p[1])
