"""Words that speak for or against an invoice, by what the law and habit put on each kind of letter.

An invoice must name its number, date, VAT and payment terms: CGI art. 242 nonies A, Code de commerce L441-9.
"""

from __future__ import annotations

from dataclasses import dataclass

from classifiers.wording import phrases


@dataclass(frozen=True, slots=True)
class Cue:
    """Words that speak for or against an invoice."""

    label: str
    """Shown to a supervisor, French."""
    weight: float
    """Log-odds that a person gave it before any mail was counted; where fitting begins."""
    phrases: tuple[str, ...]
    """Folded; one is enough."""
    label_only: bool = False
    """Running text with these words says nothing: "merci de rappeler le numéro de facture"."""


FOR = (
    Cue(
        "numéro de facture",
        1.4,
        phrases(
            "n facture, n de facture, n fact, no fact, fact n, no facture, numero facture, numero de facture, facture "
            "n, facture no, facture numero, ref facture, reference facture, invoice number, invoice no, invoice n, "
            "invoice id, rechnungsnummer, rechnungs nr, rechnungsnr, rechnung nr, rechnung nummer, avoir n, n d "
            "avoir, numero d avoir, credit note no, credit note number, factuurnummer, numero factura, numero de "
            "factura, belegnummer"
        ),
        label_only=True,
    ),
    Cue(
        "date de facture",
        0.8,
        phrases(
            "date de facture, date facture, votre facture du, facture du mois, date de facturation, invoice "
            "date, rechnungsdatum, factuurdatum, "
            "fecha factura, date d emission, emise le, facture le"
        ),
        label_only=True,
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
            "net a payer, net a regler, montant preleve, sera preleve, sera prelevee, preleve le, montant a prelever, "
            "prelevement le, montant a payer, reste a payer, solde a payer, total a payer, a payer, "
            "amount due, balance due, total due, zahlbetrag, zu zahlen, falliger betrag, net a deduire, net a "
            "votre credit, en votre faveur, te betalen, importe total, a regler"
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
            "interet legal, taux d interet legal, reserve de propriete, skonto, late payment"
        ),
    ),
    Cue(
        "régime de TVA",
        0.3,
        phrases("autoliquidation, tva acquittee, exoneration de tva, tva non applicable, reverse charge"),
    ),
    Cue(
        "formule de facture",
        1.5,
        phrases(
            "vous facturons, doit pour, la presente facture, facture arretee, arretee a la somme, facture acquittee"
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

TILL = Cue(
    "ticket de caisse",
    2.0,
    phrases(
        "ticket, ticket n, caisse n, n caisse, caisse 1, caisse 2, caisse 3, caisse 4, caisse 5, caisse 6, caisse 7, "
        "caisse 8, caisse 9, caisse 01, caisse 02, caisse 03, hotesse, caissier, caissiere, carte bancaire, sans "
        "contact, mastercard, master card, especes, rendu, rendu monnaie, merci de votre visite, ticket a conserver, "
        "a bientot, cash, change, cashier, receipt, cash bill, visa, cb emv, round adj, rounding, gst summary, gst, "
        "thank you"
    ),
)
"""Paid at a till: a receipt is an invoice too."""

AGAINST = (
    Cue(
        "relance d'impayé",
        -3.2,
        phrases(
            "sauf erreur ou omission, sauf erreur de notre part, n avons pas recu, demeure impayee, demeurent "
            "impayees, reste impayee, restent impayees, restee impayee, restees impayees, toujours impayee, "
            "n a pas ete regle, n a pas ete reglee, n ont pas ete reglees, toujours pas payee, toujours pas reglee, "
            "toujours pas reglees, retard de paiement constate, rappel de paiement, lettre de relance, factures "
            "impayees, facture impayee, factures echues, nous vous rappelons, ne nous est pas parvenu, pas encore "
            "regle, payment reminder, zahlungserinnerung, mahnung, solde debiteur, regulariser votre situation, vos "
            "arrieres, des arrieres"
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
        phrases("devis n, offre n, numero de devis, n de devis, selon devis"),
    ),
    Cue(
        "bon de commande",
        -1.6,
        phrases(
            "livraison souhaitee, date de livraison souhaitee, delai de livraison demande, a facturer a, facture "
            "a adresser, adresser la facture, factures a adresser, deposer la facture, deposer vos factures, "
            "merci de rappeler ce numero, rappeler ce numero, numero a rappeler, a rappeler sur vos factures, "
            "purchase order no, purchase order number, po number, bestellnummer wir, l ordonnateur, date de la "
            "commande, bon de commande a retourner, bon pour commande, total commande, total de la commande, total de "
            "ma commande, montant de la commande, montant commande, montant engage"
        ),
    ),
    Cue(
        "commande à venir",
        -2.4,
        phrases(
            "accuse de reception de commande, confirmation de commande, recapitulatif de commande, remercions de votre "
            "commande, votre commande sera, cette commande sera, mise en fabrication, livraison prevue, date de "
            "livraison "
            "prevue, depart usine, la facture sera, la facture vous parviendra, delais de livraison, livraison "
            "souhaitee, "
            "avons bien recu votre commande, order acknowledgement, order confirmation, expected delivery"
        ),
    ),
    Cue(
        "livraison",
        -2.0,
        phrases(
            "bon de livraison n, bl n, n bl, nombre de colis, poids total, nom du receptionnaire, toute reserve, "
            "quantite commandee, qte commandee, quantite livree, qte livree, recu conforme, recu par, signature du "
            "client, signature du destinataire, nom du livreur, delivered by, lieferschein nr, poids brut, motif du "
            "retour, bon de retour, bon d enlevement, cachet du transporteur, doit accompagner la marchandise, nom du "
            "signataire, travaux executes conformement, bon d intervention, heure d arrivee, valeur declaree"
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
        "échéancier",
        -2.2,
        phrases(
            "facture de regularisation vous sera, ce document n est pas une facture, n est pas une facture, "
            "ne vaut pas facture, annuite, capital restant du, calendrier de prelevement, ratenplan, payment schedule"
        ),
    ),
    Cue(
        "avis de règlement",
        -2.4,
        phrases(
            "avons procede ce jour, avons procede au virement, factures suivantes ont ete reglees, avis de virement, "
            "avis de paiement, avis de reglement, total regle, montant du virement, bordereau de mandats, "
            "bordereau de reglement, remittance advice, zahlungsavis"
        ),
    ),
    Cue(
        "message ou envoi",
        -1.8,
        phrases(
            "boite de reception, avant d imprimer, pieces jointes, ci joint notre facture, ci joint la facture, "
            "vous trouverez ci joint, veuillez trouver ci joint, je vous prie de trouver, bordereau d envoi, "
            "pour attribution, pour suite a donner, please find attached, im anhang"
        ),
    ),
    Cue(
        "consultation ou marché",
        -1.8,
        phrases(
            "remise des offres, le candidat, les candidats, prix global et forfaitaire, detail quantitatif, "
            "detail estimatif, bordereau des prix, reglement de la consultation, appel public a la concurrence, "
            "remise de l offre, dpgf, dqe"
        ),
    ),
    Cue(
        "quittance ou reçu",
        -2.0,
        phrases(
            "quittance, le bailleur, loyer principal, recu de la somme, provision pour charges, quittance de loyer"
        ),
    ),
    Cue(
        "bulletin à retourner",
        -1.5,
        phrases("bulletin a retourner, je regle par, je commande, signature obligatoire, coupon reponse"),
    ),
    Cue(
        "bulletin de paie",
        -2.6,
        phrases(
            "bulletin de paie, bulletin de salaire, fiche de paie, net imposable, net a payer avant impot, csg, "
            "traitement brut, salaire brut, prelevement a la source, payslip, gehaltsabrechnung"
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
