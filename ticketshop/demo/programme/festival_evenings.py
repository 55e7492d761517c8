"""The programme of Seeklang Festival, second part: evenings that warm up for it, and what was before."""

from decimal import Decimal

from .festival_programme import SMALL
from .plan import Prices, Show, both

SHOWS = (
    Show(
        slug="piano-in-the-dark",
        category="warm-up",
        venue="chapel",
        poster=("concert", 0),
        title=both("Warm-up: Piano in the Dark", "Avant-goût : Piano dans le noir"),
        teaser=both(
            "No light, no programme, no phones: an hour with Debussy and your own ears.",
            "Ni lumière, ni programme, ni téléphone : une heure avec Debussy et vos oreilles.",
        ),
        text=both(
            """
            We lead you to your seat by the hand and put out the last candle. Then Clara Nguyen plays preludes by Debussy and does not say which.

            If darkness is not for you, tell us at the door: there are six seats behind a curtain with a small lamp.
            """,
            """
            Nous vous guidons par la main jusqu’à votre place et soufflons la dernière bougie. Puis Clara Nguyen joue des préludes de Debussy, sans dire lesquels.

            Si l’obscurité vous pèse, dites-le à l’entrée : il y a six places derrière un rideau, avec une petite lampe.
            """,
        ),
        dates="+4 20:00, w5 thu 20:00, w9 thu 20:00",
        minutes=60,
        prices=SMALL,
        places=96,
        demand=1.5,
    ),
    Show(
        slug="listening-bar",
        category="warm-up",
        venue="bar",
        poster=("sound", 5),
        title=both("Warm-up: Listening Bar", "Avant-goût : Bar à écoute"),
        teaser=both(
            "One record, both sides, nobody talks. Then everybody does.",
            "Un disque, deux faces, personne ne parle. Ensuite, tout le monde.",
        ),
        text=both(
            """
            Once a month somebody from the festival brings a record that changed something for them. We play it from the first groove to the last, on loudspeakers that are older than most of us.

            After that the bar opens and the quarrel begins. The first drink is included.
            """,
            """
            Une fois par mois, quelqu’un du festival apporte un disque qui a changé quelque chose dans sa vie. Nous le passons du premier sillon au dernier, sur des haut-parleurs plus âgés que la plupart d’entre nous.

            Puis le bar ouvre et la discussion commence. Le premier verre est compris.
            """,
        ),
        dates="w2 tue 20:30, w6 tue 20:30, w10 tue 20:30, w13 tue 20:30",
        minutes=120,
        prices=Prices(15, 12),
        places=36,
        vat=Decimal("8.10"),
        cancelled=2,
    ),
    Show(
        slug="low-water",
        category="concert",
        venue="bath",
        poster=("lake", 2),
        title=both("Low Water", "Basses eaux"),
        teaser=both(
            "Bells, stones and a clarinet on the beach that is there only for a few weeks a year.",
            "Des cloches, des pierres et une clarinette sur la plage qui n’existe que quelques semaines par an.",
        ),
        text=both(
            """
            When the lake is lowered, a strip of pebbles appears in front of the old bathing house. We put chairs on it and play what the place gives: found objects, wind, two clarinets.

            About an hour. Solid shoes are a good idea.
            """,
            """
            Quand on abaisse le lac, une bande de galets apparaît devant les anciens bains. Nous y posons des chaises et jouons ce que le lieu donne : des objets trouvés, le vent, deux clarinettes.

            Environ une heure. De bonnes chaussures sont utiles.
            """,
        ),
        dates="w-20 sat 18:00, w-20 sun 18:00",
        minutes=60,
        prices=SMALL,
        places=70,
        demand=1.6,
    ),
    Show(
        slug="choir-for-one-evening",
        category="warm-up",
        venue="pavilion",
        poster=("seaweed", 1),
        title=both("Choir for One Evening", "Chœur d’un soir"),
        teaser=both(
            "You cannot sing? Neither can the others. At ten we give a concert.",
            "Vous ne savez pas chanter ? Les autres non plus. À dix heures, nous donnons un concert.",
        ),
        text=both(
            """
            At seven we are strangers, at eight we have three parts, at ten there is a concert for whoever happens to walk past on the quay. Led by Regula Imhof, who has never sent anybody home.

            Sheets are there, tea as well.
            """,
            """
            À sept heures, nous sommes des inconnus ; à huit heures, nous avons trois voix ; à dix heures, il y a un concert pour qui passe sur le quai. Sous la direction de Regula Imhof, qui n’a jamais renvoyé personne chez soi.

            Les partitions sont là, le thé aussi.
            """,
        ),
        dates="w-13 fri 19:00, w-6 fri 19:00",
        minutes=200,
        prices=Prices(18, 12, 8),
        places=80,
        demand=1.8,
    ),
)
