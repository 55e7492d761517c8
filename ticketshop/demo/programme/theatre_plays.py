"""The season of Théâtre du Lac, first part: plays, comedy, readings."""

from .plan import FREE, Prices, Show, both

MAIN = Prices(46, 32, 18, 108)
STUDIO = Prices(34, 24, 15)

SHOWS = (
    Show(
        slug="le-malade-imaginaire",
        category="theatre",
        venue="main",
        poster=("play", 0),
        title=both("The Imaginary Invalid", "Le Malade imaginaire"),
        teaser=both(
            "Molière’s last comedy, played at a gallop by seven actors and one very patient piano.",
            "La dernière comédie de Molière, menée au galop par sept comédiens et un piano très patient.",
        ),
        text=both(
            """
            Argan is in excellent health, and it is ruining him. Between two enemas and a stack of bills he decides to marry his daughter to a doctor, so as to have free advice at home for ever. Toinette, who has run the house for twenty years, sees things differently.

            Claire Morand stages the play as what it is: a machine for laughing at fear. No wigs, no dust, a bed on castors and doors that slam at the right moment. The interludes are sung, in the music written for our company by Yann Aubry.

            *In French, with English surtitles on the first two evenings of each week.* One interval.
            """,
            """
            Argan se porte à merveille, et cela le ruine. Entre deux lavements et une pile de factures, il décide de marier sa fille à un médecin, pour avoir à domicile des consultations gratuites jusqu’à la fin de ses jours. Toinette, qui tient la maison depuis vingt ans, ne l’entend pas de cette oreille.

            Claire Morand monte la pièce pour ce qu’elle est : une machine à rire de la peur. Ni perruques ni poussière, un lit à roulettes et des portes qui claquent au bon moment. Les intermèdes sont chantés, sur une musique écrite pour notre troupe par Yann Aubry.

            *En français, surtitré en anglais les deux premiers soirs de chaque semaine.* Un entracte.
            """,
        ),
        dates="-6 20:00, -5 20:00, +1 20:00, +2 20:00, +8 19:00, +9 17:00",
        minutes=135,
        prices=MAIN,
        places=110,
        demand=2.2,
    ),
    Show(
        slug="la-mouette",
        category="theatre",
        venue="main",
        poster=("tragedy", 3),
        title=both("The Seagull", "La Mouette"),
        teaser=both(
            "Four acts beside a lake: everybody is in love, and nobody with the right person.",
            "Quatre actes au bord d’un lac : tout le monde aime, et personne n’aime qui il faut.",
        ),
        text=both(
            """
            A young man puts up a stage by the water and shows his mother, a famous actress, a play about the end of the world. She laughs. Everything that follows begins there: the success of the one who did not want it, the ruin of the one who did.

            Chekhov called it a comedy. Director Anouk Sterren takes him at his word and lets the actors speak fast, eat on stage and interrupt each other, until the silence of the last act falls all the harder.

            In French, in a new translation made for this production. One interval; the bar serves tea from a samovar.
            """,
            """
            Un jeune homme dresse une scène au bord de l’eau et montre à sa mère, actrice célèbre, une pièce sur la fin du monde. Elle rit. Tout part de là : la réussite de celle qui ne la cherchait plus, la chute de celui qui la voulait tant.

            Tchekhov parlait d’une comédie. La metteuse en scène Anouk Sterren le prend au mot : on parle vite, on mange sur scène, on se coupe la parole, et le silence du dernier acte n’en tombe que plus lourdement.

            En français, dans une nouvelle traduction faite pour ce spectacle. Un entracte ; au bar, le thé sort du samovar.
            """,
        ),
        dates="w5 thu 20:00, w5 fri 20:00, w5 sat 19:00, w6 fri 20:00, w6 sat 19:00",
        minutes=150,
        prices=MAIN,
        places=110,
        demand=1.4,
    ),
    Show(
        slug="antigone",
        category="theatre",
        venue="main",
        poster=("tragedy", 2),
        title=both("Antigone", "Antigone"),
        teaser=both(
            "Sophocles with a chorus of forty people from the neighbourhood.",
            "Sophocle, avec un chœur de quarante habitantes et habitants du quartier.",
        ),
        text=both(
            """
            The war is over, the king wants order, and a young woman buries her brother although it is forbidden. Two and a half thousand years later we still cannot agree on who is right.

            The chorus decides nothing in this play, but it is the one who stays behind and has to live there. So we asked the neighbours: forty people between sixteen and eighty-one have rehearsed since last season and speak, sing and fall silent together.

            **The performance on Sunday is cancelled** because of work on the stage lift. If you have a ticket for it, your money is on its way back to you.
            """,
            """
            La guerre est finie, le roi veut de l’ordre, et une jeune femme enterre son frère bien qu’on le lui interdise. Deux mille cinq cents ans plus tard, nous ne sommes toujours pas d’accord sur qui a raison.

            Dans cette pièce, le chœur ne décide de rien, mais c’est lui qui reste et qui devra continuer à vivre là. Nous avons donc demandé aux voisins : quarante personnes de seize à quatre-vingt-un ans répètent depuis la saison passée, parlent, chantent et se taisent ensemble.

            **La représentation du dimanche est annulée** en raison de travaux sur l’élévateur de scène. Si vous aviez un billet pour cette date, le remboursement est en cours.
            """,
        ),
        dates="w9 thu 20:00, w9 fri 20:00, w9 sat 20:00, w9 sun 17:00",
        minutes=105,
        prices=MAIN,
        places=110,
        cancelled=3,
    ),
    Show(
        slug="cyrano-de-bergerac",
        category="theatre",
        venue="main",
        poster=("play", 4),
        title=both("Cyrano de Bergerac", "Cyrano de Bergerac"),
        teaser=both(
            "A nose, a balcony, two thousand lines of verse and not one too many.",
            "Un nez, un balcon, deux mille alexandrins et pas un de trop.",
        ),
        text=both(
            """
            He can fight a hundred men at once, but not tell one woman that he loves her. So he lends his words to another. Everyone knows how it ends, and everyone weeps all the same.

            Ten actors share more than fifty parts; the swords are wooden, the verses are not. With Samuel Rey as Cyrano and Inès Kaddour as Roxane.

            In French. Recommended from the age of twelve. One interval.
            """,
            """
            Il peut se battre seul contre cent, mais pas dire à une femme qu’il l’aime. Alors il prête ses mots à un autre. Tout le monde connaît la fin, et tout le monde pleure quand même.

            Dix comédiens se partagent plus de cinquante rôles ; les épées sont en bois, les vers ne le sont pas. Avec Samuel Rey dans le rôle de Cyrano et Inès Kaddour dans celui de Roxane.

            Conseillé dès douze ans. Un entracte.
            """,
        ),
        dates="w14 wed 20:00, w14 thu 20:00, w14 fri 20:00, w14 sat 19:00, w15 fri 20:00, w15 sat 19:00",
        minutes=165,
        prices=MAIN,
        places=110,
        demand=0.8,
    ),
    Show(
        slug="le-songe-d-une-nuit-d-ete",
        category="theatre",
        venue="main",
        poster=("night", 2),
        title=both("A Midsummer Night’s Dream", "Le Songe d’une nuit d’été"),
        teaser=both(
            "Shakespeare’s wood grows on our stage: forty real trees, two kings, one donkey.",
            "La forêt de Shakespeare pousse sur notre scène : quarante vrais arbres, deux rois, un âne.",
        ),
        text=both(
            """
            Four lovers run into the wood, a company of craftsmen rehearses there, and the king of the fairies has a score to settle. By morning a weaver has worn the head of a donkey and nobody is quite sure what happened.

            We play among the trees, with the audience on all four sides, live music and as little electricity as we can. After the last evening the trees are planted along the quay.

            In French. For everybody from the age of eight.
            """,
            """
            Quatre amoureux s’enfuient dans la forêt, une troupe d’artisans y répète, et le roi des fées a un compte à régler. Au matin, un tisserand aura porté une tête d’âne et personne ne saura très bien ce qui s’est passé.

            Nous jouons entre les arbres, le public sur les quatre côtés, avec des musiciens et le moins d’électricité possible. Après la dernière, les arbres seront plantés le long du quai.

            Pour tout le monde dès huit ans.
            """,
        ),
        dates="w23 thu 20:00, w23 fri 20:00, w23 sat 19:00, w24 fri 20:00, w24 sat 19:00",
        minutes=120,
        prices=Prices(42, 30, 15, 98),
        places=96,
        on_sale_in=21,
    ),
    Show(
        slug="horaires-d-ouverture",
        category="comedy",
        venue="studio",
        poster=("comedy", 5),
        title=both("Sabine Rochat: Opening Hours", "Sabine Rochat : Horaires d’ouverture"),
        teaser=both(
            "Twenty years behind a counter have left her with material. Now she talks.",
            "Vingt ans derrière un guichet, cela laisse de la matière. Maintenant, elle parle.",
        ),
        text=both(
            """
            Before she stood on stages, Sabine Rochat stood behind a counter of the municipal administration. She knows form 14b by heart, and she knows who invented it.

            An evening about queues, stamps and the tenderness of people who hand in the wrong paper for the third time. Spoken in French, understood by everyone who has ever drawn a number.
            """,
            """
            Avant de se tenir sur scène, Sabine Rochat se tenait derrière un guichet de l’administration municipale. Elle connaît le formulaire 14b par cœur, et elle sait qui l’a inventé.

            Une soirée sur les files d’attente, les tampons et la tendresse de ceux qui rendent pour la troisième fois le mauvais papier. À voir par toute personne ayant déjà tiré un numéro.
            """,
        ),
        dates="w2 fri 20:30",
        minutes=80,
        prices=STUDIO,
        places=54,
        left=3,
        demand=2.0,
    ),
    Show(
        slug="ramuz-a-voix-haute",
        category="reading",
        venue="foyer",
        poster=("reading", 1),
        title=both("Ramuz Read Aloud", "Ramuz à voix haute"),
        teaser=both(
            "Three voices and an accordion read the lake, the vines and the mountain. Free entry.",
            "Trois voix et un accordéon lisent le lac, la vigne et la montagne. Entrée libre.",
        ),
        text=both(
            """
            One does not read Ramuz fast. One reads him aloud, in the rhythm of somebody climbing a slope with a load on the back. That is what we do: an hour in the foyer, three readers, an accordion that answers them.

            Entry is free, but the foyer is small: please book a place, and give it back if you cannot come. A hat goes round at the end for the musicians.
            """,
            """
            Ramuz ne se lit pas vite. Il se lit à voix haute, au rythme de quelqu’un qui monte une pente avec une charge sur le dos. C’est ce que nous faisons : une heure au foyer, trois lecteurs, un accordéon qui leur répond.

            L’entrée est libre, mais le foyer est petit : réservez votre place, et rendez-la si vous ne pouvez pas venir. À la fin, un chapeau circule pour les musiciens.
            """,
        ),
        dates="w3 sun 11:00, w7 sun 11:00, w12 sun 11:00",
        minutes=60,
        prices=FREE,
        places=40,
        demand=2.5,
    ),
    Show(
        slug="romeo-et-juliette",
        category="theatre",
        venue="main",
        poster=("play", 3),
        title=both("Romeo and Juliet", "Roméo et Juliette"),
        teaser=both(
            "Five days in Verona, from the first glance to the last, without a break.",
            "Cinq jours à Vérone, du premier regard au dernier, sans respirer.",
        ),
        text=both(
            """
            They are fifteen, the city is at war with itself, and there is no time. Our version lasts an hour and forty minutes, which is about as long as it takes to ruin everything.

            With the graduates of the regional drama school, in a set of chairs, ladders and one very high bed.
            """,
            """
            Ils ont quinze ans, la ville est en guerre contre elle-même, et le temps manque. Notre version dure une heure quarante, à peu près ce qu’il faut pour tout gâcher.

            Avec les diplômés de l’école de théâtre de la région, dans un décor de chaises, d’échelles et d’un lit très haut.
            """,
        ),
        dates="w-18 fri 20:00, w-18 sat 19:00, w-17 fri 20:00, w-17 sat 19:00",
        minutes=100,
        prices=MAIN,
        places=110,
        demand=1.6,
    ),
    Show(
        slug="nuit-du-conte",
        category="reading",
        venue="foyer",
        poster=("reading", 4),
        title=both("Night of Tales", "Nuit du conte"),
        teaser=both(
            "Six storytellers, soup at midnight, and the last story at dawn.",
            "Six conteuses et conteurs, une soupe à minuit, et la dernière histoire à l’aube.",
        ),
        text=both(
            """
            One arrives with a cushion and stays as long as one likes. The stories come from the Valais, from Senegal, from the Jura and from the tram; some are for children, those after eleven are not.

            The soup is included and made by the technicians.
            """,
            """
            On arrive avec un coussin et on reste le temps qu’on veut. Les histoires viennent du Valais, du Sénégal, du Jura et du tram ; certaines sont pour les enfants, celles d’après onze heures ne le sont plus.

            La soupe est comprise, préparée par l’équipe technique.
            """,
        ),
        dates="w-11 sat 19:30",
        minutes=600,
        prices=Prices(20, 15, 10),
        places=60,
        demand=1.2,
    ),
)
