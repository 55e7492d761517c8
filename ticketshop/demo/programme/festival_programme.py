"""The programme of Seeklang Festival, first part: a long weekend by the lake."""

from decimal import Decimal

from .plan import FREE, Prices, Show, both

HALL = Prices(48, 34, 16)
SMALL = Prices(32, 22, 12)

SHOWS = (
    Show(
        slug="voices-over-the-water",
        category="concert",
        venue="hall",
        poster=("seaweed", 0),
        title=both("Opening Night: Voices over the Water", "Ouverture : Des voix sur l’eau"),
        teaser=both(
            "A hundred and twenty singers, four brass bands and a lake that answers.",
            "Cent vingt choristes, quatre fanfares et un lac qui répond.",
        ),
        text=both(
            """
            The singers stand in the hall, the brass stands on the pier, and between them are two hundred metres of open water. Composer Mirjam Tobler has measured how long a note needs to cross: a little over half a second. Her piece is made of this delay.

            The big doors stay open, so bring something warm. After the concert there is soup on the quay for everyone.

            *Opening night of the festival. About eighty minutes, no interval.*
            """,
            """
            Le chœur est dans la halle, les cuivres sont sur la jetée, et entre les deux il y a deux cents mètres d’eau. La compositrice Mirjam Tobler a mesuré le temps qu’il faut à une note pour traverser : un peu plus d’une demi-seconde. Sa pièce est faite de ce retard.

            Les grandes portes restent ouvertes : couvrez-vous bien. Après le concert, il y a de la soupe pour tout le monde sur le quai.

            *Soirée d’ouverture du festival. Environ quatre-vingts minutes, sans entracte.*
            """,
        ),
        dates="w15 thu 20:00",
        minutes=80,
        prices=HALL,
        places=220,
        demand=6.0,
    ),
    Show(
        slug="alphorn-and-algorithm",
        category="concert",
        venue="hall",
        poster=("mountains", 1),
        title=both("Alphorn & Algorithm", "Cor des Alpes et algorithme"),
        teaser=both(
            "Four alphorns and a machine that has listened to them for a year.",
            "Quatre cors des Alpes et une machine qui les écoute depuis un an.",
        ),
        text=both(
            """
            The alphorn knows sixteen notes and needs no more. The machine knows all of them and had to learn to leave most of them out. For a year the quartet Fünfliber played into its microphones on alps between Gstaad and Zinal; tonight it plays along.

            Nothing is recorded beforehand, and nobody knows how it ends. The musicians say the machine has developed a weakness for the sharp fourth.
            """,
            """
            Le cor des Alpes connaît seize notes et s’en contente. La machine les connaît toutes et a dû apprendre à en laisser presque toutes de côté. Pendant un an, le quatuor Fünfliber a joué devant ses micros, d’alpage en alpage, entre Gstaad et Zinal ; ce soir, elle joue avec lui.

            Rien n’est enregistré d’avance, et personne ne sait comment cela finira. Les musiciens disent que la machine s’est prise de tendresse pour la quarte augmentée.
            """,
        ),
        dates="w15 fri 20:30",
        minutes=90,
        prices=HALL,
        places=220,
        demand=3.5,
    ),
    Show(
        slug="sunrise-concert",
        category="concert",
        venue="bath",
        poster=("lake", 5),
        title=both("Sunrise Concert", "Concert au lever du jour"),
        teaser=both(
            "A harp, a cello and the first light, on the jetty of the old bathing house.",
            "Une harpe, un violoncelle et la première lumière, sur la jetée des anciens bains.",
        ),
        text=both(
            """
            We begin in the dark and play until the sun stands on the mountains. Aline Quaglia, harp, and Jonas Wyss, cello, perform Bach, Saariaho and silence.

            Fifty people fit on the jetty. Blankets are there, coffee and bread come afterwards, and whoever wants to swims. If it storms, we meet inside the bathing house.
            """,
            """
            Nous commençons dans le noir et jouons jusqu’à ce que le soleil se pose sur les montagnes. Aline Quaglia, harpe, et Jonas Wyss, violoncelle, donnent Bach, Saariaho et du silence.

            Cinquante personnes tiennent sur la jetée. Il y a des couvertures, puis du café et du pain, et se baigne qui veut. En cas de tempête, rendez-vous à l’intérieur des bains.
            """,
        ),
        dates="w15 sat 06:15",
        minutes=60,
        prices=Prices(30, 22),
        places=50,
        left=0,
        demand=2.2,
    ),
    Show(
        slug="splash",
        category="family",
        venue="pavilion",
        poster=("family", 3),
        title=both("Splash! A Concert for Small Ears", "Plouf ! Un concert pour petites oreilles"),
        teaser=both(
            "Bathtubs, bottles, a garden hose and a soprano. From three years.",
            "Des baignoires, des bouteilles, un tuyau d’arrosage et une soprano. Dès trois ans.",
        ),
        text=both(
            """
            What does a full bathtub sound like? And a half-full one? The trio Nass tries it out, with help from the first row, which gets a raincoat each.

            Forty minutes of music one can touch afterwards. Children come with a grown-up; the family ticket is for two big and two small people.
            """,
            """
            Quel son fait une baignoire pleine ? Et une baignoire à moitié pleine ? Le trio Nass fait l’essai, avec l’aide du premier rang, qui reçoit des cirés.

            Quarante minutes de musique que l’on peut toucher ensuite. Les enfants viennent avec un adulte ; le billet famille est pour deux grands et deux petits.
            """,
        ),
        dates="w15 sat 10:30, w15 sun 10:30",
        minutes=40,
        prices=Prices(20, 15, 10, 52),
        places=90,
        demand=2.5,
    ),
    Show(
        slug="how-a-lake-sounds",
        category="talk",
        venue="pavilion",
        poster=("sound", 1),
        title=both("How a Lake Sounds", "Le bruit d’un lac"),
        teaser=both(
            "A biologist plays what her microphones heard at three hundred metres. Free entry.",
            "Une biologiste fait écouter ce que ses micros ont capté par trois cents mètres de fond. Entrée libre.",
        ),
        text=both(
            """
            Perch click, mussels crackle, the ferry can be heard for forty kilometres, and on still nights the mud itself breathes. Dr Hélène Corboz has recorded the lake for nine years and brings the best hours.

            Talk with sound examples, in English with French interpretation over headphones. Free, but please book: the headphones are counted.
            """,
            """
            La perche claque, la moule grésille, le bateau s’entend à quarante kilomètres, et par nuit calme la vase elle-même respire. Hélène Corboz enregistre le lac depuis neuf ans et vient avec ses meilleures heures.

            Conférence avec exemples sonores, en anglais, interprétée en français au casque. Entrée libre, mais réservez : les casques sont comptés.
            """,
        ),
        dates="w15 sat 14:00",
        minutes=75,
        prices=FREE,
        places=80,
        demand=3.0,
    ),
    Show(
        slug="who-owns-silence",
        category="talk",
        venue="pavilion",
        poster=("reading", 2),
        title=both("Who Owns Silence?", "À qui appartient le silence ?"),
        teaser=both(
            "A composer, a town planner and a night nurse disagree in public.",
            "Une compositrice, un urbaniste et un infirmier de nuit se disputent en public.",
        ),
        text=both(
            """
            Quiet has become expensive: double glazing, headphones, a house outside the town. Three people who work with noise talk about who can afford to hear nothing, and what a city would sound like if everyone could.

            Moderated by the radio journalist Tim Oberholzer. In French and English, each in their own language.
            """,
            """
            Le calme est devenu cher : double vitrage, casque, maison hors de la ville. Trois personnes qui travaillent avec le bruit se demandent qui a les moyens de ne rien entendre, et comment sonnerait une ville où tout le monde le pourrait.

            Animé par le journaliste de radio Tim Oberholzer. En français et en anglais, chacun dans sa langue.
            """,
        ),
        dates="w15 sat 17:00",
        minutes=90,
        prices=Prices(15, 10),
        places=80,
        demand=0.6,
    ),
    Show(
        slug="reed-and-bow",
        category="concert",
        venue="chapel",
        poster=("concert", 5),
        title=both("Reed & Bow", "L’anche et l’archet"),
        teaser=both(
            "Armenian duduk meets Baroque viol, in a chapel with nine seconds of echo.",
            "Le doudouk arménien rencontre la viole de gambe, dans une chapelle à neuf secondes d’écho.",
        ),
        text=both(
            """
            Two instruments that sound like voices, from opposite ends of a continent. Ani Petrosyan and Florian Crettaz found each other at a table in Vevey and have hardly stopped playing since.

            Laments, dances, and one piece by Marin Marais that was always waiting for a duduk. Seats are unnumbered; the chapel is heated, but not much.
            """,
            """
            Deux instruments qui sonnent comme des voix, des deux bouts d’un continent. Ani Petrosyan et Florian Crettaz se sont rencontrés à une table de Vevey et n’ont presque plus cessé de jouer.

            Des plaintes, des danses, et une pièce de Marin Marais qui attendait un doudouk depuis toujours. Places non numérotées ; la chapelle est chauffée, mais à peine.
            """,
        ),
        dates="w15 sat 19:00",
        minutes=75,
        prices=SMALL,
        places=96,
        demand=2.5,
    ),
    Show(
        slug="night-swim",
        category="night",
        venue="hall",
        poster=("night", 0),
        title=both("Night Swim", "Bain de nuit"),
        teaser=both(
            "Electronics, fog and a floor that carries bass: until four in the morning.",
            "De l’électronique, du brouillard et un sol qui porte les basses : jusqu’à quatre heures.",
        ),
        text=both(
            """
            Three live sets and no hurry. Lou Marchetti opens with tapes from the shipyard, the duo Halbmast builds the middle of the night, and Ouchyphone carries it to the end.

            From eighteen years. Earplugs are free at the bar; the last metro waits, the first one too.
            """,
            """
            Trois sets en direct, et rien ne presse. Lou Marchetti ouvre avec des bandes du chantier naval, le duo Halbmast bâtit le milieu de la nuit, et Ouchyphone la porte jusqu’au bout.

            Dès dix-huit ans. Bouchons d’oreilles gratuits au bar ; le dernier métro attend, le premier aussi.
            """,
        ),
        dates="w15 sat 22:30",
        minutes=330,
        prices=Prices(36, 28),
        places=220,
        demand=3.5,
    ),
    Show(
        slug="the-crossing",
        category="concert",
        venue="boat",
        poster=("lake", 1),
        title=both("The Crossing", "La traversée"),
        teaser=both(
            "Two hours on a paddle steamer with a string orchestra, supper included.",
            "Deux heures sur un bateau à roues, avec un orchestre à cordes et le souper compris.",
        ),
        text=both(
            """
            The orchestra plays in the saloon, the audience walks where it likes: along the deck, past the engine, to the bow, where only the double basses still reach. Handel wrote music for a river; we borrow it for a lake.

            The boat leaves on time and does not turn back for anybody: please be on the landing stage twenty minutes before. The price includes supper (vegetarian) and a glass.
            """,
            """
            L’orchestre joue au salon, le public se promène où il veut : sur le pont, devant la machine, jusqu’à la proue, où ne parviennent plus que les contrebasses. Händel écrivait pour un fleuve ; nous l’empruntons pour un lac.

            Le bateau part à l’heure et ne revient pour personne : soyez sur l’embarcadère vingt minutes avant. Le prix comprend le souper (végétarien) et un verre.
            """,
        ),
        dates="w15 sun 17:30",
        minutes=120,
        prices=Prices(95, 85, 45),
        places=56,
        vat=Decimal("8.10"),
        left=4,
        demand=1.8,
    ),
    Show(
        slug="tide",
        category="concert",
        venue="hall",
        poster=("seaweed", 4),
        title=both("Tide: The Big Finale", "Marée : la grande finale"),
        teaser=both(
            "Everybody who played comes back, all at once, one last time.",
            "Tous ceux qui ont joué reviennent, tous ensemble, une dernière fois.",
        ),
        text=both(
            """
            Sixty musicians who met on Thursday, a score of eleven pages and a conductor who promises nothing. The tide comes in for forty minutes and goes out for twenty.

            Afterwards we carry the chairs out together. Whoever carries one drinks one.
            """,
            """
            Soixante musiciens qui se sont rencontrés jeudi, une partition de onze pages et une cheffe qui ne promet rien. La marée monte pendant quarante minutes et se retire pendant vingt.

            Ensuite, on sort les chaises ensemble. Qui en porte une en boit un.
            """,
        ),
        dates="w15 sun 20:30",
        minutes=60,
        prices=HALL,
        places=220,
        on_sale_in=30,
    ),
)
