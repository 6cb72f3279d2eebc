"""A supplier's invoice is told from the other letters that carry amounts, and its pages say where they belong."""

from __future__ import annotations

import pytest

from classifiers.evidence import evidence, names
from classifiers.page_types import document_types, page_clues, page_types
from models.definitions import DocumentType
from models.geometry import Box
from models.text import PageText, TextLine, Word

INVOICE = DocumentType.SUPPLIER_INVOICE


def page(text: str) -> PageText:
    """A page from lines of text, one under the other; `#` before a line prints it large, `|` parts columns."""
    lines: list[TextLine] = []
    rows = [row.strip() for row in text.splitlines() if row.strip()]
    step = min(60.0, 2200 / max(1, len(rows)))
    for number, row in enumerate(rows):
        height = 50.0 if row.startswith("#") else 30.0
        for column, cell in enumerate(row.lstrip("#").split("|")):
            if cell.strip():
                lines.append(_line(cell.strip(), 120 + 420 * column, 80 + step * number, height))
    return PageText(tuple(lines), 1654, 2339, 200, "ocr")


def _line(text: str, x: float, y: float, height: float) -> TextLine:
    words, at = [], x
    for word in text.split():
        words.append(Word(word, Box(at, y, 0.5 * height * len(word), height), 0.99))
        at += 0.5 * height * (len(word) + 1)
    return TextLine(text, Box.around(word.box for word in words), 0.99, tuple(words))


POSITIVE = {
    "french": """
        Plomberie Vasseur SARL
        12 rue des Forges 25300 PONTARLIER
        #FACTURE N° 2026-0412
        Date : 04/11/2026 | Commune de Doubs
        Désignation | Qté | PU HT | Montant HT
        Remplacement vanne | 2 | 154,00 | 308,00
        Main d'oeuvre | 4 | 52,00 | 208,00
        Total HT | 516,00
        TVA 20 % | 103,20
        Total TTC | 619,20
        Échéance : 04/12/2026
        Pénalités de retard : trois fois le taux d'intérêt légal. Indemnité forfaitaire de recouvrement : 40 €
        SIRET 732 829 320 00074 - TVA FR44732829320""",
    "without a title": """
        Orange Business | Page 1/2
        Facture n° 4471208553 du 12.10.2026
        Compte client : 998 221
        Abonnements | 84,00 €
        Communications | 12,45 €
        Total hors taxes | 96,45 €
        TVA à 20,00 % | 19,29 €
        Montant TTC | 115,74 €
        Prélèvement le 02.11.2026""",
    "credit note": """
        Bureau Vallée
        #AVOIR N° AV-2026-118
        Date 12/11/2026
        sur facture FC-2231
        Désignation | Quantité | Prix unitaire | Total
        Retour ramettes A4 | 10 | 4,20 | -42,00
        Total HT | -42,00
        TVA 20% | -8,40
        Net à votre crédit TTC | -50,40""",
    "with a cover letter's phrases": """
        Cabinet Roux, géomètre-expert
        Objet : bornage du chemin des Vignes, notre devis n° D-112
        Madame, Monsieur,
        Note d'honoraires n° 2026/77
        Honoraires de bornage | 1 850,00 €
        Total HT | 1 850,00 €
        TVA 20 % | 370,00 €
        Net à payer TTC | 2 220,00 €
        À régler avant le 15/12/2026. IBAN FR76 3000 1007 9412 3456 7890 185
        Veuillez agréer, Madame, Monsieur, nos salutations distinguées.""",
    "german": """
        Stadtwerke Kehl GmbH
        #Rechnung
        Rechnungsnummer 88213 | Rechnungsdatum 03.11.2026
        Menge | Beschreibung | Einzelpreis | Betrag
        2 | Wasserzähler DN20 | 48,00 | 96,00
        Nettobetrag | 96,00
        MwSt. 19 % | 18,24
        Gesamtbetrag | 114,24 EUR
        Zahlbar bis 03.12.2026""",
    "english": """
        Hydrotools Ltd
        #INVOICE
        Invoice number HT-5512 | Date 3 November 2026
        Description | Qty | Unit price | Amount
        Flow sensor | 3 | 120.00 | 360.00
        Subtotal | 360.00
        VAT 20% | 72.00
        Amount due | 432.00 GBP
        Payment terms: 30 days""",
}

NEGATIVE = {
    "reminder": """
        Plomberie Vasseur SARL
        Objet : relance facture impayée
        Madame, Monsieur,
        Sauf erreur ou omission de notre part, la facture ci-dessous demeure impayée à ce jour :
        N° facture | Date | Échéance | Montant TTC
        2026-0211 | 04/06/2026 | 04/07/2026 | 619,20
        Nous vous remercions de régler la somme de 619,20 € TTC par virement, IBAN FR76 3000 1007 9412 3456 7890 185.
        Veuillez agréer, Madame, Monsieur, nos salutations distinguées.""",
    "reminder with a title": """
        Bureau Plus
        #RAPPEL N° 2
        Facture n° FC-260112 du 12/03/2026 | 402,50 €
        Facture n° FC-260145 du 12/04/2026 | 118,00 €
        Total à payer | 520,50 €
        Échéance dépassée. Pénalités de retard applicables. SIRET 732 829 320 00074""",
    "quote": """
        Menuiserie Dupraz SARL
        #DEVIS N° D2026-88
        Date : 04/11/2026
        Désignation | Qté | Prix unitaire HT | Montant HT
        Porte coupe-feu | 2 | 840,00 | 1 680,00
        Total HT | 1 680,00
        TVA 20 % | 336,00
        Total TTC | 2 016,00
        Bon pour accord, date et signature :
        Conditions de règlement : 30 jours. SIRET 732 829 320 00074""",
    "purchase order": """
        Commune de Val Clair
        #BON DE COMMANDE N° BC20265089
        Fournisseur : NetPro Hygiène
        Référence | Désignation | Quantité | PU HT | Total HT
        C12 | Savon liquide 5 L | 12 | 14,20 | 170,40
        Total HT | 170,40
        TVA 20 % | 34,08
        Total TTC | 204,48
        Merci de rappeler ce numéro sur votre facture. Facture à adresser au service comptabilité par Chorus Pro.""",
    "delivery note": """
        Frans Bonhomme
        #BON DE LIVRAISON 771245
        Commande n° BC20265089
        Désignation | Quantité commandée | Quantité livrée
        Tube PVC DN100 | 20 | 20
        Reçu par : | Signature du client :""",
    "bank statement": """
        Caisse d'Épargne
        #RELEVÉ DE COMPTE
        Ancien solde au 30/09/2026 | 12 450,22
        Date | Libellé | Débit | Crédit
        02/10 | VIR NETPRO FACTURE FA422763 | 9 658,26 |
        05/10 | REMISE CHEQUES | | 1 200,00
        Nouveau solde au 31/10/2026 | 3 991,96
        IBAN FR76 3000 1007 9412 3456 7890 185""",
    "bank details": """
        #RELEVÉ D'IDENTITÉ BANCAIRE
        Titulaire du compte : Ets Morel
        Code banque 30001 | Code guichet 00794 | N° de compte 12345678901 | Clé RIB 85
        IBAN FR76 3000 1007 9412 3456 7890 185 | BIC BDFEFRPP""",
    "notice of prices": """
        Syndicat des Eaux du Val Clair
        Objet : évolution des tarifs au 1er janvier
        Madame, Monsieur,
        Nous vous informons que les nouveaux tarifs seront applicables à compter du 1er janvier 2027 :
        Abonnement annuel | 48,50 € HT | 51,17 € TTC
        Prix du m3 | 1,92 € HT | 2,03 € TTC
        TVA 5,5 %
        Veuillez agréer, Madame, Monsieur, l'expression de nos salutations distinguées.""",
    "letter on new billing": """
        NetPro Hygiène
        Objet : nouvelle adresse de facturation
        Monsieur le Maire,
        Pour vos prochaines factures, la TVA et le total TTC figureront en page 2. L'échéance reste de 30 jours.
        Notre SIRET 732 829 320 00074 ne change pas.
        Cordialement""",
    "flyer": """
        #GRANDE FÊTE DE L'EAU
        Samedi 14 novembre, entrée libre
        Inscrivez-vous gratuitement ! Repas 12,00 €, enfants 6,00 €
        Venez nombreux""",
    "letter to the mayor": """
        Madame Durand
        Objet : fuite devant le 12 rue du Pré
        Monsieur le Maire,
        Je vous signale une fuite d'eau depuis le 3 novembre. J'ai payé ma facture de 142,50 € sans retard.
        Veuillez agréer, Monsieur le Maire, mes salutations distinguées.""",
    "tax form": """
        cerfa n° 10963
        #TAXE SUR LA VALEUR AJOUTÉE
        Déclaration de TVA CA3
        Direction générale des finances publiques
        Base hors taxe | Taxe due
        Taux normal 20 % | 12 000 | 2 400""",
    "contract": """
        #CONTRAT DE MAINTENANCE
        Entre les soussignés, il a été convenu ce qui suit :
        Article 1 - Objet
        Article 2 - Prix : 1 250,00 € HT par an, TVA 20 % en sus, payable à 30 jours
        Article 3 - Durée""",
    "english quote": """
        Hydrotools Ltd
        #QUOTATION
        Quote number Q-118 | Valid until 30 November 2026
        Description | Qty | Unit price | Amount
        Flow sensor | 3 | 120.00 | 360.00
        Subtotal | 360.00
        VAT 20% | 72.00
        Total incl. VAT | 432.00""",
    "statement of invoices": """
        Bureau Plus
        #RELEVÉ DE FACTURES - octobre 2026
        Facture n° FC-1 | 12/10/2026 | 120,00
        Facture n° FC-2 | 19/10/2026 | 80,00
        Total des factures TTC | 200,00""",
    "works": """
        Régie des Eaux de Montbrel
        #AVIS DE TRAVAUX
        La distribution d'eau sera interrompue le 18/11/2026 de 8 h à 12 h.""",
    "nothing": "",
}


@pytest.mark.parametrize("text", POSITIVE.values(), ids=POSITIVE.keys())
def test_invoices_and_credit_notes_are_invoices(text: str) -> None:
    best = page_types(page(text))[0]

    assert best.document_type is INVOICE
    assert best.confidence > 0.75


@pytest.mark.parametrize("text", NEGATIVE.values(), ids=NEGATIVE.keys())
def test_other_letters_are_not_invoices_even_with_amounts(text: str) -> None:
    best = page_types(page(text))[0]

    assert best.document_type is DocumentType.OTHER
    assert best.confidence > 0.75


def test_the_two_confidences_add_up() -> None:
    types = page_types(page(POSITIVE["french"]))

    assert sum(match.confidence for match in types) == pytest.approx(1.0)
    assert [match.confidence for match in types] == sorted((match.confidence for match in types), reverse=True)


def test_the_reason_names_what_was_seen() -> None:
    reason = page_types(page(POSITIVE["french"]))[0].reason

    assert reason.startswith("indices : ")
    assert "titre facture" in reason


def test_misread_letters_and_lost_spaces_do_not_hide_the_words() -> None:
    text = POSITIVE["french"].replace("FACTURE N°", "FACTUPE N°").replace("Pénalités de retard", "Pénalitésderetard")

    assert page_types(page(text))[0].document_type is INVOICE


@pytest.mark.parametrize(
    ("printed", "number", "count"),
    [
        ("Page 2/3", 2, 3),
        ("page 1 sur 4", 1, 4),
        ("Page : 1 / 2", 1, 2),
        ("Seite 2 von 3", 2, 3),
        ("Page 7", 7, None),
        ("Page 5/3", None, None),
        ("Tarif au 12/03", None, None),
    ],
)
def test_page_numbers_are_read_as_printed(printed: str, number: int | None, count: int | None) -> None:
    clues = page_clues(page(f"Bureau Plus\n{printed}\nRamette papier | 12,00"))

    assert (clues.page_number, clues.page_count) == (number, count)


@pytest.mark.parametrize(
    ("printed", "number"),
    [
        ("Facture N° : 2026/06/602", "2026/06/602"),
        ("FACTURE N° FA422763 du 12/11/2026", "FA422763"),
        ("N° de facture : FC-262772", "FC-262772"),
        ("Invoice number HT-5512", "HT-5512"),
        ("Rechnungsnummer 88213", "88213"),
        ("N° de facture | Date\n26-118 | 12/11/2026", "26-118"),
        ("Décompte n° INV-66735 - 06/01/2026", "INV-66735"),
        ("FACTURE (exemplaire client) n° 26-03-356", "26-03-356"),
        ("Décompte n° 2", None),
        ("01/01/2026 | AV394387 | Facture 20749,30", None),
        ("Date de facture : 12/11/2026", None),
        ("Facture du 12/11/2026", None),
    ],
)
def test_the_document_number_stands_beside_or_below_its_label(printed: str, number: str | None) -> None:
    assert page_clues(page(f"Bureau Plus\n{printed}\nRamette papier | 12,00")).document_number == number


def test_the_sender_is_never_the_buyer() -> None:
    clues = page_clues(page("SIRET client : 552 081 317 66522\nBureau Plus\nSIRET 732 829 320 00074 - APE 4649Z"))

    assert clues.sender == "siren:732829320"


def test_a_wrong_check_digit_names_no_sender() -> None:
    clues = page_clues(page("#Bureau Plus\nSIRET 732 829 320 00075"))

    assert clues.sender == "name:bureauplus"


@pytest.mark.parametrize("printed", ["À reporter | 1 250,00", "Report | 1 250,00", "FACTURE (suite)", "suite page 2"])
def test_carried_totals_say_that_the_document_goes_on(printed: str) -> None:
    assert page_clues(page(f"Bureau Plus\n{printed}")).continues


@pytest.mark.parametrize("printed", ["Suite à votre demande du 12/11", "Report de la date au 12/12", "Ensuite"])
def test_ordinary_words_do_not_say_that_it_goes_on(printed: str) -> None:
    assert not page_clues(page(f"Bureau Plus\n{printed}")).continues


def test_the_title_names_the_kind_of_document() -> None:
    assert page_clues(page(POSITIVE["credit note"])).title == "avoir"
    assert page_clues(page(NEGATIVE["quote"])).title == "devis"
    assert page_clues(page(NEGATIVE["letter to the mayor"])).title is None


@pytest.mark.parametrize("printed", ["F A C T U R E", "FACTURE DE VENTE N° 12"])
def test_a_heading_may_have_its_letters_set_apart(printed: str) -> None:
    assert page_clues(page(f"Ets Roux\n#{printed}\nTotal TTC | 12,00")).title == "facture"


@pytest.mark.parametrize("printed", ["Facturé à", "FACTURÉ LE : 04/03/2026", "Facturer à : Mairie de Doubs"])
def test_a_label_with_the_word_is_no_title(printed: str) -> None:
    assert page_clues(page(f"Ets Roux\n#{printed}\nTotal TTC | 12,00")).title is None


@pytest.mark.parametrize(
    "text",
    [
        """
        Robinetterie Sorel
        #ACCUSÉ DE RÉCEPTION DE COMMANDE
        Commande n° 4417 du 03/11/2026 | Facturé à : Mairie de Doubs
        Désignation | Qté | PU HT | Montant HT
        Vanne DN 80 | 2 | 150,00 | 300,00
        Total HT | 300,00
        TVA 20 % | 60,00
        Total TTC | 360,00
        Livraison prévue le 12/11/2026
        Nous vous remercions de votre commande.""",
        """
        Papeterie Neuve
        #Bulletin de livraison
        BL n° 8812 | Client : Mairie de Doubs
        Désignation | Qté commandée | Qté livrée | PU HT
        Ramette A4 | 40 | 40 | 4,10
        Total HT | 164,00
        TVA 20 % | 32,80
        Total TTC | 196,80
        Toute réserve doit être notifiée sous 48 heures. Nombre de colis : 3""",
    ],
)
def test_papers_on_the_way_to_an_invoice_are_none(text: str) -> None:
    assert page_types(page(text))[0].document_type is not INVOICE


def test_a_bill_paid_by_direct_debit_is_an_invoice() -> None:
    bill = """
        Télécom Rhône | Date de facture : 02/11/2026
        N° de facture : 1160884830 | Profitez de notre offre spéciale
        Vos abonnements | 10,83 | 12,99
        Montant HT | 10,83
        TVA 20 % | 2,16
        Total TTC | 12,99
        Montant prélevé le 16 novembre 2026"""

    assert page_types(page(bill))[0].document_type is INVOICE


def test_the_pages_of_a_document_are_judged_together() -> None:
    first = page("Ets Roux\n#FACTURE N° 77\nDésignation | Qté | PU HT | Montant HT\nTerrassement | 2 | 50,00 | 100,00")
    second = page("Total HT | 100,00\nTVA 20 % | 20,00\nTotal TTC | 120,00\nNet à payer | 120,00\nÉchéance 30/12/2026")
    together = document_types([(first, None), (second, None)])[0]

    assert together.document_type is INVOICE
    assert together.confidence >= page_types(first)[0].confidence


def test_a_line_that_says_where_the_terms_stand_is_no_title() -> None:
    assert page_clues(page("Total TTC | 6 321,66\nConditions générales de vente au verso.")).title is None
    assert page_clues(page("#Conditions générales de vente\nArticle 1 - Objet")).title == "contrat"


def test_an_order_number_within_a_table_is_not_the_number_of_the_page() -> None:
    assert page_clues(page("Désignation | Qté\nPose suivant devis n° 64595 | 2")).document_number is None


def test_the_word_in_the_rows_of_a_statement_is_no_title() -> None:
    rows = "\n".join(f"0{day}/09/2026 | Facture | FA{day}118 | 120,00" for day in range(1, 6))
    statement = page(f"Ets Roux\nExtrait\n{rows}\nTotal | 600,00")

    assert page_clues(statement).title != "facture"


def test_a_large_heading_that_speaks_to_the_reader_is_a_title_and_a_small_one_a_label() -> None:
    assert page_clues(page("Ets Roux\n#Votre devis\nTotal TTC | 12,00")).title == "devis"
    assert page_clues(page("Ets Roux\n#FACTURE\nVotre devis | D-118\nTotal TTC | 12,00")).title == "facture"


@pytest.mark.parametrize(
    ("printed", "kind"),
    [
        ("AV0IR N° FC-2231", "avoir"),
        ("Dcvis n° 118", "devis"),
        ("BONDE LIVRAISON", "livraison"),
        ("FACTUREDÉFINITIVE", "facture"),
        ("Bon de retour de marchandises n° 675 5872 en date du 12 mars 2026", "livraison"),
        ("Projet et devis", "devis"),
        ("contact@ets-roux.fr", None),
        ("Contact : Mme Roux", None),
        ("Engagement juridique", None),
        ("Date de facture", None),
        ("KOSTENRECHNUNG", "facture"),
    ],
)
def test_a_title_is_known_with_letters_of_its_shape_or_a_space_lost(printed: str, kind: str | None) -> None:
    assert page_clues(page(f"Ets Roux\n#{printed}\nTotal TTC | 12,00")).title == kind


def test_the_subject_of_a_letter_names_its_kind_but_not_by_the_paper_it_is_about() -> None:
    assert page_clues(page("Ets Roux\nObjet : retard de paiement\nMonsieur le Maire,")).title == "relance"
    assert page_clues(page("Ets Roux\nObjet : commande de gravier\nMonsieur le Maire,")).title is None


def test_invoices_listed_with_their_amounts_are_no_title() -> None:
    listed = page(
        "Ets Roux\nRappel amiable\nFacture 200518 du 12/06/2026 | 809,75\nFacture 26200 du 31/08/2026 | 60,19"
    )

    assert page_clues(listed).title == "relance"


@pytest.mark.parametrize(
    "printed",
    ["Mode de règlement : 30 jours date de facture", "Merci de rappeler le numéro de facture lors de votre règlement."],
)
def test_an_invoice_that_is_to_come_is_not_the_page_itself(printed: str) -> None:
    seen = dict(zip(names(), evidence(page(f"Ets Roux\n{printed}\nTotal TTC | 12,00")).values, strict=True))

    assert seen["numéro de facture"] == seen["date de facture"] == 0.0


def test_the_number_of_an_order_is_the_papers_own_where_no_invoice_is_named() -> None:
    def seen(text: str) -> float:
        return dict(zip(names(), evidence(page(text)).values, strict=True))["numéro d'un autre papier seul"]

    assert seen("Ets Roux\nCommande n° 4417\nTotal TTC | 12,00") == 1.0
    assert seen("Ets Roux\nFacture n° 26-118\nCommande n° 4417\nTotal TTC | 12,00") == 0.0


def test_a_label_with_its_value_in_another_column_is_no_title() -> None:
    rows = "\n".join(f"{label} | : 4711" for label in ("Vertrags-Nr", "Lieferschein-Nr", "Bon de livraison"))

    assert page_clues(page(f"Muster GmbH\n{rows}\nEndbetrag | 12,00")).title is None


def test_what_only_adds_up_like_an_invoice_is_not_sure() -> None:
    unnamed = """
        Ets Roux
        Désignation | Qté | PU HT | Montant HT
        Vanne DN 80 | 2 | 150,00 | 300,00
        Total HT | 300,00
        TVA 20 % | 60,00
        Total TTC | 360,00
        Net à payer | 360,00
        Échéance | 30/12/2026"""

    best = page_types(page(unnamed))[0]

    assert best.document_type is DocumentType.OTHER or best.confidence < 0.9
