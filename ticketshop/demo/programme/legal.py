"""Terms, privacy notice and accessibility statement of the two demo organisers. They describe what this shop really does."""

from .plan import both

TERMS = both(
    """
    ### 1. Who sells
    {name} sells the tickets and passes of this shop itself, in its own name and for its own account.

    ### 2. Your order
    Places in the cart are held for you for the time that is shown there. The order is made when you press the button at the end of the last page; we confirm it by e-mail with a link to your order.

    ### 3. Prices and payment
    All prices are in Swiss francs and include value added tax. There are no fees. You pay at the box office before the event begins, by bank transfer within ten days (after five days we send a reminder) or, where it is offered, at once by card or TWINT. An order that is not paid in time expires and its places are free again.

    ### 4. Your tickets
    Tickets come by e-mail as soon as they are paid, as a PDF with a code. On paper or on a screen are equally good. Each code lets one person in, once: please do not pass it on twice. Reduced tickets are valid together with a proof.

    ### 5. If you cannot come
    You may give your tickets to somebody else without telling us. We take tickets back until seven days before the event and pay the price back in full; write to <{contact}> with the number of your order.

    ### 6. If we cannot play
    If an event is cancelled or moved to another day, we write to you at once. You get your money back within ten days, or keep the ticket for the new date, as you prefer.

    ### 7. In the house
    Latecomers are let in at the first suitable moment. Photographs and recordings during the event are not allowed. Children without a ticket of their own sit on a lap up to the age of three.

    ### 8. Law
    Swiss law applies. If something goes wrong, talk to us first: <{contact}>.
    """,
    """
    ### 1. Qui vend
    Le {name} vend lui-même les billets et abonnements de cette billetterie, en son nom et pour son compte.

    ### 2. Votre commande
    Les places mises au panier vous sont gardées pendant la durée indiquée. La commande est passée lorsque vous appuyez sur le bouton de la dernière page ; nous la confirmons par e-mail, avec un lien vers votre commande.

    ### 3. Prix et paiement
    Tous les prix sont en francs suisses, taxe sur la valeur ajoutée comprise. Il n’y a pas de frais. Vous payez à la caisse avant le début de la manifestation, par virement bancaire dans les dix jours (après cinq jours, nous envoyons un rappel) ou, lorsque c’est proposé, aussitôt par carte ou TWINT. Une commande qui n’est pas payée à temps expire et ses places redeviennent libres.

    ### 4. Vos billets
    Les billets arrivent par e-mail dès qu’ils sont payés, en PDF avec un code. Sur papier ou sur écran, c’est égal. Chaque code fait entrer une personne, une fois : merci de ne pas le transmettre deux fois. Les billets à tarif réduit sont valables avec un justificatif.

    ### 5. Si vous ne pouvez pas venir
    Vous pouvez donner vos billets à quelqu’un d’autre sans nous prévenir. Nous les reprenons jusqu’à sept jours avant la manifestation et remboursons le prix en entier ; écrivez à <{contact}> en indiquant le numéro de votre commande.

    ### 6. Si nous ne pouvons pas jouer
    Si une manifestation est annulée ou déplacée, nous vous écrivons aussitôt. Vous êtes remboursé dans les dix jours ou gardez le billet pour la nouvelle date, à votre choix.

    ### 7. Dans la salle
    Les personnes en retard entrent au premier moment propice. Photos et enregistrements sont interdits pendant la manifestation. Jusqu’à trois ans, les enfants sans billet s’asseyent sur des genoux.

    ### 8. Droit
    Le droit suisse s’applique. Si quelque chose ne va pas, parlez-nous-en d’abord : <{contact}>.
    """,
)

PRIVACY = both(
    """
    Your data belong to you, and we need few of them. {name}, {address}, is responsible for them; questions and wishes go to <{privacy_contact}>.

    ### What we collect, and why
    - **To sell you a ticket**: your first and last name and your e-mail address, what you ordered and how you paid. Without them there is no ticket.
    - **If you make an account**: what you add to your profile yourself, such as your phone number and address, and a password, which is stored only as a fingerprint that cannot be turned back.
    - **Names on tickets**: only if you type them.

    ### Who sees them
    Our staff, as far as their work asks for it. Whoever pays by card or TWINT enters it at our payment service, which gets amount and titles from us, but no name. Nobody else. We sell no data, we show no advertising, and no page of this shop calls another company’s server. Other organisers on the same installation cannot see your data.

    ### How long
    We must keep our books for ten years. They hold figures, and your name only as long as your contact exists. Carts are forgotten after a day. IP addresses are not stored.

    ### Cookies
    One cookie keeps your cart and your log-in, one protects the forms, one remembers the language, and after a log-in two recognise this browser, so that what you typed comes back and a stranger’s wrong passwords do not lock you out. None of them follows you, so we need not ask.

    ### Your rights
    You may ask what we know about you, have it corrected, take it with you or have it erased. Write to <{privacy_contact}>: it costs nothing and needs no reason. You may also complain to the Federal Data Protection and Information Commissioner.
    """,
    """
    Vos données vous appartiennent, et il nous en faut peu. Le {name}, {address}, en est responsable ; questions et souhaits vont à <{privacy_contact}>.

    ### Ce que nous collectons, et pourquoi
    - **Pour vous vendre un billet** : votre prénom, votre nom et votre adresse e-mail, ce que vous avez commandé et comment vous avez payé. Sans cela, pas de billet.
    - **Si vous ouvrez un compte** : ce que vous ajoutez vous-même à votre profil, comme votre téléphone et votre adresse, et un mot de passe, dont nous ne gardons qu’une empreinte impossible à inverser.
    - **Les noms sur les billets** : seulement si vous les indiquez.

    ### Qui les voit
    Notre équipe, pour autant que son travail l’exige. Qui paie par carte ou TWINT la saisit auprès de notre service de paiement, qui reçoit de nous le montant et les titres, mais aucun nom. Personne d’autre. Nous ne vendons pas de données, n’affichons pas de publicité, et aucune page de cette billetterie n’appelle le serveur d’une autre entreprise. Les autres organisateurs de la même installation ne voient pas vos données.

    ### Pendant combien de temps
    Nous devons conserver nos livres pendant dix ans. Ils contiennent des chiffres, et votre nom aussi longtemps seulement que votre fiche existe. Les paniers sont oubliés après un jour. Les adresses IP ne sont pas enregistrées.

    ### Cookies
    Un cookie garde votre panier et votre connexion, un autre protège les formulaires, un troisième retient la langue et, après une connexion, deux autres reconnaissent ce navigateur : ce que vous avez saisi revient, et les mots de passe faux d’une autre personne ne vous bloquent pas. Aucun ne vous suit, nous n’avons donc rien à vous demander.

    ### Vos droits
    Vous pouvez demander ce que nous savons de vous, le faire corriger, l’emporter ou le faire effacer. Écrivez à <{privacy_contact}> : c’est gratuit et sans justification. Vous pouvez aussi vous adresser au Préposé fédéral à la protection des données et à la transparence.
    """,
)

ACCESSIBILITY = both(
    """
    ### This shop
    We want everybody to be able to buy a ticket here. The shop aims at the Web Content Accessibility Guidelines 2.2, level AA: it works with the keyboard alone, with screen readers, at 400 % magnification, in light and dark, and without JavaScript. Time limits are shown as a clock time and can be extended.

    ### What is not there yet
    - Tickets as PDF are not tagged. The page of your order says the same things and can be printed.
    - Descriptions of events are not available in sign language or plain language.

    ### Our houses
    {house}

    ### Something does not work?
    Write to <{contact}> or call us. We answer within five working days, and sell you the ticket by e-mail or by phone in the meantime.
    """,
    """
    ### Cette billetterie
    Nous voulons que tout le monde puisse acheter un billet ici. La billetterie vise les Règles pour l’accessibilité des contenus web 2.2, niveau AA : elle fonctionne au clavier seul, avec un lecteur d’écran, agrandie à 400 %, en clair et en sombre, et sans JavaScript. Les délais sont indiqués par une heure et peuvent être prolongés.

    ### Ce qui manque encore
    - Les billets en PDF ne sont pas balisés. La page de votre commande dit la même chose et peut être imprimée.
    - Les descriptions des manifestations n’existent ni en langue des signes ni en langage simplifié.

    ### Nos lieux
    {house}

    ### Quelque chose ne fonctionne pas ?
    Écrivez à <{contact}> ou appelez-nous. Nous répondons dans les cinq jours ouvrables et vous vendons entre-temps le billet par e-mail ou par téléphone.
    """,
)

IMPRINT = both(
    """
    {owner}, entered in the commercial register under {uid}.

    Direction: {direction}

    Box office: {phone}, {hours}

    Posters: drawn for each event by our own workshop.
    """,
    """
    {owner}, inscrite au registre du commerce sous {uid}.

    Direction : {direction}

    Caisse : {phone}, {hours}

    Affiches : dessinées pour chaque manifestation par notre propre atelier.
    """,
)
