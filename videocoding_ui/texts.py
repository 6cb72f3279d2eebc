"""Texts that the client code shows, and the words for journal events: all in the catalogue, none in the scripts."""

from __future__ import annotations

from collections.abc import Mapping

from models.values.sentences import SENTENCES
from videocoding_ui.language import N_, Language

EVENT_WORDS: Mapping[str, str] = {
    "batch_received": N_("Lot reçu"),
    "master_stored": N_("Fichier conservé tel quel"),
    "master_opened": N_("Fichier ouvert"),
    "master_refused": N_("Fichier refusé"),
    "batch_refused": N_("Lot refusé"),
    "page_read": N_("Page lue"),
    "page_rejected": N_("Page rejetée"),
    "page_set_aside": N_("Page écartée"),
    "page_restored": N_("Page rétablie"),
    "batch_separated": N_("Lot séparé en documents"),
    "batch_done": N_("Lot terminé"),
    "document_separated": N_("Document formé"),
    "document_recognised": N_("Document reconnu"),
    "document_classified": N_("Type choisi par une personne"),
    "document_reserved": N_("Document pris à l'écran"),
    "document_keyed": N_("Saisie terminée"),
    "evidence_settled": N_("Valeur contestée tranchée"),
    "promise_fitted": N_("Seuils de la promesse réglés"),
    "promise_alarm": N_("Alarme sur la promesse : seuils plus stricts"),
    "promise_recovered": N_("Fin d'une alarme sur la promesse"),
    "document_verified": N_("Document vérifié"),
    "document_released": N_("Document remis partout"),
    "document_rejected": N_("Document rejeté"),
    "document_reopened": N_("Document rouvert"),
    "document_quarantined": N_("Document mis en quarantaine"),
    "document_viewed": N_("Document consulté"),
    "release_planned": N_("Remise prévue"),
    "release_sending": N_("Remise envoyée"),
    "release_confirmed": N_("Remise confirmée"),
    "release_held": N_("Remise retenue"),
    "release_retried": N_("Remise reprise"),
}

_CODER: Mapping[str, str] = {
    "ready": N_("Prêt."),
    "loading": N_("Chargement des documents…"),
    "saved": N_("Enregistré à {time}"),
    "unsent": N_("{count} réponses attendent le serveur. Continuez, rien n'est perdu."),
    "offline": N_("Le serveur ne répond pas : nouvel essai dans {seconds} s. Rien n'est perdu."),
    "stopTitle": N_("Le serveur ne répond plus"),
    "stopText": N_(
        "{count} réponses attendent d'être enregistrées. Elles sont gardées dans cette fenêtre : ne la fermez pas. "
        "La saisie reprend dès que le serveur répond."
    ),
    "emptyTitle": N_("Rien à saisir"),
    "emptyText": N_("Aucun document n'attend. Cette page regarde d'elle-même toutes les 5 secondes."),
    "pauseTitle": N_("Pause"),
    "pauseText": N_("Vos documents sont rendus aux autres codeurs. Entrée pour reprendre."),
    "lostTitle": N_("Document passé à quelqu'un d'autre"),
    "lostText": N_("Votre réservation a expiré. Vos réponses sont gardées dans la trace. Entrée pour continuer."),
    "signedOutTitle": N_("Session fermée"),
    "signedOutText": N_(
        "Vous n'êtes plus connecté. Reconnectez-vous : vos {count} réponses non envoyées partiront ensuite."
    ),
    "signIn": N_("Se connecter"),
    "forbiddenTitle": N_("Accès refusé"),
    "forbiddenText": N_("Cette page a expiré ou votre rôle a changé. Rechargez-la ; vos réponses sont gardées."),
    "reload": N_("Recharger"),
    "helpTitle": N_("Touches de cet écran"),
    "close": N_("Entrée ou Échap pour fermer"),
    "noSnippet": N_("Pas trouvé sur le papier : cherchez sur la page."),
    "imageMissing": N_("Image manquante : signalez-le à un superviseur. F4 si la valeur ne peut être lue."),
    "noPage": N_("Ce document n'a pas d'image de page."),
    "snippetAlt": N_("Extrait du champ {label}, document {document}"),
    "snippetAltValue": N_("Extrait du champ {label}, document {document}, lu : {value}"),
    "pageAlt": N_("Page {page} sur {pages}, champ {label} encadré"),
    "position": N_("Champ {number} sur {count}"),
    "blind": N_("à saisir"),
    "confirm": N_("à confirmer"),
    "critical": N_("champ sensible"),
    "waiting": N_("{count} documents en attente"),
    "forceHint": N_("Ctrl+Entrée pour valider quand même."),
    "mustType": N_("Saisissez une valeur, F9 si rien n'est écrit, F4 si c'est illisible."),
    "mustChoose": N_("Choisissez avec un chiffre."),
    "refused": N_("Le serveur n'a pas pu enregistrer ce champ : à revoir."),
    "stale": N_("Réponse arrivée trop tard : gardée dans la trace seulement."),
    "undone": N_("Réponse reprise : {label}"),
    "nothingToUndo": N_("Aucune réponse à reprendre."),
    "frozen": N_("Trop tard : le document est figé. Un superviseur peut le rouvrir."),
    "notProposed": N_("Aucune valeur proposée pour ce champ."),
    "candidates": N_("Proposés"),
    "expected": N_("Attendu"),
    "overtypeOn": N_("Écrire par-dessus"),
    "overtypeOff": N_("Insérer"),
    "classifyTitle": N_("Quel est ce document ?"),
    "classifyHint": N_("Chiffre pour choisir, Entrée pour valider"),
    "classified": N_("Classé : {label}"),
    "wholeTitle": N_("Aucun champ n'attend sur ce document"),
    "wholeHint": N_("Entrée pour valider le document tel quel"),
    "chooseOne": N_("Chiffre pour choisir, 0 pour aucun, Entrée pour valider"),
    "chooseMany": N_("Chiffres pour cocher ou décocher, 0 pour aucun, Entrée pour valider"),
    "yes": N_("oui"),
    "no": N_("non"),
    "present": N_("présente"),
    "absent": N_("absente"),
    "illegible": N_("illisible"),
    "empty": N_("vide"),
    "page": N_("Page {page}/{pages}"),
    "checkOk": N_("contrôle bon"),
    "checkFailed": N_("Un contrôle échoue."),
}

_HINTS: Mapping[str, str] = {
    "amount": N_("montant, par exemple 1 234,50"),
    "date": N_("date jj/mm/aaaa"),
    "iban": N_("FR + 25 caractères"),
    "bic": N_("8 ou 11 caractères"),
    "siret": N_("14 chiffres"),
    "vat_id": N_("FR + 11 caractères"),
    "ics": N_("FR + 2 chiffres + 3 caractères + 6 caractères"),
    "rum": N_("35 caractères au plus"),
    "phone": N_("10 chiffres"),
    "email": N_("adresse électronique"),
    "postal_code": N_("5 chiffres"),
    "index": N_("chiffres"),
    "digits": N_("chiffres"),
    "currency": N_("3 lettres, par exemple EUR"),
}

_BATCH: Mapping[str, str] = {
    "sending": N_("Envoi : {percent} %"),
    "sent": N_("Reçu. Ouverture du lot…"),
    "failed": N_("L'envoi a échoué : {reason}"),
    "noAnswer": N_("le serveur ne répond pas"),
    "tooBig": N_("Ces fichiers dépassent la taille permise."),
    "chosen": N_("{count} fichiers, {size} Mo"),
    "pageAlt": N_("Page {page}"),
}


def coder_texts(say: Language) -> dict[str, object]:
    """All that the coder's screen says."""
    return {
        **{key: say(text) for key, text in _CODER.items()},
        "hints": {key: say(text) for key, text in _HINTS.items()},
        "sentences": {code: say(text) for code, text in SENTENCES.items()},
    }


def batch_texts(say: Language) -> dict[str, object]:
    """All that the batch screens' client code says."""
    return {key: say(text) for key, text in _BATCH.items()}
