"""Words on a page, folded so that accents, capitals, lost spaces and single misread letters do not matter."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from models.text import PageText, TextLine

_NOT_A_WORD = re.compile(r"[^a-z0-9%]+")
_SPREAD = re.compile(r"(?<![a-z0-9'])[a-z](?: [a-z]){3,}(?![a-z0-9'])")
"""A heading with its letters set apart."""
_FORGIVING_FROM = 7
"""Words this long may have one letter misread; `devis` and `divis` must stay apart."""
_SQUEEZED_FROM = 9
"""Phrases this long are also found with their spaces lost."""
_LOOK_ALIKE_FROM = 4
"""Words this long may have any of their letters taken for one of the same shape, shorter ones only for a digit."""
_DIGIT_FOR_LETTER = str.maketrans("0158", "oisb")
_ONE_SHAPE = str.maketrans("lc", "ie")
_OTHER_WORDS = frozenset({"contact", "contacts", "espace", "espaces"})
"""One letter from a word that is looked for, and no misreading."""
_SENTENCE_FROM = 6
_TERM_OF_PAYMENT = re.compile(
    r"(jours?|mois)((?: (?:net|nets|fin|de|du|d|le|la|a|au|apres|mois|des|compter|partir|\d+))*)"
    r" (?:dates?|reception|emission)(?: de| d| de la| des| la)? factur(?:es?|ation)\b"
)
"""Says when an invoice to come is to be paid, on quotes and orders too: "30 jours date de facture"."""


def fold(text: str) -> str:
    """Lower case without accents, ligatures undone: "N° œuvre" -> "n° oeuvre"."""
    text = text.replace("œ", "oe").replace("Œ", "OE").replace("æ", "ae").replace("ß", "ss").replace("’", "'")
    plain = unicodedata.normalize("NFKD", text)
    return "".join(c for c in plain if not unicodedata.combining(c)).lower()


@lru_cache(maxsize=4096)
def words_in(text: str) -> tuple[str, ...]:
    """The words and numbers of a text, folded: "T.T.C." -> "ttc", "F A C T U R E" -> "facture"."""
    joined = re.sub(r"\b([a-z])\.(?=[a-z]\b)", r"\1", fold(text))
    joined = _SPREAD.sub(lambda match: match[0].replace(" ", ""), joined)
    found = [word for word in _NOT_A_WORD.split(joined) if word]
    if any(word.startswith("factur") for word in found):
        found = _TERM_OF_PAYMENT.sub(r"\1\2", " ".join(found)).split()
    return tuple(found)


@lru_cache(maxsize=65536)
def shape(word: str) -> str:
    """A folded word with one letter for all that are taken for one another: "av0ir" and "avoir" are one."""
    if word.isdigit() or len(word) < 3:
        return word
    word = word.translate(_DIGIT_FOR_LETTER)
    return word if len(word) < _LOOK_ALIKE_FROM else word.replace("rn", "m").translate(_ONE_SHAPE)


def phrases(listed: str) -> tuple[str, ...]:
    """Phrases from one string that lists them with commas."""
    return tuple(phrase.strip() for phrase in listed.split(","))


_IN_SENTENCES = frozenset(
    phrases(
        "a, est, sont, sera, ete, le, la, les, un, une, ce, cette, sur, lors, votre, vos, notre, nos, vous, nous, "
        "merci, veuillez, pour, dans, qui, que, avons, avez, your, our, the, we, you, is, are, be, been, please, "
        "this, ihre, unsere, wir, sie, bitte, die, der, das, ist"
    )
)
"""Words of running text; table heads and labels hardly have two of them."""


@dataclass(frozen=True, eq=False)
class Wording:
    """The folded words of a page, line by line."""

    lines: tuple[tuple[str, ...], ...]

    @staticmethod
    def of(page: PageText) -> Wording:
        """The wording of a page; lines that stand in one row stay apart."""
        return Wording(tuple(words_in(line.text) for line in page.lines))

    @cached_property
    def labels(self) -> Wording:
        """The lines that are no running text."""
        return Wording(tuple(line for line in self.lines if not is_sentence(line)))

    @cached_property
    def squeezed(self) -> str:
        return "\n".join("".join(line) for line in self.lines)

    @cached_property
    def flowing(self) -> tuple[str, ...]:
        """All words in order: a phrase may run over the end of a line."""
        return tuple(word for line in self.lines for word in line)

    @cached_property
    def _places(self) -> dict[str, list[int]]:
        places: dict[str, list[int]] = {}
        for at, word in enumerate(self.flowing):
            places.setdefault(word, []).append(at)
        return places

    @cached_property
    def _shapes(self) -> dict[str, list[int]]:
        shapes: dict[str, list[int]] = {}
        for at, word in enumerate(self.flowing):
            shapes.setdefault(shape(word), []).append(at)
        return shapes

    @cached_property
    def _misread(self) -> dict[str, list[int]]:
        """Where words that were looked for stand, misread or not."""
        return {}

    @cached_property
    def _by_length(self) -> dict[int, list[str]]:
        lengths: dict[int, list[str]] = {}
        for word in self._places:
            lengths.setdefault(len(word), []).append(word)
        return lengths

    def has(self, phrase: str) -> bool:
        """Whether the folded words of `phrase` stand somewhere in a row."""
        first, *rest = phrase.split()
        if any(self._goes_on(at + 1, rest) for at in self._places_of(first)):
            return True
        together = phrase.replace(" ", "")
        return len(together) >= _SQUEEZED_FROM and together in self.squeezed

    def _goes_on(self, at: int, words: Sequence[str]) -> bool:
        text = self.flowing[at : at + len(words)]
        return len(text) == len(words) and all(alike(a, b) for a, b in zip(words, text, strict=True))

    def _places_of(self, word: str) -> list[int]:
        if len(word) < _FORGIVING_FROM:
            return self._places.get(word, []) if word[0].isdigit() else self._shapes.get(shape(word), [])
        if word not in self._misread:
            near = [read for step in (-1, 0, 1) for read in self._by_length.get(len(word) + step, ())]
            least = 0 if word[0].isdigit() else 1
            found = process.extract(word, near, scorer=Levenshtein.distance, score_cutoff=least, limit=None)
            places = {at for read, _, _ in found if read not in _OTHER_WORDS for at in self._places[read]}
            self._misread[word] = sorted(places.union(self._shapes.get(shape(word), ()) if least else ()))
        return self._misread[word]

    def any_of(self, phrases: Iterable[str]) -> str | None:
        """The first of `phrases` that stands on the page."""
        return next((phrase for phrase in phrases if self.has(phrase)), None)


@lru_cache(maxsize=65536)
def alike(word: str, read: str) -> bool:
    """Whether `read` is `word`, give or take letters of one shape, and one letter in a long word."""
    if word == read or (not word[0].isdigit() and shape(word) == shape(read)):
        return True
    if read in _OTHER_WORDS or len(word) < _FORGIVING_FROM or abs(len(word) - len(read)) > 1 or word[0].isdigit():
        return False
    return Levenshtein.distance(word, read, score_cutoff=1) <= 1


def is_sentence(words: Sequence[str]) -> bool:
    """Whether a line is running text: many words, most of them spelled, some that join the others."""
    return (
        len(words) >= _SENTENCE_FROM
        and sum(word.isalpha() for word in words) > 0.7 * len(words)
        and sum(word in _IN_SENTENCES for word in words) >= 2
    )


TITLES: dict[str, tuple[str, ...]] = {
    "avoir": phrases(
        "facture d avoir, avoir, note de credit, credit note, credit memo, gutschrift, rechnungskorrektur, "
        "creditnota, nota de credito, factura rectificativa, nota di credito"
    ),
    "facture": phrases(
        "facture, factures, invoice, tax invoice, commercial invoice, rechnung, schlussrechnung, "
        "abschlagsrechnung, teilrechnung, handelsrechnung, factuur, factura, fattura, fatura, note d "
        "honoraires, note d honoraire, decompte d honoraires, memoire de travaux, votre facture, decompte, decompte "
        "general, memoire d honoraires, etat d honoraires, note de debit, debit note, situation de travaux"
    ),
    "devis": phrases(
        "devis, votre devis, estimation, devis estimatif, proposition de prix, proposition commerciale, proposition "
        "tarifaire, offre de prix, proforma, facture proforma, detail quantitatif estimatif, detail quantitatif, "
        "detail estimatif, dqe, dpgf, bordereau des prix, decomposition du prix global, cadre de decomposition, "
        "chiffrage, cotation, offre commerciale, devis descriptif, projet de devis, facture pro forma, quotation, "
        "quote, estimate, angebot, kostenvoranschlag, offerte, presupuesto, pro forma, proforma invoice"
    ),
    "commande": phrases(
        "bon de commande, commande, purchase order, commande fournisseur, bulletin de commande, formulaire de "
        "commande, bulletin d abonnement, bon de souscription, recapitulatif de commande, confirmation, arc, "
        "engagement de depense, bon d engagement, commande publique, sales order, bestellung, order form, lettre de "
        "commande, accuse de reception de commande, ar de commande, bc, confirmation de commande, order confirmation, "
        "auftragsbestatigung, ordre de service, engagement, orden de compra"
    ),
    "livraison": phrases(
        "bon de livraison, bulletin de livraison, bl, bon de reception, bon de travail, bon de travaux, bon de retour, "
        "bon d enlevement, bon de sortie, bon de pret, bon de reservation, liste de preparation, attachement, "
        "bon d attachement, lettre de voiture, "
        "fiche d intervention, feuille d attachement, bordereau de transport, bordereau de livraison, "
        "delivery note, lieferschein, packing list, liste de "
        "colisage, bon d intervention, rapport d intervention, albaran"
    ),
    "relance": phrases(
        "relance, rappel, lettre de relance, rappel amiable, troisieme relance, derniere relance, avis avant coupure, "
        "3eme relance, dernier avis, lettre de rappel, mise en demeure, dernier rappel, premiere "
        "relance, deuxieme relance, avis de relance, rappel de paiement, facture impayee, factures impayees, "
        "reminder, payment reminder, mahnung, zahlungserinnerung, avis de mise en recouvrement, 1ere relance, "
        "2eme relance, commandement de payer, impaye, impayes, solde impaye, retard de paiement, retard de reglement"
    ),
    "releve": phrases(
        "releve de compte, releve bancaire, releve de factures, releve des factures, echeancier, calendrier de "
        "mensualisation, calendrier de paiement, plan de mensualisation, tableau d amortissement, plan de "
        "remboursement, avis de paiement, avis de reglement, avis de virement, bordereau de reglement, detail du "
        "virement, bulletin de paie, bulletin de salaire, fiche de paie, extrait de compte, bank statement, statement "
        "of account, account statement, kontoauszug, decompte de remboursement, decompte de remboursements, decompte "
        "de prestations, decompte de charges, decompte des charges, situation de compte, releve d operations, releve "
        "de situation, releve"
    ),
    "rib": phrases("releve d identite bancaire, rib, coordonnees bancaires, identite bancaire"),
    "avis": phrases(
        "avis, notice, information, avis de passage, avis de releve, releve des compteurs, bordereau d envoi, "
        "bordereau de transmission, telecopie, informations, note d information, avis aux abonnes, communique, tarifs, "
        "nouveaux tarifs, grille tarifaire, avis de travaux, avis de coupure, preisliste"
    ),
    "declaration": phrases(
        "declaration, etat de frais, talon de paiement, talon a detacher, talon a retourner, talon a joindre, partie a "
        "detacher, coupon a detacher, coupon a retourner, coupon a joindre, coupon de paiement, coupon de reglement, "
        "tip sepa, titre interbancaire de paiement, bulletin de versement, quittance de loyer, attestation simplifiee, "
        "proces verbal, certificat de paiement, feuille d heures, ordre de mission, formulaire, cerfa, attestation, "
        "certificat, quittance, demande, avis d imposition, avis de taxe, expense report, note de frais, notice of "
        "assessment"
    ),
    "contrat": phrases(
        "contrat, convention, reglement de la consultation, avis d appel public, lettre de consultation, marche "
        "public, acte d engagement, conditions generales, contract, agreement, vertrag, conditions generales de vente"
    ),
}
"""Kinds of documents by how their heading begins, folded; longer headings win over shorter ones."""

_TO_WHOM_OR_WHEN = re.compile(r"facturer?e? (?:a|le|par)\b(?! payer| regler)|facturer|facturation")
"""Labels of an address or a date, not a title: "Facturé à", "Facturé le"."""

_ELSEWHERE = re.compile(r"\bconditions generales\b.* (?:verso|dos|demande|disponibles?|consultables?|site|annexees?)\b")
"""Says where the terms stand: the page itself is not the terms."""

_REFERENCE = re.compile(r"engagement juridique")
"""Names the customer's own papers and nothing else."""

_SUBJECT = ("objet", "sujet", "concerne", "betreff", "subject")
_NO_SUBJECTS = ("facture", "avoir", "devis", "commande", "livraison")
"""Any letter may be about these: as its subject they do not name its kind."""

_ONLY_PRICE = re.compile(r"[-+]?\d[\d ]*(?:\.\d{3})*[.,]\d{2} ?(?:€|E|EUR|euros?)?$", re.IGNORECASE)
_PRICE = re.compile(r"\d,\d{2}(?!\d)|€")
_NUMBER_AND_DAY = frozenset(
    phrases(
        "n, no, nr, num, numero, number, du, en, date, le, janvier, fevrier, mars, avril, mai, juin, juillet, aout, "
        "septembre, octobre, novembre, decembre"
    )
)
_NUMBER_OR_DATE = frozenset(phrases("n, no, nr, num, numero, number, nummer, date, datum"))
"""A line that ends so waits for its value."""
_DESCENDERS = re.compile(r"[gjpqyçQ,;()]")
_BIG = 1.3
"""So many times as tall as usual, a line is no mere label."""
_FEWEST_ALIKE = 4
"""So many lines of one shape tell how tall such lines usually are."""

_KIND_OF = {tuple(phrase.split()): kind for kind, phrases in TITLES.items() for phrase in phrases}
_LONGEST_FIRST = sorted(_KIND_OF, key=len, reverse=True)

_SQUEEZED = {shape("".join(phrase)): phrase for phrase in _KIND_OF if len(phrase) > 1 and len("".join(phrase)) >= 8}
_GLUED = re.compile(r"(facture(?!es$|pro)|devis(?=[a-z]{4}))[a-z]{2,}$")
_GERMAN_INVOICE = re.compile(r"[a-z]+(?<!ab)(?<!be)rechnung$")
_LABEL_OF = frozenset(
    phrases(
        "n, no, nr, num, numero, date, ref, reference, references, objet, total, montant, code, votre, vos, notre, "
        "nos, suite, selon, suivant, sur, adresse, mode, prix, voir"
    )
)
"""A line that begins so tells of another paper or a detail."""

_ALSO_LABELS = frozenset(
    phrases(
        "bl, bc, arc, confirmation, estimation, commande, engagement, bestellung, contrat, convention, vertrag, "
        "contract, agreement, rib, releve, avis, "
        "notice, information, informations, demande, tarifs, quote, estimate, rappel, angebot, livraison, offerte, "
        "declaration, formulaire, echeancier, attachement, cotation, dqe, dpgf, quittance"
    )
)
"""Single words that also head a block of details on an invoice: titles only when they are printed large."""


@dataclass(frozen=True, slots=True)
class Heading:
    """A line that names the document."""

    kind: str
    """Key of `TITLES`."""
    weight: float
    """How much it looks like the document's own title: 1 is an ordinary line near the top, 3 and more a big title."""
    line: TextLine


def headings(page: PageText) -> list[Heading]:
    """Lines that may name the document, the likeliest first: few words, begun by a kind of document, big, high up."""
    usual = _usual_heights(page.lines)
    found = []
    for line in page.lines:
        if line.box.center_y > 0.6 * page.height:
            continue
        words = words_in(line.text)
        if not words or "@" in line.text.split()[0]:
            continue
        subject = len(words) > 1 and words[0] in _SUBJECT
        times = line.box.height / usual[_hangs(line)]
        kind, length = _kind_at_start(words[1:] if subject else words)
        if kind is None and times >= _BIG and not subject:
            kind, length = _kind_at_end(words)
        if kind is None or (subject and kind in _NO_SUBJECTS):
            continue
        weight = _looks(line, words[length + subject :], times, page.height)
        if not subject and times < _BIG and _is_label(line, kind, length, page.lines):
            weight *= 0.15
        elif times < _BIG and _comes_again(line, length, page.lines):
            weight *= 0.15  # "Facture", "Avoir" in the rows of a statement
        elif _PRICE.search(line.text) or (times < _BIG and _has_price_beside(line, page.lines)):
            weight *= 0.15
        if weight:
            found.append(Heading(kind, weight, line))
    return sorted(found, key=lambda heading: -heading.weight)


def _hangs(line: TextLine) -> bool:
    """Whether letters of a line reach below it: its box is taller, its type is not."""
    return _DESCENDERS.search(line.text) is not None


def _usual_heights(lines: Sequence[TextLine]) -> dict[bool, float]:
    """Median height of lines that reach below themselves (`True`) and of those that do not."""
    every = sorted(line.box.height for line in lines)
    usual = {}
    for hangs in (True, False):
        heights = sorted(line.box.height for line in lines if _hangs(line) is hangs)
        heights = heights if len(heights) >= _FEWEST_ALIKE else every
        usual[hangs] = heights[len(heights) // 2] if heights else 1.0
    return usual


def _looks(line: TextLine, rest: Sequence[str], times_usual: float, page_height: int) -> float:
    """How much a line with the words `rest` after those of its title looks like one; 0 for a sentence."""
    rest = [word for word in rest if word not in _NUMBER_AND_DAY and not any(c.isdigit() for c in word)]
    if len(rest) > 5:
        return 0.0
    size = min(3.0, times_usual**2)
    spelled = [c for c in line.text if c.isalpha()]
    capitals = 1.4 if spelled and sum(c.isupper() for c in spelled) > 0.7 * len(spelled) else 1.0
    alone = 1.0 / (1.0 + 0.35 * len([word for word in rest if len(word) > 2]))
    place = 1.0 if line.box.center_y < 0.35 * page_height else 0.5
    return size * capitals * alone * place


def _is_label(line: TextLine, kind: str, length: int, lines: Sequence[TextLine]) -> bool:
    """Whether a line names a detail of the document ("Bon de commande : BC12", a column's head), not the document."""
    if kind in ("facture", "avoir"):
        return False
    words = words_in(line.text)
    if len(words) == length and ":" not in line.text and _stands_alone(line, lines):
        return False  # a label has its value beside it or below
    if (length == 1 and words[0] in _ALSO_LABELS) or words[0] == "votre" or ":" in line.text:
        return True
    if words[-1] in _NUMBER_OR_DATE:
        return True
    beside = [o for o in lines if o is not line and abs(o.box.center_y - line.box.center_y) < 0.5 * line.box.height]
    return len(beside) >= 2 or any(o.text.startswith(":") and o.box.x > line.box.x for o in beside)


def _stands_alone(line: TextLine, lines: Sequence[TextLine]) -> bool:
    """Whether nothing stands in a line's row, nor close below it."""
    height = line.box.height
    for other in lines:
        down = other.box.center_y - line.box.center_y
        beneath = 0 < down < 2.2 * height and other.box.x < line.box.right and line.box.x < other.box.right
        if other is not line and (abs(down) < 0.5 * height or beneath):
            return False
    return True


def _has_price_beside(line: TextLine, lines: Sequence[TextLine]) -> bool:
    """Whether an amount stands in a line's row: an entry of a list."""
    return any(
        abs(other.box.center_y - line.box.center_y) < 0.5 * line.box.height and _ONLY_PRICE.match(other.text)
        for other in lines
    )


def _comes_again(line: TextLine, length: int, lines: Sequence[TextLine]) -> bool:
    """Whether the same words stand above or below one another, in a column of a table, or with another number."""
    words = words_in(line.text)
    number = _first_number(words)
    for other in lines:
        if other is line or abs(other.box.x - line.box.x) >= line.box.height:
            continue
        theirs = words_in(other.text)
        if theirs == words or (
            number and theirs[:length] == words[:length] and _first_number(theirs) not in ("", number)
        ):
            return True
    return False


def _first_number(words: Sequence[str]) -> str:
    return next((word for word in words if any(c.isdigit() for c in word)), "")


def titled(line: TextLine) -> tuple[str | None, tuple[str, ...]]:
    """The kind of document that a line begins with, and its other words; `None` for a line that names none."""
    words = words_in(line.text)
    kind, length = _kind_at_start(words)
    return kind, words[length:]


def _kind_at_start(words: Sequence[str]) -> tuple[str | None, int]:
    if words and words[0].startswith("factur") and _TO_WHOM_OR_WHEN.match(" ".join(words)):
        return None, 0
    if words and _REFERENCE.match(" ".join(words)):
        return None, 0
    if words and words[0] == "conditions" and _ELSEWHERE.search(" ".join(words)):
        return None, 0
    for phrase in _titles_beginning(words[0]) if words else ():
        if len(words) >= len(phrase) and all(alike(a, b) for a, b in zip(phrase, words, strict=False)):
            return _KIND_OF[phrase], len(phrase)
    return _kind_squeezed(words)


def _kind_squeezed(words: Sequence[str]) -> tuple[str | None, int]:
    """The same for a title that lost a space: "bonde livraison", "facturedefinitive"."""
    together = ""
    for count, word in enumerate(words[:5], 1):
        together += word
        phrase = _SQUEEZED.get(shape(together))
        if phrase is not None:
            return _KIND_OF[phrase], count
    glued = _GLUED.match(words[0]) if words else None
    if glued:
        return glued[1], 1
    return ("facture", 1) if words and _GERMAN_INVOICE.match(words[0]) else (None, 0)


def _kind_at_end(words: Sequence[str]) -> tuple[str | None, int]:
    """The kind that a few words of big print end with: "projet et devis"; labels such as "date de facture" do not."""
    if not 2 <= len(words) <= 5 or words[0] in _LABEL_OF or any(c.isdigit() for word in words for c in word):
        return None, 0
    for start in range(1, len(words)):
        phrase = next((phrase for phrase in _titles_beginning(words[start]) if len(phrase) == len(words) - start), None)
        if phrase and all(alike(a, b) for a, b in zip(phrase, words[start:], strict=True)):
            return _KIND_OF[phrase], len(words)
    return None, 0


@lru_cache(maxsize=8192)
def _titles_beginning(word: str) -> tuple[tuple[str, ...], ...]:
    """Titles whose first word is `word` or was misread as it, the longest first."""
    return tuple(phrase for phrase in _LONGEST_FIRST if alike(phrase[0], word))
