"""The season of Théâtre du Lac, second part: music, dance, circus, opera films and theatre for children."""

from .plan import Prices, Show, both

CONCERT = Prices(38, 26, 15)
CHILDREN = Prices(24, 18, 12, 62)

SHOWS = (
    Show(
        slug="nino-et-la-lune-perdue",
        category="children",
        venue="studio",
        poster=("children", 3),
        title=both("Nino and the Lost Moon", "Nino et la lune perdue"),
        teaser=both(
            "Somebody has taken the moon down. Nino, who cannot sleep, goes to look for it. From four years.",
            "Quelqu’un a décroché la lune. Nino, qui ne dort pas, part la chercher. Dès quatre ans.",
        ),
        text=both(
            """
            One evening the window is black. The street lamp knows nothing, the cat does not want to be involved, and the night bus goes only as far as the terminus. So Nino puts on his boots over his pyjamas.

            A story for marionettes, a double bass and a torch, by the company Les Fils tendus. It is dark for a moment, but never for long, and somebody always holds a hand.

            Forty-five minutes, then the puppets come to the edge of the stage to be looked at. Children come with an adult; prams stay in the cloakroom.
            """,
            """
            Un soir, la fenêtre est toute noire. Le réverbère ne sait rien, le chat ne veut pas d’histoires, et le bus de nuit ne va que jusqu’au terminus. Alors Nino enfile ses bottes par-dessus son pyjama.

            Une histoire pour marionnettes, contrebasse et lampe de poche, par la compagnie Les Fils tendus. Il fait sombre un moment, mais jamais longtemps, et il y a toujours quelqu’un pour tenir la main.

            Quarante-cinq minutes, puis les marionnettes viennent se montrer au bord de la scène. Les enfants sont accompagnés d’un adulte ; les poussettes restent au vestiaire.
            """,
        ),
        dates="w1 wed 15:00, w1 sat 11:00, w1 sat 16:00, w1 sun 11:00",
        minutes=45,
        prices=CHILDREN,
        places=64,
        demand=1.8,
    ),
    Show(
        slug="lignes-d-eau",
        category="dance",
        venue="main",
        poster=("dance", 4),
        title=both("Lines of Water", "Lignes d’eau"),
        teaser=both(
            "Six dancers, four hundred metres of ribbon and a floor that remembers every step.",
            "Six danseurs, quatre cents mètres de ruban et un sol qui se souvient de chaque pas.",
        ),
        text=both(
            """
            Choreographer Noémie Balsiger spent a year drawing the currents of the lake. From her notebooks came a piece in which nobody ever stops: a movement begins in one body, runs through five others and comes back changed.

            The ribbons are the only set. They show what water does all the time and we never see: how everything that passes leaves a line.

            After the performance on Friday, the company talks with the audience in the foyer.
            """,
            """
            Pendant un an, la chorégraphe Noémie Balsiger a dessiné les courants du lac. De ses carnets est née une pièce où personne ne s’arrête jamais : un mouvement part d’un corps, en traverse cinq autres et revient changé.

            Les rubans sont le seul décor. Ils montrent ce que l’eau fait sans cesse et que l’on ne voit pas : tout ce qui passe laisse une ligne.

            Vendredi, après la représentation, la compagnie rencontre le public au foyer.
            """,
        ),
        dates="w4 fri 20:00, w4 sat 20:00",
        minutes=70,
        prices=Prices(42, 30, 18),
        places=110,
        demand=1.2,
    ),
    Show(
        slug="la-belle-meuniere",
        category="music",
        venue="foyer",
        poster=("concert", 1),
        title=both("Die schöne Müllerin", "La Belle Meunière"),
        teaser=both(
            "Schubert’s cycle for a voice, a piano and forty people who hold their breath.",
            "Le cycle de Schubert pour une voix, un piano et quarante personnes qui retiennent leur souffle.",
        ),
        text=both(
            """
            A journeyman follows a brook, because a brook is good company. Twenty songs later it is the brook that sings him to sleep.

            Baritone Lukas Emmenegger and pianist Béatrice Vuille perform the cycle where it belongs: in a room small enough to hear the page turn. Sung in German, texts in French and English on your seat.
            """,
            """
            Un compagnon meunier suit un ruisseau, parce qu’un ruisseau est de bonne compagnie. Vingt chansons plus tard, c’est le ruisseau qui le berce.

            Le baryton Lukas Emmenegger et la pianiste Béatrice Vuille donnent le cycle là où il est chez lui : dans une salle assez petite pour entendre tourner la page. Chanté en allemand, textes français et anglais sur votre siège.
            """,
        ),
        dates="w2 sun 17:00",
        minutes=70,
        prices=CONCERT,
        places=40,
        left=0,
        demand=2.0,
    ),
    Show(
        slug="carmen-a-l-ecran",
        category="film",
        venue="main",
        poster=("opera", 2),
        title=both("Carmen on the Big Screen", "Carmen sur grand écran"),
        teaser=both(
            "Bizet’s opera on eight metres of screen, with an introduction and tapas in the interval.",
            "L’opéra de Bizet sur huit mètres d’écran, avec une introduction et des tapas à l’entracte.",
        ),
        text=both(
            """
            Once a season our stage becomes a cinema. This year it shows a *Carmen* recorded in an arena under the stars: horses, dust, a children’s choir, and a mezzo who never asks for permission.

            Half an hour before the film, conductor Marc-Olivier Favre plays the motifs at the piano and explains why the audience of the first night stayed cold. In French with French and English subtitles.
            """,
            """
            Une fois par saison, notre scène se transforme en cinéma. Cette année, elle accueille une *Carmen* filmée dans des arènes, sous les étoiles : des chevaux, de la poussière, un chœur d’enfants et une mezzo qui ne demande jamais la permission.

            Une demi-heure avant le film, le chef d’orchestre Marc-Olivier Favre joue les motifs au piano et raconte pourquoi le public de la première est resté de glace. Sous-titré en français et en anglais.
            """,
        ),
        dates="w8 sun 16:00",
        minutes=180,
        prices=Prices(28, 20, 12),
        places=110,
    ),
    Show(
        slug="equilibre-instable",
        category="circus",
        venue="main",
        poster=("circus", 2),
        title=both("Unsteady Balance", "Équilibre instable"),
        teaser=both(
            "Circus without a ring: five acrobats, one plank, and the art of almost falling.",
            "Du cirque sans piste : cinq acrobates, une planche, et l’art de presque tomber.",
        ),
        text=both(
            """
            Put five people on a plank and none of them can move without asking the others. From this simple rule the collective Pied-à-Terre makes a whole evening: towers, quarrels, a breakfast three metres above the ground.

            No words, no net, a lot of laughter. For everybody from the age of six; the performance on Saturday afternoon is a relaxed one, with light left on in the hall and the doors open.
            """,
            """
            Mettez cinq personnes sur une planche : aucune ne peut bouger sans demander aux autres. De cette règle toute simple, le collectif Pied-à-Terre tire une soirée entière : des tours, des disputes, un petit déjeuner à trois mètres du sol.

            Sans paroles, sans filet, avec beaucoup de rires. Pour tout le monde dès six ans ; la représentation du samedi après-midi est « détendue » : la salle reste un peu éclairée et les portes ouvertes.
            """,
        ),
        dates="w11 fri 19:00, w11 sat 15:00, w11 sat 19:00",
        minutes=75,
        prices=Prices(36, 26, 15, 84),
        places=110,
        demand=1.2,
    ),
    Show(
        slug="histoires-sous-la-table",
        category="children",
        venue="studio",
        poster=("family", 5),
        title=both("Stories Under the Table", "Histoires sous la table"),
        teaser=both(
            "The grown-ups eat above, the adventure begins below. From three years.",
            "Au-dessus, les grands mangent ; en dessous, l’aventure commence. Dès trois ans.",
        ),
        text=both(
            """
            What is under the table on a Sunday at grandmother’s? Shoes, crumbs, a dog, and a door that only those under one metre ten can see.

            The audience sits under a table too: a very big one, with a tablecloth that becomes sea, snow and ceiling. Thirty-five minutes, no entry once the cloth has come down.
            """,
            """
            Qu’y a-t-il sous la table, le dimanche, chez grand-maman ? Des souliers, des miettes, un chien, et une porte que seuls voient ceux qui mesurent moins d’un mètre dix.

            Le public aussi s’assied sous une table : une très grande, dont la nappe devient mer, neige et plafond. Trente-cinq minutes ; on n’entre plus une fois la nappe baissée.
            """,
        ),
        dates="w13 wed 10:00, w13 wed 15:00, w13 sat 10:00, w13 sat 15:00",
        minutes=35,
        prices=CHILDREN,
        places=48,
    ),
    Show(
        slug="jazz-au-foyer",
        category="music",
        venue="foyer",
        poster=("sound", 0),
        title=both("Jazz in the Foyer: Trio Aréole", "Jazz au foyer : Trio Aréole"),
        teaser=both(
            "Vibraphone, bass and drums; the bar stays open and nobody minds.",
            "Vibraphone, contrebasse et batterie ; le bar reste ouvert et personne ne s’en plaint.",
        ),
        text=both(
            """
            They have played together since school and still surprise each other. On the programme: pieces of their own, two by Thelonious Monk, and what the evening asks for.

            Two sets, tables and chairs, no numbered seats. Doors open an hour before the first note.
            """,
            """
            Ils jouent ensemble depuis l’école et se surprennent encore. Au programme : leurs propres compositions, deux thèmes de Thelonious Monk, et ce que la soirée demandera.

            Deux sets, des tables et des chaises, pas de places numérotées. Ouverture des portes une heure avant la première note.
            """,
        ),
        dates="w6 thu 20:30, w17 thu 20:30",
        minutes=120,
        prices=CONCERT,
        places=40,
        demand=1.3,
    ),
    Show(
        slug="quatuor-lemanie",
        category="music",
        venue="main",
        poster=("concert", 2),
        title=both("Lémanie Quartet: Haydn, Ravel", "Quatuor Lémanie : Haydn, Ravel"),
        teaser=both(
            "The joke and the dream: two string quartets that begin with the same breath.",
            "La plaisanterie et le rêve : deux quatuors à cordes qui naissent du même souffle.",
        ),
        text=both(
            """
            Haydn ends his quartet three times before he ends it, and every hall falls for it. Ravel wrote only one, at twenty-seven, and never needed another.

            In between, a short new piece by Élodie Tschanz for four players who are not allowed to look at each other.
            """,
            """
            Haydn termine trois fois son quatuor avant de le terminer, et chaque salle s’y laisse prendre. Ravel n’en a écrit qu’un, à vingt-sept ans, et n’en a jamais eu besoin d’un autre.

            Entre les deux, une courte création d’Élodie Tschanz pour quatre musiciens qui n’ont pas le droit de se regarder.
            """,
        ),
        dates="w-27 sun 17:00, w-5 sun 17:00",
        minutes=90,
        prices=CONCERT,
        places=110,
        demand=1.4,
    ),
    Show(
        slug="le-bal-des-casseroles",
        category="children",
        venue="studio",
        poster=("children", 1),
        title=both("The Saucepan Ball", "Le Bal des casseroles"),
        teaser=both(
            "A concert for ladles, lids and everybody from three years.",
            "Un concert pour louches, couvercles et toute la famille, dès trois ans.",
        ),
        text=both(
            """
            Two cooks have lost their recipe and find a rhythm. By the end the whole hall is cooking along, on wooden spoons that we hand out at the entrance and would like to have back.

            Forty minutes; ears are spared, hands are not.
            """,
            """
            Deux cuisinières ont perdu leur recette et trouvent un rythme. À la fin, toute la salle est aux fourneaux, avec des cuillères en bois que nous prêtons à l’entrée et que nous aimerions revoir.

            Quarante minutes ; on ménage les oreilles, pas les mains.
            """,
        ),
        dates="w-22 sat 11:00, w-22 sun 11:00, w-8 sat 11:00",
        minutes=40,
        prices=CHILDREN,
        places=64,
        demand=1.2,
    ),
)
