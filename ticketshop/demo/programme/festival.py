"""Seeklang Festival, Lausanne: English first, Friends and family off."""

from . import festival_evenings, festival_programme, legal
from .plan import Both, House, Pass, both

NAME, CONTACT, PRIVACY_CONTACT = "Seeklang Festival", "hello@festival.example", "privacy@festival.example"
UID, PHONE = "CHE-999.999.996", "+41 21 000 23 23"
ADDRESS = "Avenue des Roseaux 21, 1006 Lausanne"

HOURS = both(
    "Monday to Friday, 10 am to 4 pm; during the festival every day from 9 am",
    "du lundi au vendredi de 10 h à 16 h ; pendant le festival, tous les jours dès 9 h",
)
ACCESS = both(
    "The harbour hall, the pavilion and the bar are reached without steps and have places for wheelchairs. The jetty of the bathing house and the boat are reached by a ramp that is steep when the lake is low: call us, and we come and help. The chapel has two steps and a mobile ramp. Quiet rooms are signposted.",
    "La halle du port, le pavillon et le bar sont de plain-pied et disposent de places pour fauteuils roulants. On accède à la jetée des bains et au bateau par une rampe, raide lorsque le lac est bas : appelez-nous, nous venons vous aider. La chapelle a deux marches et une rampe mobile. Des salles calmes sont signalées.",
)
_NAMES = {"name": NAME, "contact": CONTACT, "privacy_contact": PRIVACY_CONTACT, "address": ADDRESS}

TEXTS = {
    "name": Both(NAME, NAME),
    "tagline": both(
        "A long weekend of music with the lake, in Lausanne",
        "Un long week-end de musique avec le lac, à Lausanne",
    ),
    "terms": legal.TERMS.filled(**_NAMES),
    "privacy_notice": legal.PRIVACY.filled(**_NAMES),
    "accessibility_statement": Both(
        legal.ACCESSIBILITY.en.format(house=ACCESS.en, contact=CONTACT),
        legal.ACCESSIBILITY.fr.format(house=ACCESS.fr, contact=CONTACT),
    ),
    "imprint": Both(
        legal.IMPRINT.en.format(
            owner=f"{NAME} is run by an association under Swiss law",
            uid=UID,
            direction="Judith Amstad and Karim Benali",
            phone=PHONE,
            hours=HOURS.en,
        ),
        legal.IMPRINT.fr.format(
            owner=f"Le {NAME} est porté par une association de droit suisse",
            uid=UID,
            direction="Judith Amstad et Karim Benali",
            phone=PHONE,
            hours=HOURS.fr,
        ),
    ),
}

WEEKEND = (
    "voices-over-the-water",
    "alphorn-and-algorithm",
    "splash",
    "how-a-lake-sounds",
    "who-owns-silence",
    "reed-and-bow",
    "night-swim",
    "tide",
)
PASSES = (
    Pass(
        slug="weekend-pass",
        palette=0,
        name=both("Weekend pass", "Pass week-end"),
        teaser=both(
            "Four days, every concert and talk on land, from the opening night to the finale.",
            "Quatre jours, tous les concerts et toutes les conférences à terre, de l’ouverture à la finale.",
        ),
        text=both(
            """
            A wristband instead of a pile of tickets. It opens everything on land, from the opening night on Thursday to the finale on Sunday.

            The sunrise concert and the boat are too small for it: for those you need a ticket of their own. The wristband waits for you at the information desk from Thursday noon.
            """,
            """
            Un bracelet au lieu d’une pile de billets. Il ouvre tout ce qui se joue à terre, de la soirée d’ouverture du jeudi à la finale du dimanche.

            Le concert au lever du jour et le bateau sont trop petits pour lui : il leur faut un billet à part. Le bracelet vous attend au point d’information dès jeudi midi.
            """,
        ),
        price=140,
        places=120,
        shows=WEEKEND,
        demand=2.0,
    ),
)

FESTIVAL = House(
    slug="festival",
    organiser={
        "name": NAME,
        "legal_name": f"Association {NAME}",
        "street": "Avenue des Roseaux",
        "house_number": "21",
        "postcode": "1006",
        "city": "Lausanne",
        "vat_number": f"{UID} TVA",
        "currency": "CHF",
        "time_zone": "Europe/Zurich",
        "languages": ["en", "fr"],
        "privacy_contact": PRIVACY_CONTACT,
    },
    shop={
        "languages": ["en", "fr"],
        "email_sender_name": NAME,
        "email_sender_address": CONTACT,
        "accent_colour": "#5a3ec8",
        "friends_family_enabled": False,
    },
    texts=TEXTS,
    palettes="sea",
    iban="CH58 0079 1123 0008 8901 2",
    stripe_account="",
    opening_hours="Monday to Friday, 10 am–4 pm / lundi–vendredi 10 h–16 h",
    venues={
        "hall": ("Harbour Hall", "Quai de la Batellerie 3", "1006", "Lausanne"),
        "pavilion": ("Pavilion in the Park", "Promenade des Roselières 1", "1007", "Lausanne"),
        "bath": ("Old Bathing House", "Chemin des Anciens-Bains 9", "1025", "Saint-Sulpice"),
        "chapel": ("Chapelle des Bateliers", "Rue du Lac 18", "1006", "Lausanne"),
        "boat": ("Landing Stage 2", "Quai de la Batellerie 5", "1006", "Lausanne"),
        "bar": ("Bar Le Sillon", "Rue des Côtes 42", "1003", "Lausanne"),
    },
    categories={
        "concert": both("Concerts", "Concerts"),
        "talk": both("Talks", "Conférences"),
        "family": both("Families", "Familles"),
        "night": both("Nights", "Nuits"),
        "warm-up": both("Warm-up evenings", "Avant-goûts"),
    },
    shows=festival_programme.SHOWS + festival_evenings.SHOWS,
    passes=PASSES,
    orders=180,
    visitors=120,
    seed=1006,
)
