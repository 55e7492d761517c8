"""Checks of a point of sale before it opens: each need with its state and the page where it is entered."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import F
from django.urls import reverse
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from ticketshop.catalogue import dates
from ticketshop.catalogue.models import Event, Offer, SeasonPass, Session
from ticketshop.jobs import workers
from ticketshop.mail import outbox
from ticketshop.organisers import role_names
from ticketshop.organisers.models import PointOfSale

from ...payments.methods import METHODS
from ...shop import opening
from ...shop.opening import SetUp
from . import checks

ORGANISER, SHOP = "organisers.change_organiser", "organisers.change_pointofsale"
PAYMENT, EVENTS, NEW_EVENT = "sales.change_paymentmethod", "catalogue.change_event", "catalogue.add_event"


@dataclass(frozen=True)
class Place:
    """A page of the back office where something is entered, and the permission that it needs."""

    permission: str
    url: str


@dataclass(frozen=True)
class Item:
    """Something that a shop needs. ``needed``: without it the shop can't open. ``sentence``: what is there, or what to do.

    ``place`` is None for what only the people who run the installation can do. ``about_mail``: the page offers a test e-mail beside it.
    """

    title: str
    done: bool
    sentence: str
    needed: bool = False
    place: Place | None = None
    about_mail: bool = False


@dataclass(frozen=True)
class ShownItem:
    """An item for one member of staff: ``url`` is empty and ``ask`` tells whom to ask where their role does not reach."""

    item: Item
    url: str
    ask: str


def read(pos: PointOfSale, now: datetime) -> list[Item]:
    """Return everything a shop needs, what is there and what is missing. At most twelve queries."""
    methods = opening.enabled_methods(pos)
    return [
        *_of_organiser(pos),
        *_of_shop(pos),
        *_of_payment(pos, methods),
        *_of_programme(pos, now),
        *_of_installation(now),
    ]


def refusals(items: list[Item]) -> list[Item]:
    """Return the items without which the shop can't open."""
    return [item for item in items if item.needed and not item.done]


def for_user(items: list[Item], user, pos: PointOfSale) -> list[ShownItem]:
    """Return the items with a link where the user may change them. Of the organiser or the shop, not of single events."""
    asked: dict[str, str] = {}
    shown = []
    for item in items:
        url = ask = ""
        if item.place is not None and user.has_perm(item.place.permission, pos):
            url = item.place.url
        elif item.place is not None and not item.done:
            permission = item.place.permission
            ask = asked.get(permission) or asked.setdefault(permission, role_names.ask_them(permission))
        shown.append(ShownItem(item, url, ask))
    return shown


def _of_organiser(pos: PointOfSale) -> Iterator[Item]:
    organiser = pos.organiser
    page = reverse("admin:organisers_organiser_change", args=[organiser.pk])

    def at(field: str) -> Place:
        return Place(ORGANISER, f"{page}#id_{field}")

    name = organiser.legal_name.strip()
    yield Item(
        _("Legal name"),
        bool(name),
        name or _("Visitors must know from whom they buy."),
        needed=True,
        place=at("legal_name"),
    )
    town = f"{organiser.postcode} {organiser.city}".strip()
    complete = bool(organiser.street.strip() and organiser.postcode.strip() and organiser.city.strip())
    yield Item(
        _("Postal address"),
        complete,
        f"{organiser.street_line}, {town}"
        if complete
        else _("It stands on receipts and invoices: enter street, postcode and town."),
        place=at("street"),
    )
    yield _vat(pos, at("vat_number"))
    contact = organiser.privacy_contact
    yield Item(
        _("Privacy contact"),
        bool(contact),
        contact or _("To whom do people write about their data? Enter an e-mail address."),
        place=at("privacy_contact"),
    )


def _vat(pos: PointOfSale, place: Place) -> Item:
    number = pos.organiser.vat_number.strip()
    if number:
        return Item(_("VAT"), True, number, place=place)
    if opening.has_vat(pos):
        sentence = _("Prices contain VAT, but there is no VAT number. Enter it, or set the VAT rates to 0.")
        return Item(_("VAT"), False, sentence, place=place)
    return Item(_("VAT"), True, _("No price contains VAT, so no VAT number is needed."), place=place)


def _of_shop(pos: PointOfSale) -> Iterator[Item]:
    page = reverse("admin:organisers_pointofsale_change", args=[pos.pk])
    has_terms = opening.has_terms(pos)
    yield Item(
        _("Terms of sale"),
        has_terms,
        _("Visitors accept them when they order."),
        needed=True,
        place=Place(SHOP, f"{page}#id_terms_{pos.organiser.languages[0]}"),
    )
    sender = pos.email_sender_address
    yield Item(
        _("Sender of e-mails"),
        bool(sender),
        sender or _("Where do answers to your e-mails go? Enter an e-mail address that somebody reads."),
        place=Place(SHOP, f"{page}#id_email_sender_address"),
    )


def _of_payment(pos: PointOfSale, methods: list[SetUp]) -> Iterator[Item]:
    place = Place(
        PAYMENT, f"{reverse('admin:organisers_pointofsale_change', args=[pos.pk])}#payment_methods-group"
    )
    prices = opening.unpayable(pos, methods)
    labels = [
        str(METHODS[code].label)
        for code, kept in methods
        if opening.works((code, kept), opening.ANY_PRICE, pos.organiser.currency)
    ]
    yield Item(
        _("A way to pay that works"),
        not prices,
        checks.methods_sentence(pos, methods, prices)
        if prices
        else ", ".join(labels) or _("Everything is free."),
        needed=True,
        place=place,
    )
    in_test = [
        str(METHODS[code].label)
        for code, kept in methods
        if code in METHODS and METHODS[code].is_set_up(kept) and METHODS[code](kept).test_mode
    ]
    sentence = _("Buyers get valid tickets without paying: %(methods)s. For real payments, set live keys.")
    yield Item(
        _("Test mode off"),
        not in_test,
        sentence % {"methods": ", ".join(in_test)} if in_test else _("No way to pay is in test mode."),
        place=place,
    )


def _of_programme(pos: PointOfSale, now: datetime) -> Iterator[Item]:
    event = Event.objects.filter(points_of_sale=pos).order_by("-pk").first()
    if event is not None:
        place = Place(EVENTS, reverse("admin:catalogue_event_change", args=[event.pk]))
    else:
        place = Place(NEW_EVENT, f"{reverse('admin:catalogue_event_simple')}?shop={pos.pk}")
    on_sale = opening.sells_something(pos, now)
    yield Item(
        _("An event on sale"),
        on_sale,
        _("Visitors find something to buy.")
        if on_sale
        else _("No published event has a date to come, and there is no pass."),
        place=place,
    )
    has_places = _has_places(pos, now)
    yield Item(
        _("A tariff with places"),
        has_places,
        _("There are places left in a tariff that is on sale.")
        if has_places
        else _("No tariff on sale has a place left: enter tariffs, and the places of the dates."),
        place=place,
    )


def _has_places(pos: PointOfSale, now: datetime) -> bool:
    offers = Offer.objects.filter(
        session__event__points_of_sale=pos,
        session__event__state=Event.State.PUBLISHED,
        session__state=Session.State.ON_SALE,
        session__ends_at__gt=now,
        tariff__active=True,
        allotment__capacity__gt=F("allotment__sold"),
    )
    passes = SeasonPass.objects.filter(
        points_of_sale=pos,
        active=True,
        valid_until__gte=localtime(now, pos.organiser.zone).date(),
        allotment__capacity__gt=F("allotment__sold"),
    )
    return offers.exists() or passes.exists()


def _of_installation(now: datetime) -> Iterator[Item]:
    runs = workers.running(now)
    yield Item(
        _("Work in the background"),
        runs,
        _("The worker runs.")
        if runs
        else _(
            "The worker does not run: no e-mail leaves, and unpaid orders do not end. Ask who runs the shop."
        ),
    )
    mails = outbox.delivery(now)
    if mails.works:
        sent = dates.when(mails.last_sent_at)
        sentence = _("The last one was sent on %(time)s.") % {"time": sent}
    elif mails.paused:
        sentence = _("The mail server does not answer; e-mails wait. Ask who runs the shop.")
    elif mails.late:
        sentence = _("E-mails have been waiting for more than ten minutes. Ask who runs the shop.")
    else:
        sentence = _("None has been sent yet.")
    yield Item(_("E-mails go out"), mails.works, sentence, about_mail=True)
