"""Théâtre du Lac, Geneva: French first, Friends and family on."""

from . import legal, theatre_music_dance, theatre_plays
from .plan import Both, House, Pass, both

NAME, CONTACT, PRIVACY_CONTACT = "Théâtre du Lac", "billets@theatre.example", "donnees@theatre.example"
UID, PHONE = "CHE-123.456.788", "+41 22 000 14 14"
ADDRESS = "Quai des Tilleuls 7, 1207 Genève"

HOURS = both(
    "Tuesday to Saturday, 2 pm to 6.30 pm, and an hour before every event",
    "du mardi au samedi de 14 h à 18 h 30, et une heure avant chaque manifestation",
)
ACCESS = both(
    "The main hall and the foyer are reached without steps, with four places for wheelchairs; the studio is one floor up, with a lift. There is an induction loop in the main hall. Guide dogs are welcome, and a companion of a person with a disability card comes in free: tell us when you book.",
    "La grande salle et le foyer sont de plain-pied, avec quatre places pour fauteuils roulants ; le studio est à l’étage, avec un ascenseur. La grande salle dispose d’une boucle magnétique. Les chiens-guides sont les bienvenus, et la personne qui accompagne une ou un titulaire d’une carte d’invalidité entre gratuitement : signalez-le à la réservation.",
)
_NAMES = {"name": NAME, "contact": CONTACT, "privacy_contact": PRIVACY_CONTACT, "address": ADDRESS}

TEXTS = {
    "name": Both(NAME, NAME),
    "tagline": both(
        "Theatre, dance and music on the shore of Lake Geneva", "Théâtre, danse et musique au bord du Léman"
    ),
    "terms": legal.TERMS.filled(**_NAMES),
    "privacy_notice": legal.PRIVACY.filled(**_NAMES),
    "accessibility_statement": Both(
        legal.ACCESSIBILITY.en.format(house=ACCESS.en, contact=CONTACT),
        legal.ACCESSIBILITY.fr.format(house=ACCESS.fr, contact=CONTACT),
    ),
    "imprint": Both(
        legal.IMPRINT.en.format(
            owner=f"{NAME} is run by a foundation under Swiss law",
            uid=UID,
            direction="Mathilde Pasquier and Olivier Zbinden",
            phone=PHONE,
            hours=HOURS.en,
        ),
        legal.IMPRINT.fr.format(
            owner=f"Le {NAME} est porté par une fondation de droit suisse",
            uid=UID,
            direction="Mathilde Pasquier et Olivier Zbinden",
            phone=PHONE,
            hours=HOURS.fr,
        ),
    ),
}

PASSES = (
    Pass(
        slug="abonnement-saison",
        palette=1,
        name=both("Season pass: everything", "Abonnement toute la saison"),
        teaser=both(
            "Every evening of the season, in every hall, for one person.",
            "Toutes les soirées de la saison, dans toutes les salles, pour une personne.",
        ),
        text=both(
            """
            One card, and the house is yours until the end of the season: plays, dance, concerts, films and the theatre for children. Come as often as you like, for the same play twice if you like it twice.

            The pass is personal and bears your name. Book your place for each evening, up to the last minute: it costs nothing more.
            """,
            """
            Une carte, et la maison est à vous jusqu’à la fin de la saison : pièces, danse, concerts, films et jeune public. Venez autant que vous voulez, deux fois pour la même pièce si elle vous plaît deux fois.

            L’abonnement est personnel et porte votre nom. Réservez votre place pour chaque soirée, jusqu’à la dernière minute : sans supplément.
            """,
        ),
        price=320,
        days=(-60, 200),
        places=80,
        booking_needed=True,
        demand=1.0,
    ),
    Pass(
        slug="carte-5-entrees",
        palette=5,
        name=both("Card of five", "Carte 5 entrées"),
        teaser=both(
            "Five entries to choose as you go, alone or together.",
            "Cinq entrées à utiliser au fil de la saison, seul ou à plusieurs.",
        ),
        text=both(
            """
            Five entries for any event of the season. Use them one by one or bring four friends: the card does not mind.

            Valid until the end of the season, for the main hall, the studio and the foyer.
            """,
            """
            Cinq entrées pour n’importe quelle manifestation de la saison. Utilisez-les une à une ou venez avec quatre amis : la carte n’y voit pas d’inconvénient.

            Valable jusqu’à la fin de la saison, à la grande salle, au studio et au foyer.
            """,
        ),
        price=165,
        days=(-60, 200),
        places=150,
        entries=5,
        per_date=5,
        demand=1.4,
    ),
)

THEATRE = House(
    slug="theatre",
    organiser={
        "name": NAME,
        "legal_name": f"Fondation du {NAME}",
        "street": "Quai des Tilleuls",
        "house_number": "7",
        "postcode": "1207",
        "city": "Genève",
        "vat_number": f"{UID} TVA",
        "withdrawal": True,
        "currency": "CHF",
        "time_zone": "Europe/Zurich",
        "languages": ["fr", "en"],
        "privacy_contact": PRIVACY_CONTACT,
    },
    shop={
        "languages": ["fr", "en"],
        "email_sender_name": NAME,
        "email_sender_address": CONTACT,
        "accent_colour": "#0d5568",
        "friends_family_enabled": True,
    },
    texts=TEXTS,
    palettes="lake",
    iban="CH93 0076 2011 6238 5295 7",
    stripe_account="THEATRE",
    opening_hours="mardi–samedi 14 h–18 h 30 / Tuesday to Saturday, 2–6.30 pm",
    venues={
        "main": ("Théâtre du Lac, grande salle", "Quai des Tilleuls 7", "1207", "Genève"),
        "studio": ("Théâtre du Lac, studio", "Quai des Tilleuls 7", "1207", "Genève"),
        "foyer": ("Théâtre du Lac, foyer", "Quai des Tilleuls 7", "1207", "Genève"),
    },
    categories={
        "theatre": both("Theatre", "Théâtre"),
        "comedy": both("Comedy", "Humour"),
        "reading": both("Readings", "Lectures"),
        "children": both("For children", "Jeune public"),
        "dance": both("Dance", "Danse"),
        "music": both("Music", "Musique"),
        "film": both("Opera on screen", "Opéra à l’écran"),
        "circus": both("Circus", "Cirque"),
    },
    shows=(*theatre_plays.SHOWS, *theatre_music_dance.SHOWS),
    passes=PASSES,
    orders=320,
    visitors=190,
    seed=1207,
)
