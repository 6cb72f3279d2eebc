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


def fold(text: str) -> str:
    """Lower case without accents, ligatures undone: "N° œuvre" -> "n° oeuvre"."""
    text = text.replace("œ", "oe").replace("Œ", "OE").replace("æ", "ae").replace("ß", "ss").replace("’", "'")
    plain = unicodedata.normalize("NFKD", text)
    return "".join(c for c in plain if not unicodedata.combining(c)).lower()


def words_in(text: str) -> tuple[str, ...]:
    """The words and numbers of a text, folded: "T.T.C." -> "ttc", "F A C T U R E" -> "facture"."""
    joined = re.sub(r"\b([a-z])\.(?=[a-z]\b)", r"\1", fold(text))
    joined = _SPREAD.sub(lambda match: match[0].replace(" ", ""), joined)
    return tuple(word for word in _NOT_A_WORD.split(joined) if word)


def phrases(listed: str) -> tuple[str, ...]:
    """Phrases from one string that lists them with commas."""
    return tuple(phrase.strip() for phrase in listed.split(","))


@dataclass(frozen=True, eq=False)
class Wording:
    """The folded words of a page, line by line."""

    lines: tuple[tuple[str, ...], ...]

    @staticmethod
    def of(page: PageText) -> Wording:
        """The wording of a page; lines that stand in one row stay apart."""
        return Wording(tuple(words_in(line.text) for line in page.lines))

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
            return self._places.get(word, [])
        if word not in self._misread:
            near = [read for step in (-1, 0, 1) for read in self._by_length.get(len(word) + step, ())]
            least = 0 if word[0].isdigit() else 1
            found = process.extract(word, near, scorer=Levenshtein.distance, score_cutoff=least, limit=None)
            self._misread[word] = [at for read, _, _ in found for at in self._places[read]]
        return self._misread[word]

    def any_of(self, phrases: Iterable[str]) -> str | None:
        """The first of `phrases` that stands on the page."""
        return next((phrase for phrase in phrases if self.has(phrase)), None)


@lru_cache(maxsize=65536)
def alike(word: str, read: str) -> bool:
    """Whether `read` is `word`, give or take one letter in a long word."""
    if word == read:
        return True
    if len(word) < _FORGIVING_FROM or abs(len(word) - len(read)) > 1 or word[0].isdigit():
        return False
    return Levenshtein.distance(word, read, score_cutoff=1) <= 1


TITLES: dict[str, tuple[str, ...]] = {
    "avoir": phrases(
        "facture d avoir, avoir, note de credit, credit note, credit memo, gutschrift, rechnungskorrektur, "
        "creditnota, nota de credito, factura rectificativa, nota di credito"
    ),
    "facture": phrases(
        "facture, factures, invoice, tax invoice, commercial invoice, rechnung, schlussrechnung, "
        "abschlagsrechnung, teilrechnung, handelsrechnung, factuur, factura, fattura, fatura, note d "
        "honoraires, note d honoraire, decompte d honoraires, memoire de travaux, votre facture"
    ),
    "devis": phrases(
        "devis, votre devis, estimation, devis estimatif, proposition de prix, proposition commerciale, proposition "
        "tarifaire, offre de prix, proforma, facture proforma, detail quantitatif estimatif, detail quantitatif, "
        "detail estimatif, dqe, dpgf, bordereau des prix, decomposition du prix global, cadre de decomposition, "
        "chiffrage, cotation, offre commerciale, devis descriptif, projet de devis, facture pro forma, quotation, "
        "quote, estimate, angebot, kostenvoranschlag, offerte, presupuesto, proforma invoice"
    ),
    "commande": phrases(
        "bon de commande, commande, purchase order, commande fournisseur, bulletin de commande, formulaire de "
        "commande, bulletin d abonnement, bon de souscription, recapitulatif de commande, confirmation, arc, "
        "engagement de depense, bon d engagement, commande publique, sales order, bestellung, order form, lettre de "
        "commande, accuse de reception de commande, confirmation de commande, order confirmation, "
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
        "2eme relance, commandement de payer"
    ),
    "releve": phrases(
        "releve de compte, releve bancaire, releve de factures, releve des factures, echeancier, calendrier de "
        "mensualisation, calendrier de paiement, plan de mensualisation, tableau d amortissement, plan de "
        "remboursement, avis de paiement, avis de reglement, avis de virement, bordereau de reglement, detail du "
        "virement, bulletin de paie, bulletin de salaire, fiche de paie, extrait de compte, bank statement, statement "
        "of account, account statement, kontoauszug, situation de compte, releve d operations, releve de situation, "
        "releve"
    ),
    "rib": phrases("releve d identite bancaire, rib, coordonnees bancaires, identite bancaire"),
    "avis": phrases(
        "avis, notice, information, avis de passage, avis de releve, releve des compteurs, bordereau d envoi, "
        "bordereau de transmission, telecopie, informations, note d information, avis aux abonnes, communique, tarifs, "
        "nouveaux tarifs, grille tarifaire, avis de travaux, avis de coupure, preisliste"
    ),
    "declaration": phrases(
        "declaration, etat de frais, talon de paiement, tip sepa, titre interbancaire de paiement, bulletin de "
        "versement, quittance de loyer, attestation simplifiee, proces verbal, certificat de paiement, feuille d "
        "heures, ordre de mission, formulaire, cerfa, attestation, certificat, quittance, demande, avis d imposition, "
        "avis de taxe, expense report, note de frais, notice of assessment"
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

_KIND_OF = {tuple(phrase.split()): kind for kind, phrases in TITLES.items() for phrase in phrases}
_LONGEST_FIRST = sorted(_KIND_OF, key=len, reverse=True)

_ALSO_LABELS = frozenset(
    phrases(
        "bl, arc, confirmation, estimation, commande, engagement, bestellung, contrat, convention, vertrag, "
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
    heights = sorted(line.box.height for line in page.lines)
    usual = heights[len(heights) // 2] if heights else 1.0
    found = []
    for line in page.lines:
        kind, length = _kind_at_start(words_in(line.text))
        if kind is None or line.box.center_y > 0.6 * page.height:
            continue
        weight = _looks(line, length, usual, page.height)
        if _is_label(line, kind, length, page.lines) and line.box.height < 1.3 * usual:
            weight *= 0.15
        elif line.box.height < 1.3 * usual and _comes_again(line, page.lines):
            weight *= 0.15  # "Facture", "Avoir" in the rows of a statement
        if weight:
            found.append(Heading(kind, weight, line))
    return sorted(found, key=lambda heading: -heading.weight)


def _looks(line: TextLine, length: int, usual_height: float, page_height: int) -> float:
    """How much a line that begins with `length` words of a title looks like one; 0 for a sentence."""
    rest = [word for word in words_in(line.text)[length:] if not any(c.isdigit() for c in word)]
    if len(rest) > 5:
        return 0.0
    size = min(3.0, (line.box.height / usual_height) ** 2)
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
    if (length == 1 and words[0] in _ALSO_LABELS) or words[0] == "votre" or ":" in line.text:
        return True
    beside = [o for o in lines if o is not line and abs(o.box.center_y - line.box.center_y) < 0.5 * line.box.height]
    return len(beside) >= 2


def _comes_again(line: TextLine, lines: Sequence[TextLine]) -> bool:
    """Whether the same words stand above or below one another, in a column of a table."""
    words = words_in(line.text)
    return any(
        other is not line and abs(other.box.x - line.box.x) < line.box.height and words_in(other.text) == words
        for other in lines
        if len(other.text) == len(line.text)
    )


def _kind_at_start(words: Sequence[str]) -> tuple[str | None, int]:
    if words and words[0].startswith("factur") and _TO_WHOM_OR_WHEN.match(" ".join(words)):
        return None, 0
    if words and words[0] == "conditions" and _ELSEWHERE.search(" ".join(words)):
        return None, 0
    for phrase in _titles_beginning(words[0]) if words else ():
        if len(words) >= len(phrase) and all(alike(a, b) for a, b in zip(phrase, words, strict=False)):
            return _KIND_OF[phrase], len(phrase)
    return None, 0


@lru_cache(maxsize=8192)
def _titles_beginning(word: str) -> tuple[tuple[str, ...], ...]:
    """Titles whose first word is `word` or was misread as it, the longest first."""
    return tuple(phrase for phrase in _LONGEST_FIRST if alike(phrase[0], word))
