"""The words that announce a field, in French first, then German and English, and where they stand on the page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from rapidfuzz import fuzz, process

from extraction.invoices.page_layout import Cell, Document, fold
from models.geometry import Box

# field -> (strength 0..1 -> phrases as people print them); a longer label found at the same place wins over a shorter one
WORDING: Mapping[str, Mapping[float, str]] = {
    "invoice_number": {
        1.0: "facture n°|n° facture|n° de facture|numéro de facture|numéro facture|no facture|facture numéro|n° de la facture"
        "|facture no|réf. facture|référence facture|référence de la facture|réf. de facture|nos réf. facture|avoir n°|n° avoir"
        "|n° d'avoir|numéro d'avoir|note de crédit n°|facture d'avoir n°|n° de l'avoir|avoir numéro|n° note de crédit"
        "|facture réf|facture référence|invoice number|invoice no|invoice n°|invoice #|invoice num|rechnungsnummer"
        "|rechnungs-nr|rechnung nr|rechnungsnr|rechnung-nr|belegnummer|rechnungs nr|handelsrechnung nr|rechnungskorrektur nr|facture no.|credit note no|credit note number"
        "|gutschriftsnummer|gutschrift nr|factuurnummer|número de factura|factura n°|facture d'acompte n°|facture de situation n°"
        "|référence de facture|n° fact|fact. n°|facture nr|rechnung n°|num. facture|facture / n°|facture de vente n°",
        0.8: "numéro de pièce|n° pièce|n° de pièce|n° document|numéro de document|numéro du document|document n°|pièce n°|beleg-nr"
        "|dokumentennummer|document number|doc. no|n° de document|pièce comptable n°|identifiant facture|facture",
        0.55: "numéro|n°|nr|avoir|invoice|rechnung|no|nummer|note de crédit|credit note|gutschrift|factura|num",
        0.45: "référence|réf|nos références|nos réf|notre référence|notre réf|n/réf|our reference|unser zeichen|références",
    },
    "issue_date": {
        1.0: "date de facture|date facture|date de la facture|date d'émission|émise le|émis le|facture du|date de facturation"
        "|facturé le|facture émise le|établie le|date d'établissement|date d'édition|éditée le|date de l'avoir|avoir du|date avoir"
        "|invoice date|date of issue|issue date|rechnungsdatum|belegdatum|ausstellungsdatum|date of invoice|factuurdatum|fecha"
        "|date d'avoir|date pièce|date de pièce|date du document|date document|datée du|fait le|facture établie le|en date du"
        "|date d'établissement de la facture|bill date|gutschriftsdatum",
        0.7: "date|datum|du|le|dated|vom",
    },
    "due_date": {
        1.0: "date d'échéance|échéance|payable au plus tard le|à régler avant le|date limite de paiement|payable avant le"
        "|date d'échéance de paiement|échéance de paiement|échéance le|à payer avant le|paiement avant le|à régler le"
        "|règlement avant le|échéance au|date de paiement|date limite de règlement|limite de paiement|payable le|à payer le"
        "|règlement au plus tard le|paiement au plus tard le|à régler pour le|paiement dû le|date d'exigibilité|exigible le"
        "|due date|payment due|date due|fälligkeitsdatum|fällig am|zahlbar bis|due by|payable by|fällig bis|zahlungsziel"
        "|fälligkeit|vervaldatum|vencimiento|échéance du|prélèvement le|date de prélèvement|sera prélevé le|à échéance du|dû le"
        "|date de règlement|paiement attendu le|à acquitter avant le|règlement attendu pour le|date échéance|paiement à échéance du"
        "|échéance de règlement|à payer au plus tard le|payable jusqu'au|règlement le|merci de régler avant le|dû pour le"
        "|à régler au plus tard le|paiement pour le|date butoir de paiement|limite de règlement|délai de paiement",
    },
    "other_date": {
        1.0: "date de facture associée|date de début|date de fin|date de début de prestation|date de fin de prestation"
        "|date facture d'origine|date de la facture d'origine|période de|du|date de la commande|date début|date fin|date de livraison|livraison du|livré le|date de commande|commande du|date commande|date livraison|bon du"
        "|date de prestation|période du|période|date d'exécution|intervention du|date d'intervention|delivery date|lieferdatum"
        "|leistungsdatum|bestelldatum|order date|date du marché|bl du|devis du|date du devis|date du bon|leistungszeitraum"
        "|expédié le|date d'expédition|marché notifié le|date de naissance|date d'impression|imprimé le|relevé du"
        "|prestation du|bon de livraison du|date de la commande|réalisé le|date de réalisation|facture d'origine du|au"
        "|date de valeur|valeur au|depuis le|date de service fait|service fait le|liefer- und leistungsdatum|lieferung",
    },
    "order_reference": {
        1.0: "n° d'engagement|engagement n°|engagement|n° engagement|engagement juridique|n° ej|numéro d'engagement|bon de commande"
        "|bon de commande n°|n° bon de commande|n° de bon de commande|réf. commande|votre commande|votre commande n°|n° de commande"
        "|commande n°|référence commande|référence de commande|numéro de commande|votre bon de commande|n° commande"
        "|votre n° de commande|bdc n°|bdc|n° bdc|commande client|réf. engagement|référence engagement|purchase order"
        "|order number|po number|order no|purchase order number|bestellnummer|ihre bestellung|bestell-nr|your order|po no"
        "|réf. bon de commande|réf. cde|votre cde|n° cde|cde n°|vos réf. commande|référence d'engagement|bon d'engagement"
        "|n° engagement juridique|engagement comptable|numéro de bon de commande|bc n°|n° bc|référence de votre commande"
        "|engagement (ej)|commande / engagement|référence bon de commande|n° d'ej|bestellreferenz|n° de bdc",
        0.8: "commande|cde|bc|ej|order|po|votre référence|vos références|votre réf|v/réf|vos réf|référence client|v/ref|your reference"
        "|référence acheteur|buyer reference|bestellung|référence de l'acheteur",
    },
    "contract_reference": {
        1.0: "marché n°|n° de marché|n° marché|marché|numéro de marché|référence marché|réf. marché|marché public n°|contrat n°"
        "|n° de contrat|contrat|numéro de contrat|n° contrat|référence contrat|réf. contrat|référence du marché|accord-cadre n°"
        "|marché public|n° du marché|contract number|contract no|vertragsnummer|marché / contrat|accord cadre|n° de marché public"
        "|convention n°|n° convention|contract|identifiant du marché|votre marché|référence de marché|marché réf|contrat / marché",
    },
    "other_reference": {
        1.0: "facture associée|n° de facture associée|facture d'origine|n° facture d'origine|facture initiale|facture rectifiée"
        "|facture précédente|n° facture initiale|référence facture d'origine|annule et remplace la facture|n° de client|client n°"
        "|n° client|code client|numéro client|numéro de client|bon de livraison|n° bon de livraison|n° devis|devis n°|bl n°|n° bl"
        "|devis|référence devis|réf. devis|réf projet|référence projet|n° compte|compte client|n° de compte|réf. client interne|gln"
        "|réf. appel d'offres|appel d'offres|n° bon de réception|n° bon de vente|référence comptable|réf. comptable|n° d'intervention"
        "|bon d'intervention|n° chantier|chantier|n° dossier|dossier|réf. dossier|dossier n°|n° abonné|n° abonnement|affaire"
        "|n° affaire|affaire n°|réf. affaire|code affaire|kundennummer|kunden-nr|customer no|customer number|lieferschein-nr"
        "|lieferscheinnummer|customer id|steuernummer|handelsregister|facture correspondante|avoir sur facture|sur facture n°"
        "|en référence à la facture|relatif à la facture|facture concernée|facture n° d'origine|n° fournisseur|code fournisseur"
        "|fournisseur n°|code tiers|numéro de dossier|ticket|page|numéro de compte|vos contacts|mandat|rum|référence mandat|ics"
        "|cadre de facturation|référence avis de paiement|agrément|n° agrément|rcs|ape|naf|code ape|code naf|assurance|n° de série"
        "|téléphone|tél|fax|bic|réf. paiement|référence à rappeler|référence de paiement|lot|lot n°|n° lot|tournée",
    },
    "buyer_service_code": {
        1.0: "code service|service destinataire|code service chorus|service exécutant|code service exécutant|service chorus"
        "|n° de service|code du service|service code|service gestionnaire|service facturé|code service destinataire|service acheteur"
        "|code sce|identifiant service|service prescripteur|service chorus pro|code service chorus pro|service réf|service client"
        "|n° service|leitweg-id|code service (chorus)|code service du destinataire|service émetteur du bon",
        0.6: "service",
    },
    "buyer_siret": {
        1.0: "siret client|siret destinataire|votre siret|siret du client|siret acheteur|n° siret client|siret du destinataire"
        "|siret de l'acheteur|client siret|n° siret destinataire|siret débiteur|siret facturé|siret collectivité|destinataire siret"
        "|siret du débiteur|identifiant client chorus|siret chorus|n° siret du client|identifiant siret client|siret structure"
        "|siret (client)|siret du facturé|votre n° siret|siret payeur|siret ordonnateur|siret commanditaire",
    },
    "seller_siret": {
        1.0: "siret|n° siret|siret n°|numéro siret|siret fournisseur|siret émetteur|siret vendeur|notre siret|identifiant siret"
        "|siren|n° siren|rcs|siret du fournisseur|siren siret|siret de l'émetteur|immatriculé",
    },
    "seller_vat_id": {
        1.0: "n° tva|tva intracommunautaire|n° tva intracommunautaire|tva intracom|n° de tva|tva n°|numéro de tva|id tva|code tva"
        "|identifiant tva|n° tva intracom|vat|vat number|vat no|ust-idnr|ust-id|ust id nr|umsatzsteuer-id|vat id|ustid|tva intra"
        "|n° identification tva|n° de tva intracommunautaire|numéro de tva intracommunautaire|n° tva intra|vat reg no",
    },
    "buyer_vat_id": {
        1.0: "tva client|n° tva client|votre n° tva|tva intracommunautaire client|n° tva du client|customer vat|tva du client"
        "|votre tva intracommunautaire|tva destinataire|tva acheteur|n° tva acheteur|ihre ust-idnr|client tva",
    },
    "seller_iban": {
        1.0: "iban|rib|coordonnées bancaires|compte bancaire|virement|bank account|kontonummer|domiciliation|compte n°",
    },
    "buyer_name": {
        1.0: "facturé à|destinataire|client|adresse de facturation|adressé à|facturer à|acheteur|bill to|invoice to|sold to"
        "|nom du client|facturation|adresse facturation|à l'attention de|débiteur|käufer/leistungsempfänger|leistungsempfänger|rechnung an|rechnungsempfänger|kunde|customer"
        "|client facturé|destinataire de la facture|billed to|doit|pour le compte de|maître d'ouvrage|vendu à|adresse du client"
        "|collectivité|payeur|facture à|rechnungsadresse|billing address|buyer|käufer|adresse client|coordonnées client",
        0.7: "attn|livré à|adresse de livraison|ship to|lieu de livraison",
    },
    "seller_name": {
        1.0: "fournisseur|émetteur|vendeur|émise par|seller|verkäufer|from|vendor|émis par|prestataire|titulaire|supplier"
        "|de la part de|créancier|bénéficiaire|titulaire du compte|à l'ordre de|lieferant|société|raison sociale",
    },
    "total_without_tax": {
        1.0: "total ht|total hors taxes|montant ht|total h.t.|total général ht|montant total ht|total net ht|montant hors taxes"
        "|net ht|base ht|total hors taxe|total hors tva|total ht net|sous-total ht|total en euros ht|total h.t. net|montant net ht"
        "|montant total hors taxes|prix total ht|total des prestations ht|total facture ht|total net hors taxes|montant htva"
        "|subtotal|sub total|net total|total net|nettobetrag|gesamt netto|rechnungssumme ohne ust|rechnungssumme ohne mwst|gesamtbetrag ohne ust|summe ohne ust|summe netto|netto|total excl. vat|total excl tax"
        "|total amount without vat|net amount|total before tax|zwischensumme|gesamtbetrag netto|nettosumme|rechnungsbetrag netto"
        "|total without tax|tax basis|total excluding vat|total ht en €|total marchandises ht|ht|total ht (eur)|total htva"
        "|total net excl. vat|steuerbasisbetrag|total eur ht|ht net|montant ht total|base imponible|total ht euros|total h.t. eur"
        "|montant total h.t.|cumul ht|somme ht|hors taxes|total hors-taxes|total euro ht",
        0.6: "positionssumme|summe der positionen|sous-total|sous total|base|total des lignes|total lignes|montant brut|total brut|summe",
    },
    "total_tax": {
        1.0: "total tva|montant tva|tva totale|total de la tva|montant total tva|total des taxes|total taxes|montant de la tva"
        "|montant de tva|dont tva|tva|total vat|vat amount|total tax|mwst|umsatzsteuer|steuerbetrag|vat total|t.v.a.|tax amount"
        "|total t.v.a.|montant total de la tva|mehrwertsteuer|tax|sales tax|mwst-betrag|vat|ust|gesamtsteuer|steuerbetrag in eur|taxe|btw|iva|gst"
        "|summe mwst|steuergesamtbetrag|taxes|total tva (eur)|tva à payer|tva sur les débits|cumul tva|somme tva|steuer",
    },
    "total_with_tax": {
        1.0: "total ttc|montant ttc|total toutes taxes comprises|net ttc|total t.t.c.|montant total ttc|total général ttc|ttc"
        "|total facture|montant total|total général|total de la facture|montant de la facture|montant facture|total facture ttc"
        "|grand total|total incl. vat|gesamtbetrag|bruttobetrag|rechnungsbetrag|summe brutto|total with tax|total including vat"
        "|invoice total|gesamt brutto|brutto|endbetrag|gesamtsumme|total amount|bruttosumme|rechnungssumme mit ust|gesamtbetrag mit ust|total en euros ttc|toutes taxes comprises"
        "|montant toutes taxes comprises|total incl tax|total net ttc|total gross|total à payer ttc|total ttc (eur)|total ttc en €"
        "|totaal|importe total|total ttc euros|montant total t.t.c.|montant ttc total|total eur ttc|somme ttc|total avoir"
        "|total de l'avoir|montant de l'avoir|montant avoir|total euro ttc|total facture eur",
        0.6: "total|montant|total eur|total €|amount|summe|prix total",
    },
    "amount_due": {
        1.0: "net à payer|à payer|reste à payer|solde|net à régler|montant à payer|solde à payer|total à payer|montant dû|reste dû"
        "|solde dû|à régler|net à payer ttc|montant net à payer|somme à payer|net à payer en euros|total à régler|montant à régler"
        "|amount due|balance due|total due|zahlbetrag|zu zahlen|zu zahlender betrag|fälliger betrag|amount payable|net to pay"
        "|à payer ttc|somme due|reste à régler|solde à régler|total dû|net dû|net à payer (eur)|à percevoir|en votre faveur"
        "|à votre crédit|net à déduire|à rembourser|montant à rembourser|net à créditer|avoir en votre faveur|montant prélevé"
        "|net à rembourser|balance|payable amount|due payable amount|votre avoir|net en votre faveur|montant net à régler"
        "|solde en votre faveur|solde net à payer|a payer ttc|restant dû|net a votre credit|reste a devoir|montant restant dû",
    },
    "deposit": {
        1.0: "acompte|acomptes|acompte versé|acompte reçu|déjà réglé|déjà payé|avance|acomptes versés|acompte déduit|déduction"
        "|deposit|prepaid|paid amount|anzahlung|versement reçu|avance versée|montant déjà réglé|paid|acompte à déduire|règlement reçu"
        "|acompte déjà versé|total prepaid|acompte payé|déjà versé|retenue de garantie|moins acompte|paiement reçu|montant déjà payé"
        "|acompte perçu|amount paid|versements|acompte encaissé",
    },
    "other_amount": {
        1.0: "capital|indemnité forfaitaire|frais de recouvrement|remise|escompte|report|à reporter|pénalités|port|frais de port"
        "|prix unitaire|remise totale|total remise|eco-participation|rabais|discount|capital de|total brut ht|taux|poids|qté totale"
        "|nombre|dont eco-contribution|total tva non applicable|poids total|en retard",
    },
}

_LONGEST = 7
_FUZZY_FROM = 6
"""Shorter labels must stand exactly as they are: `bc` is one letter away from too much."""


@dataclass(frozen=True, slots=True, eq=False)
class Label:
    """A label found on the page. Its box is in millimetres."""

    field: str
    strength: float
    """0..1: what it says of the field, times how well it is read."""
    cell: Cell
    start: int
    end: int
    box: Box
    phrase: str
    whole: bool
    """Nothing else stands in its cell but a sign."""


def _phrases() -> dict[str, dict[str, float]]:
    known: dict[str, dict[str, float]] = {}
    for name, levels in WORDING.items():
        for strength, phrases in levels.items():
            for phrase in phrases.split("|"):
                compact = fold(phrase).replace(" ", "")
                known.setdefault(compact, {}).setdefault(name, strength)
    return known


_KNOWN = _phrases()
_LONG = [phrase for phrase in _KNOWN if len(phrase) >= _FUZZY_FROM]


@lru_cache(maxsize=65536)
def _nearest_phrase(compact: str) -> tuple[str, float] | None:
    """The phrase a run of letters most likely is, misread, with how alike they are."""
    if len(compact) < _FUZZY_FROM or any(c.isdigit() for c in compact):
        return None
    least = 88 if len(compact) < 10 else 85
    if compact in _KNOWN:
        return compact, 1.0
    hit = process.extractOne(compact, _LONG, scorer=fuzz.ratio, score_cutoff=least)
    if hit is None or (hit[0][:1] != compact[:1] and len(compact) < 8) or _differs(compact, hit[0]):
        return None
    return hit[0], hit[1] / 100


def _differs(compact: str, phrase: str) -> bool:
    """One letter makes another label of it: `total ht` and `total tva` are not misread of each other."""
    return any((mark in compact) != (mark in phrase) for mark in ("ht", "ttc", "tva", "date"))


def find_labels(document: Document) -> list[Label]:
    """Every label of the document; a label that broke over two or three rows of a narrow column counts as one."""
    found: list[Label] = []
    parts: set[int] = set()
    for cells in sorted(_stacks(document), key=len, reverse=True):
        if any(id(cell) in parts for cell in cells):
            continue
        tokens = tuple(token for cell in cells for token in cell.tokens)
        whole = Cell(tokens, Box.around(cell.box for cell in cells), cells[0].page, cells[-1].row)
        labels = [label for label in _in_cell(whole) if label.whole]
        if labels:
            found.extend(labels)
            parts.update(id(cell) for cell in cells)
    for cell in document.cells:
        if id(cell) not in parts:
            found.extend(_in_cell(cell))
    return found


def _in_cell(cell: Cell) -> list[Label]:
    words = [fold(token.text).replace(" ", "") for token in cell.tokens]
    ends = [bool(token.text.endswith(":")) for token in cell.tokens]
    taken: set[int] = set()
    found: list[Label] = []
    before_colon = ends.index(True) + 1 if True in ends else len(words)
    misread = _nearest_phrase("".join(words[:before_colon])) if 1 < before_colon <= _LONGEST else None
    if misread is not None and misread[1] > 0.9 and words[0]:
        taken.update(range(before_colon))
        found.extend(_labels(cell, 0, before_colon, *misread, whole=not any(words[before_colon:])))
    for exact in (True, False):
        for start, end in _windows(words, ends):
            if taken.intersection(range(start, end)):
                continue
            compact = "".join(words[start:end])
            hit = (compact, 1.0) if compact in _KNOWN else None if exact else _nearest_phrase(compact)
            if hit is not None:
                taken.update(range(start, end))
                found.extend(_labels(cell, start, end, *hit, whole=compact == "".join(words)))
    return found


def _windows(words: Sequence[str], ends: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """Runs of words that can be one label, the longest first; a colon ends a label."""
    for size in range(min(_LONGEST, len(words)), 0, -1):
        for start in range(len(words) - size + 1):
            end = start + size
            if words[start] and words[end - 1] and not any(ends[start : end - 1]):
                yield start, end


def _labels(cell: Cell, start: int, end: int, phrase: str, alike: float, *, whole: bool) -> Iterator[Label]:
    box = Box.around(token.box for token in cell.tokens[start:end])
    for name, strength in _KNOWN[phrase].items():
        yield Label(name, strength * alike, cell, start, end, box, phrase, whole)


def _stacks(document: Document) -> Iterator[tuple[Cell, ...]]:
    """Cells one under another, close and without figures: two or three of them."""
    for cell in document.cells:
        if any(c.isdigit() for c in cell.text) or len(cell.tokens) > 4:
            continue
        for low in _just_below(cell, document):
            yield (cell, low)
            for lowest in _just_below(low, document):
                yield (cell, low, lowest)


def _just_below(cell: Cell, document: Document) -> Iterator[Cell]:
    for row in document.rows[cell.row + 1 : cell.row + 4]:
        for low in row.cells:
            gap = low.box.y - cell.box.bottom
            if low.page != cell.page or not -1.0 <= gap <= 0.7 * cell.box.height or len(low.tokens) > 4:
                continue
            if _centred(cell.box, low.box) and not any(c.isdigit() for c in low.text):
                yield low


def _centred(top: Box, low: Box) -> bool:
    return abs(top.center_x - low.center_x) < 3 or abs(top.x - low.x) < 1.5 or abs(top.right - low.right) < 1.5
