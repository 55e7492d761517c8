"""The visitors of the demo, with names that are common in French-speaking Switzerland and e-mail addresses that do not exist."""

import random

from accounts.models import User
from contacts.models import Contact
from ticketshop.lib.values import references
from ticketshop.lib.values.text import fold, normalise_email
from ticketshop.organisers.models import Organiser

from .programme.plan import House

FIRST_NAMES = """
Adèle Adrien Agathe Aline Alexandre Amélie Anaïs Andreas Anna Antoine Arianne Arnaud Aurélie Bastien Beatrice Beat Benoît Brigitte Bruno
Camille Carla Carole Catherine Céline Chantal Chloé Christian Christophe Claire Claude Clément Corinne Cosima Cyril Damien Daniela David
Denis Diego Dominique Edith Élise Elena Élodie Émile Emma Éric Esther Étienne Fabienne Fabio Fatima Félix Florence Florian Franziska
François Françoise Frédéric Gabriel Gaëlle Georges Gilles Giulia Grégoire Guillaume Hannah Hans-Peter Hélène Henri Hugo Ines Irène Isabelle
Ivan Jacques Jana Jean-Luc Jean-Marc Jeanne Jérôme Joana João Joëlle Jonas Josiane Julie Julien Karim Karin Katharina Laure Laurent Léa
Léonie Liam Lionel Lisa Loïc Louis Louise Luc Luca Lucie Lukas Madeleine Manon Manuela Marc Margaux Maria Marie Marie-Claude Marlène
Martine Mathieu Mathilde Matteo Maud Maxime Mélanie Michel Mireille Mohamed Monique Muriel Nadia Nathalie Nicolas Nils Noé Noémie Odile
Olivier Oscar Pascal Patricia Paul Pauline Philippe Pierre Quentin Rachel Raphaël Regula Rémy Renata René Robin Roland Romain Rose Ruth
Salomé Samira Sandra Sandrine Sébastien Séverine Simon Sofia Sonia Sophie Stéphane Susanne Sylvie Tamara Théo Thérèse Thomas Tiago
Tristan Urs Ursula Valérie Valentin Véronique Victor Vincent Viviane Xavier Yann Yasmine Yves Zoé
""".split()

LAST_NAMES = """
Aebi Aeschlimann Amstutz André Aubert Bachmann Baeriswyl Balmer Barras Baumgartner Beck Bello Berger Berset Berthoud Besson Bianchi Blanc
Bonvin Borel Bossard Bourquin Brunner Bühler Burri Chappuis Chatelain Chevalley Clerc Corboz Correvon Cottier Crettenand Cuénod Curchod
Cordeiro Darbellay Décaillet Delacrétaz Demierre Deschenaux Dias Dubuis Duc Dupraz Dürr Egger Eichenberger Emery Fahrni Favre Fernández
Ferreira Fischer Fontannaz Fournier Fragnière Frei Frossard Gaillard Gasser Genoud Gerber Gilliéron Girardin Giroud Golay Gomes Graf
Grandjean Gremaud Guex Hadžić Haldimann Hauser Héritier Hofer Huber Hürlimann Imhof Isler Jaccard Jäggi Jaquet Jeanneret Jordan Joye Junod
Kälin Käser Keller Kessler Kohler Krähenbühl Künzi Lachat Lambert Lehmann Leuenberger L’Eplattenier Lopes Lüthi Maillard Marchand Mauron
Mermoud Meyer Michaud Monnier Monney Moret Moser Mottier Müller Muñoz Nicolet Nguyen Nussbaumer Odermatt Oberson Pache Parmelin Pasche
Pellet Perret Perroud Petrović Piguet Pittet Pochon Python Quartenoud Rapin Renaud Rey Richard Rochat Rossi Roth Rouiller Rüegg Ruffieux
Sahli Sánchez Savary Schaller Schläpfer Schmid Schneider Schönenberger Sciboz Simonet Stähli Steiner Studer Suter Tanner Terrapon Thévoz
Thomi Tissot Tornay Uldry Vallotton Vaucher Vogel Volery Vuilleumier Wäfler Weber Wenger Wyss Yılmaz Zbinden Zufferey Zürcher
""".split()

STREETS = (
    "Rue du Midi",
    "Chemin des Vignes",
    "Avenue de la Gare",
    "Rue des Alpes",
    "Route de Chêne",
    "Chemin du Levant",
    "Rue de l’Église",
    "Avenue des Tilleuls",
    "Rue Centrale",
    "Chemin de la Fontaine",
    "Place du Marché",
    "Rue du Temple",
)
TOWNS = {
    "theatre": (
        "1201 Genève",
        "1203 Genève",
        "1205 Genève",
        "1207 Genève",
        "1213 Petit-Lancy",
        "1220 Les Avanchets",
        "1224 Chêne-Bougeries",
        "1227 Carouge",
        "1217 Meyrin",
        "1260 Nyon",
        "1290 Versoix",
    ),
    "festival": (
        "1003 Lausanne",
        "1004 Lausanne",
        "1006 Lausanne",
        "1007 Lausanne",
        "1009 Pully",
        "1020 Renens",
        "1110 Morges",
        "1800 Vevey",
        "1400 Yverdon-les-Bains",
        "1700 Fribourg",
        "3011 Bern",
        "8004 Zürich",
    ),
}
# Domains reserved for examples (RFC 2606), where no mailbox exists.
MAIL_DOMAINS = ("example.org", "example.net", "example.com")
FRENCH = {"theatre": 0.78, "festival": 0.5}  # the share of visitors whose mails are French
FAMILIAR = {
    "alice@example.org": ("Alice", "Martin", "+41790001001", "Rue des Alpes 12", "1201", "Genève", "fr"),
    "bob@example.org": ("Bob", "Müller", "+41790001002", "Chemin des Vignes 3", "1227", "Carouge", "en"),
    "charlie@example.org": (
        "Charlie",
        "Dubois",
        "+41790001003",
        "Avenue de la Gare 40",
        "1260",
        "Nyon",
        "fr",
    ),
}


def number(rng: random.Random, length: int = 8) -> str:
    """Return a reference such as ``references.readable`` makes, the same one at every filling."""
    text = "".join(rng.choices(references.READABLE, k=length))
    return f"{text[:4]}-{text[4:]}"


def familiar(organiser: Organiser, user: User, rng: random.Random) -> Contact:
    """Return the contact of one of the demo's visitor log-ins."""
    first, last, phone, street, postcode, city, language = FAMILIAR[user.email]
    return Contact(
        organiser=organiser,
        number=number(rng),
        first_name=first,
        last_name=last,
        email=user.email,
        phone=phone,
        street=street,
        postcode=postcode,
        city=city,
        country="CH",
        language=language,
        user=user,
        created_via=Contact.CreatedVia.ACCOUNT,
    )


def visitors(house: House, organiser: Organiser, rng: random.Random) -> list[Contact]:
    """Return unsaved contacts: guests, visitors with a log-in, and people who called the box office."""
    contacts, used_addresses = [], set()
    for _ in range(house.visitors):
        contact = Contact(
            organiser=organiser,
            number=number(rng),
            first_name=rng.choice(FIRST_NAMES),
            last_name=_last_name(rng),
            language="fr" if rng.random() < FRENCH[house.slug] else "en",
        )
        contact.email = _address(contact, rng, used_addresses)
        how = rng.random()
        if how < 0.15:
            contact.created_via = Contact.CreatedVia.ACCOUNT
            contact.user = User(email=normalise_email(contact.email))
        elif how < 0.22:
            contact.created_via = Contact.CreatedVia.BACK_OFFICE
            if rng.random() < 0.4:
                contact.email = None
        else:
            contact.created_via = Contact.CreatedVia.GUEST_ORDER
        if contact.created_via != Contact.CreatedVia.GUEST_ORDER:
            _reach(contact, house, rng)
        contacts.append(contact)
    return contacts


def _last_name(rng: random.Random) -> str:
    name = rng.choice(LAST_NAMES)
    return f"{name}-{rng.choice(LAST_NAMES)}" if rng.random() < 0.06 else name


def _address(contact: Contact, rng: random.Random, taken: set[str]) -> str:
    name = ".".join(fold(part).replace(" ", "-") for part in (contact.first_name, contact.last_name))
    address = f"{name}@{rng.choice(MAIL_DOMAINS)}"
    while address in taken:
        address = f"{name}{rng.randint(2, 99)}@{rng.choice(MAIL_DOMAINS)}"
    taken.add(address)
    return address


def _reach(contact: Contact, house: House, rng: random.Random) -> None:
    contact.phone = f"+417{rng.randint(6, 9)}000{rng.randint(1100, 9999)}"
    contact.street = f"{rng.choice(STREETS)} {rng.randint(1, 98)}"
    contact.postcode, contact.city = rng.choice(TOWNS[house.slug]).split(" ", 1)
    contact.country = "CH"
