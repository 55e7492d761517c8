"""The posters of the demo's events: file names, alternative texts, and drawing."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from . import poster_canvas, posters
from .plan import House, Pass, Show, both

WORDS = {
    "play": both(
        "Poster: three beams of light meet on a lone figure",
        "Affiche : trois faisceaux de lumière se croisent sur une silhouette seule",
    ),
    "tragedy": both(
        "Poster: a disc cut in two, its halves slipping apart",
        "Affiche : un disque coupé en deux, dont les moitiés glissent l’une contre l’autre",
    ),
    "concert": both(
        "Poster: coloured bars that rise and fall like a melody",
        "Affiche : des barres de couleur qui montent et descendent comme une mélodie",
    ),
    "children": both(
        "Poster: three marionettes hang side by side on their strings",
        "Affiche : trois marionnettes pendent côte à côte à leurs fils",
    ),
    "dance": both(
        "Poster: four wide ribbons wind around each other",
        "Affiche : quatre larges rubans s’enroulent les uns autour des autres",
    ),
    "lake": both(
        "Poster: the sun stands low over waves in several colours",
        "Affiche : le soleil bas au-dessus de vagues de plusieurs couleurs",
    ),
    "opera": both(
        "Poster: a curtain opens on a large bright disc",
        "Affiche : un rideau s’ouvre sur un grand disque lumineux",
    ),
    "comedy": both(
        "Poster: a patchwork of tiles with quarter circles",
        "Affiche : un damier de carreaux ornés de quarts de cercle",
    ),
    "seaweed": both(
        "Poster: strands of seaweed sway, bubbles above their tips",
        "Affiche : des algues ondulent, des bulles au-dessus de leurs pointes",
    ),
    "sound": both(
        "Poster: rings spread from two sources and cross",
        "Affiche : des anneaux partent de deux sources et se croisent",
    ),
    "night": both(
        "Poster: a moon made of dots above a dark shore",
        "Affiche : une lune faite de points au-dessus d’une rive sombre",
    ),
    "reading": both(
        "Poster: the pages of a book, opened like a fan",
        "Affiche : les pages d’un livre, ouvertes en éventail",
    ),
    "mountains": both(
        "Poster: snowy peaks above still water",
        "Affiche : des sommets enneigés au-dessus d’une eau calme",
    ),
    "family": both(
        "Poster: a small figure in a door within a door within a door",
        "Affiche : une petite silhouette dans une porte, dans une porte, dans une porte",
    ),
    "circus": both(
        "Poster: balls bounce down a flight of stairs",
        "Affiche : des balles descendent un escalier en rebondissant",
    ),
}


def of_show(house: House, show: Show) -> str:
    """Return the file name of the poster in the storage."""
    return f"events/{house.slug}-{show.slug}.webp"


def of_pass(house: House, season_pass: Pass) -> str:
    """Return the file name of the poster in the storage."""
    return f"passes/{house.slug}-{season_pass.slug}.webp"


def draw(houses: Sequence[House]) -> None:
    """Draw every poster and store it, in place of the files of an earlier filling."""
    posters_to_draw = {}
    for house in houses:
        palettes = poster_canvas.PALETTES[house.palettes]
        for show in house.shows:
            kind, number = show.poster
            posters_to_draw[of_show(house, show)] = (show.slug, kind, palettes[number])
        for season_pass in house.passes:
            posters_to_draw[of_pass(house, season_pass)] = (
                season_pass.slug,
                "pass",
                palettes[season_pass.palette],
            )
    # Scaling and compressing, most of the work, run beside each other in threads.
    with ThreadPoolExecutor(2) as pool:
        drawn = pool.map(lambda arguments: posters.poster(*arguments), posters_to_draw.values())
        for name, image in zip(posters_to_draw, drawn, strict=True):
            default_storage.delete(name)
            default_storage.save(name, ContentFile(image))
