"""What a page is by its words: a supplier's invoice (or credit note), or something else.

A sum of log-odds: each cue below adds its weight once, groups of cues that say the same thing are capped, the sum goes
through a sigmoid. The weights were set by hand from what the law and habit put on each kind of letter (an invoice must
name its number, date, VAT and payment terms: CGI art. 242 nonies A, Code de commerce L441-9), then checked, not fitted,
on development mail: few samples of the other classes exist, and a fitted weight would learn those senders.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from itertools import combinations

from classifiers.clues import page_clues
from classifiers.wording import Wording, headings, phrases
from models.definitions import DocumentType
from models.reading import TypeMatch
from models.text import PageText

__all__ = ["page_clues", "page_types"]

_PRIOR = -2.2
"""Log-odds of an invoice when nothing is seen."""
_SCALE = 0.8
"""Cues of one page are not independent: the sum is taken with this factor."""
_REASONS = 4


@dataclass(frozen=True, slots=True)
class Cue:
    """Words that speak for or against an invoice."""

    label: str
    """Shown to a supervisor, French."""
    weight: float
    phrases: tuple[str, ...]
    """Folded; one is enough."""


@dataclass(frozen=True, slots=True)
class _Found:
    label: str
    weight: float


FOR = (
    Cue(
        "numéro de facture",
        1.4,
        phrases(
            "n facture, n de facture, no facture, numero facture, numero de facture, facture n, facture no, "
            "facture numero, ref facture, reference facture, invoice number, invoice no, invoice n, invoice id, "
            "rechnungsnummer, rechnungs nr, rechnungsnr, rechnung nr, rechnung nummer, avoir n, n d avoir, numero "
            "d avoir, credit note no, credit note number, factuurnummer, numero factura, numero de factura, "
            "belegnummer"
        ),
    ),
    Cue(
        "date de facture",
        0.8,
        phrases(
            "date de facture, date facture, date de facturation, invoice date, rechnungsdatum, factuurdatum, "
            "fecha factura, date d emission, emise le, facture le"
        ),
    ),
    Cue(
        "total TTC",
        1.2,
        phrases(
            "total ttc, montant ttc, net ttc, ttc, toutes taxes comprises, bruttobetrag, rechnungsbetrag, "
            "gesamtbetrag, endbetrag, brutto, total incl vat, total including vat, total inc vat, gross amount, "
            "total con iva, totaal incl btw, grand total, invoice total"
        ),
    ),
    Cue(
        "total HT",
        0.7,
        phrases(
            "total ht, montant ht, net ht, total hors taxes, total hors taxe, total net ht, base ht, hors taxes, "
            "nettobetrag, zwischensumme, netto, subtotal, sub total, net amount, base imponible, montant net, "
            "total net"
        ),
    ),
    Cue(
        "TVA",
        0.7,
        phrases("tva, vat, mwst, umsatzsteuer, ust, btw, iva, sales tax, tax rate, steuersatz"),
    ),
    Cue(
        "net à payer",
        1.2,
        phrases(
            "net a payer, net a regler, montant a payer, reste a payer, solde a payer, total a payer, a payer, "
            "amount due, balance due, total due, zahlbetrag, zu zahlen, falliger betrag, net a deduire, net a "
            "votre credit, te betalen, importe total, a regler"
        ),
    ),
    Cue(
        "échéance",
        0.8,
        phrases(
            "echeance, date limite de paiement, a regler avant, payable le, date de paiement, a payer avant, date "
            "d echeance, due date, payment due, fallig am, falligkeit, zahlbar bis, zahlungsziel, payment terms, "
            "conditions de paiement, conditions de reglement, mode de reglement, zahlungsbedingungen, "
            "vencimiento, vervaldatum, delai de paiement, reglement a"
        ),
    ),
    Cue(
        "pénalités de retard",
        1.0,
        phrases(
            "penalites de retard, penalite de retard, indemnite forfaitaire, frais de recouvrement, escompte, "
            "interet legal, taux d interet legal, reserve de propriete, skonto, late payment, autoliquidation, "
            "tva acquittee, exoneration de tva, tva non applicable"
        ),
    ),
    Cue(
        "coordonnées bancaires",
        0.3,
        phrases("iban, bic, bankverbindung, virement, domiciliation"),
    ),
    Cue(
        "SIRET ou n° TVA",
        0.3,
        phrases(
            "siret, siren, n tva, tva intracommunautaire, tva intracom, rcs, vat id, ust id, ust idnr, vat "
            "number, vat no, steuernummer, ape, naf, cif, nif"
        ),
    ),
    Cue(
        "tableau de prix",
        1.0,
        phrases(
            "prix unitaire, pu ht, p u, prix u, prix unit, px unitaire, unit price, einzelpreis, e preis, prijs, "
            "precio unitario, price each, unit cost"
        ),
    ),
    Cue(
        "quantités",
        0.5,
        phrases("quantite, qte, qty, quantity, menge, aantal, cantidad, anzahl"),
    ),
)
"""Cues for an invoice."""

AGAINST = (
    Cue(
        "relance d'impayé",
        -3.2,
        phrases(
            "sauf erreur ou omission, sauf erreur de notre part, n avons pas recu, demeure impayee, demeurent "
            "impayees, reste impayee, restent impayees, restee impayee, restees impayees, toujours impayee, "
            "retard de paiement constate, rappel de paiement, lettre de relance, factures impayees, facture "
            "impayee, factures echues, nous vous rappelons, ne nous est pas parvenu, pas encore regle, payment "
            "reminder, zahlungserinnerung, mahnung, solde debiteur, regulariser votre situation, arrieres"
        ),
    ),
    Cue(
        "devis",
        -2.8,
        phrases(
            "bon pour accord, validite de l offre, validite du devis, offre valable, devis valable, valable "
            "jusqu, duree de validite, devis gratuit, devis recu avant, quotation no, quote number, quotation "
            "number, angebotsnummer, angebot nr, valid until, gultig bis, proforma, pro forma, total devis, "
            "signature precedee de la mention, acceptation du devis, expiration date"
        ),
    ),
    Cue(
        "référence d'un devis",
        -0.4,
        phrases("devis n, numero de devis, n de devis, selon devis"),
    ),
    Cue(
        "bon de commande",
        -1.6,
        phrases(
            "livraison souhaitee, date de livraison souhaitee, delai de livraison demande, a facturer a, facture "
            "a adresser, adresser la facture, factures a adresser, deposer la facture, deposer vos factures, "
            "merci de rappeler ce numero, rappeler ce numero, numero a rappeler, a rappeler sur vos factures, "
            "purchase order no, purchase order number, po number, bestellnummer wir, l ordonnateur, date de la "
            "commande, bon de commande a retourner"
        ),
    ),
    Cue(
        "livraison",
        -2.0,
        phrases(
            "bon de livraison n, quantite livree, qte livree, recu conforme, recu par, signature du client, "
            "signature du destinataire, nom du livreur, delivered by, lieferschein nr, poids brut"
        ),
    ),
    Cue(
        "relevé bancaire",
        -3.0,
        phrases(
            "ancien solde, nouveau solde, solde crediteur, solde au, solde precedent, date valeur, releve de "
            "compte, releve de vos operations, total des mouvements, kontoauszug, opening balance, closing "
            "balance, account statement, bank statement"
        ),
    ),
    Cue(
        "RIB",
        -2.2,
        phrases(
            "releve d identite bancaire, code banque, code guichet, cle rib, titulaire du compte, account holder, "
            "identifiant international de compte, nouvelles coordonnees bancaires, changement de coordonnees "
            "bancaires"
        ),
    ),
    Cue(
        "lettre",
        -1.5,
        phrases(
            "madame monsieur, monsieur le maire, madame le maire, monsieur le president, madame la presidente, "
            "madame monsieur le, cher client, chere cliente, chers clients, cher abonne, chers abonnes, mesdames "
            "messieurs, dear sir, dear madam, to whom it may concern, dear customer, sehr geehrte, chers "
            "administres, cheres habitantes, monsieur le directeur, madame la directrice, dear sirs, dear mr, "
            "dear ms"
        ),
    ),
    Cue(
        "formule de politesse",
        -0.7,
        phrases(
            "veuillez agreer, veuillez recevoir, salutations distinguees, sentiments distingues, nous vous prions "
            "d agreer, je vous prie d agreer, sincerely, cordialement, mit freundlichen grussen, consideration "
            "distinguee, best regards, meilleures salutations"
        ),
    ),
    Cue(
        "avis ou tarifs",
        -2.0,
        phrases(
            "nouveaux tarifs, nouveau tarif, nos tarifs, grille tarifaire, evolution des tarifs, revision des "
            "tarifs, revision de prix, hausse des tarifs, augmentation des tarifs, coupure d eau, interruption de "
            "service, travaux sur le reseau, seront interrompus, la distribution d eau, avis aux abonnes, seront "
            "applicables, a compter du 1er, entreront en vigueur, entrera en vigueur, nous vous informons, vous "
            "informons que, avons le plaisir de vous informer, we inform you, deliberation du conseil, hausse de "
            "prix, prix par m3, prix du m3, reunion publique"
        ),
    ),
    Cue(
        "publicité",
        -1.4,
        phrases(
            "offre speciale, promotion, remise exceptionnelle, profitez, decouvrez, inscrivez vous, gratuit, "
            "gratuitement, portes ouvertes, jeu concours, rejoignez nous, venez nombreux, entree libre, tombola, "
            "special offer, code promo, jusqu a epuisement, offre valable jusqu, economisez"
        ),
    ),
    Cue(
        "déclaration ou formulaire",
        -2.6,
        phrases(
            "cerfa, declaration de, direction generale des finances, impots gouv, service des impots, je "
            "soussigne, soussigne, cadre reserve, a remplir, hereby, borrower, lender, policy number, insured, "
            "employee name, employer, date of birth, date de naissance, expense report, note de frais, vaccin, "
            "vaccination"
        ),
    ),
    Cue(
        "contrat",
        -2.0,
        phrases(
            "article 1, article 2, il a ete convenu, les parties, entre les soussignes, le titulaire s engage, "
            "acte d engagement, cahier des charges, pouvoir adjudicateur, herein, hereinafter, undersigned"
        ),
    ),
    Cue(
        "relevé de factures",
        -2.2,
        phrases(
            "releve de factures, releve de compte client, recapitulatif de vos factures, situation de votre "
            "compte, statement of account, liste des factures, total des factures"
        ),
    ),
)
"""Cues against one."""

_TITLE_WEIGHTS = {
    "facture": 3.0, "avoir": 3.0, "devis": -4.0, "commande": -3.2, "livraison": -3.5, "relance": -5.0, "releve": -3.5,
    "rib": -3.5, "avis": -2.5, "declaration": -3.0, "contrat": -2.5,
}  # fmt: skip
"""Log-odds of a clear title of each kind (`classifiers.wording.TITLES`)."""

_AMOUNT = re.compile(r"(?<![\d.,])(\d{1,3}(?:[ .'’]\d{3})*|\d+)[.,](\d{2})(?![\d%])(?! ?%)")
_RATES = (0.021, 0.055, 0.07, 0.077, 0.081, 0.085, 0.09, 0.10, 0.16, 0.19, 0.20, 0.21, 0.22)
"""VAT rates of France and its neighbours."""


def page_types(text: PageText) -> tuple[TypeMatch, ...]:
    """How likely a page is a supplier's invoice or credit note, or something else.

    Args:
        text: of one page that is not a known form.
    Returns: both types, the likelier first; confidences add up to 1.
    """
    found = [*_titles(text), *_cues(text), *_amounts(text)]
    for_it = sum(f.weight for f in found if f.weight > 0)
    against = sum(f.weight for f in found if f.weight < 0)
    log_odds = _PRIOR + _SCALE * (min(for_it, 11.0) + max(against, -11.0))
    probability = min(0.995, max(0.005, 1 / (1 + math.exp(-log_odds))))
    invoice = TypeMatch(DocumentType.SUPPLIER_INVOICE, probability, _reason([f for f in found if f.weight > 0]))
    other = TypeMatch(DocumentType.OTHER, 1 - probability, _reason([f for f in found if f.weight < 0]))
    return (invoice, other) if probability >= 0.5 else (other, invoice)


def _reason(found: list[_Found]) -> str:
    best = sorted(found, key=lambda f: -abs(f.weight))[:_REASONS]
    return "mots : " + ", ".join(f.label for f in best) if best else "aucun indice"


def _titles(text: PageText) -> list[_Found]:
    """What the page calls itself. The likeliest heading counts; a second of another kind takes some of it back."""
    ranked = headings(text)
    if not ranked:
        return []
    first = ranked[0]
    rival = next((h.weight for h in ranked if _side(h.kind) != _side(first.kind)), 0.0)
    strength = min(1.0, 0.8 * first.weight) * (1 - 0.6 * max(0.0, rival / first.weight - 0.4))
    return [_Found(f"titre {first.kind}", _TITLE_WEIGHTS[first.kind] * strength)]


def _side(kind: str) -> bool:
    return _TITLE_WEIGHTS[kind] > 0


def _cues(text: PageText) -> list[_Found]:
    wording = Wording.of(text)
    return [_Found(cue.label, cue.weight) for cue in (*FOR, *AGAINST) if wording.any_of(cue.phrases)]


def _amounts(text: PageText) -> list[_Found]:
    amounts = [_cents(match) for line in text.lines for match in _AMOUNT.finditer(line.text)]
    if not amounts:
        return [_Found("aucun montant", -2.5)]
    found = [_Found("peu de montants", -0.8)] if len(amounts) < 3 else []
    if len(amounts) >= 6:
        found.append(_Found("nombreux montants", 0.5))
    if _adds_up(amounts):
        found.append(_Found("HT + TVA = TTC", 1.6))
    return found


def _cents(match: re.Match[str]) -> int:
    return int(re.sub(r"\D", "", match[1])) * 100 + int(match[2])


def _adds_up(amounts: list[int]) -> bool:
    """Whether three amounts are a net, a tax at a usual rate and their sum."""
    every = set(amounts)
    largest = sorted(every, reverse=True)[:40]
    for gross, net in combinations(largest, 2):
        tax = gross - net
        if tax in every and net > 0 and any(abs(tax - net * rate) <= max(2, 0.0005 * net) for rate in _RATES):
            return True
    return False
