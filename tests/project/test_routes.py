"""Access to every URL: the table has a row for each route; a route without a row fails.

No response reveals that a row of another organiser exists: it is equal to the response for a missing row.
"""

import copy
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass
from functools import partial
from html import escape
from urllib.parse import quote

import pytest
from django.contrib.messages import get_messages
from django.db import connection, transaction
from django.http import HttpResponse
from django.test import Client
from django.test.client import ClientHandler
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, get_resolver, reverse

from accounts.models import User
from contacts.linking import links
from tests.project.codes import codes_in
from tests.project.world import House, World, permit, withdrawn
from ticketshop import urls
from ticketshop.organisers import permissions
from ticketshop.organisers.models import StaffMembership

pytestmark = pytest.mark.django_db
NOWHERE = 987_654_321  # no row has this id


HANDLER = ClientHandler(enforce_csrf_checks=False)  # its middleware is loaded once


def browser(user=None) -> Client:
    """Return a new browser; ``user`` is logged in, with the cookies of the world if there are any."""
    client = Client()
    client.handler = HANDLER
    if hasattr(user, "cookies"):
        client.cookies = copy.deepcopy(user.cookies)
    elif user is not None:
        client.force_login(user)
    return client


# --- the table ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """The expected results for a guest and a visitor (who owns the row in the URL): status of GET, status of an empty POST.

    ``shared`` pages are the same for all visitors: no cookie, no token, cacheable for a second. ``missing`` returns the arguments
    for a row that does not exist.
    """

    get: tuple[int, int]
    post: tuple[int, int]
    args: Callable[[House], dict] = lambda house: {}
    shared: bool = False


def shop(house: House) -> dict:
    return {"pos": house.pos.slug}


def friend(house: House) -> dict:
    return {**shop(house), "link_id": house.link.pk}


def of_order(house: House) -> dict:
    return {**shop(house), "reference": house.order.reference, "secret": house.order.secret}


def received(house: House) -> dict:
    return {**shop(house), "ticket_id": house.received.pk}


def bought(house: House) -> dict:
    return {**shop(house), "ticket_id": house.order.tickets.get().pk}


def of_invoice(house: House) -> dict:
    return {**of_order(house), "year": house.invoice.year, "number": house.invoice.number}


def to_cancel(house: House) -> dict:
    return {**shop(house), "reference": house.waiting.reference, "secret": house.waiting.secret}


def with_pass(house: House) -> dict:
    return {**shop(house), "issued": house.order.passes.get().pk}


def at_the_door(house: House) -> dict:
    return {"session": house.offer.session.pk}


PAGE, LOG_IN_FIRST, BUTTON = (200, 200), (302, 200), (405, 405)
ROWS = {
    # The installation.
    "home": Row(PAGE, BUTTON, shared=True),
    "live": Row(PAGE, BUTTON),
    "ready": Row(PAGE, BUTTON),
    "favicon": Row((302, 302), BUTTON),
    "robots": Row(PAGE, BUTTON, shared=True),
    "security": Row(PAGE, BUTTON, shared=True),
    "language": Row(BUTTON, (403, 403)),
    "media": Row((404, 404), BUTTON, lambda house: {"path": "events/none.webp"}),
    "mailbox": Row(PAGE, BUTTON),
    # Without a secret in the settings reports are refused.
    "mail_webhook": Row(BUTTON, (403, 403), lambda house: {"provider": "postmark"}),
    # None of these methods has webhooks.
    "payment_hook": Row(BUTTON, (404, 404), lambda house: {"method": "bank_transfer", **shop(house)}),
    # The door, for staff: tests/sales/door.
    "door:dates": Row((302, 403), (302, 405)),
    "door:scan": Row((302, 403), (302, 403), at_the_door),
    "door:people": Row((302, 403), (302, 405), at_the_door),
    "door:count": Row((302, 403), (302, 405), at_the_door),
    "door:codes": Row((302, 403), (302, 405), at_the_door),
    "door:queue": Row((302, 405), (302, 403), at_the_door),
    "door:group": Row((302, 403), (302, 403), lambda house: {**at_the_door(house), "order": house.order.pk}),
    "door:ticket": Row(
        (302, 403), (302, 403), lambda house: {**at_the_door(house), "ticket": house.order.tickets.get().pk}
    ),
    "door:pass": Row(
        (302, 403), (302, 403), lambda house: {**at_the_door(house), "issued": house.order.passes.get().pk}
    ),
    # Bookings with a pass: tests/sales/bookings.
    "shop:pass_dates": Row(LOG_IN_FIRST, (302, 405), with_pass),
    "shop:pass_booking": Row(
        LOG_IN_FIRST, LOG_IN_FIRST, lambda house: {**with_pass(house), "session": house.offer.session.pk}
    ),
    # The ticket of this order is not booked with a pass.
    "shop:booking_cancel": Row(
        (404, 404), (404, 404), lambda house: {**of_order(house), "ticket": house.order.tickets.get().pk}
    ),
    # Log-in.
    "account_login": Row((200, 302), (200, 302)),
    "account_logout": Row(LOG_IN_FIRST, (302, 302)),
    "account_inactive": Row(PAGE, BUTTON),
    "account_signup": Row((200, 302), (200, 302)),
    "account_reauthenticate": Row(LOG_IN_FIRST, LOG_IN_FIRST),
    "account_email": Row(LOG_IN_FIRST, (302, 302)),
    "account_email_verification_sent": Row(PAGE, BUTTON),
    "account_change_password": Row(LOG_IN_FIRST, LOG_IN_FIRST),
    "account_set_password": Row((302, 302), (302, 302)),
    "account_reset_password": Row(PAGE, PAGE),
    "account_reset_password_done": Row(PAGE, BUTTON),
    "account_reset_password_from_key": Row(PAGE, PAGE, lambda house: {"uidb36": "1", "key": "none"}),
    "account_reset_password_from_key_done": Row(PAGE, BUTTON),
    "account_confirm_login_code": Row((302, 302), (302, 302)),
    "account_confirm_email": Row(PAGE, (404, 404), lambda house: {"key": "none"}),
    "account_security": Row(LOG_IN_FIRST, (302, 405)),
    # The second factor: the visitor has none.
    "mfa_index": Row((302, 302), (302, 302)),
    "mfa_authenticate": Row((302, 302), (302, 302)),
    "mfa_reauthenticate": Row((302, 302), (302, 302)),
    "mfa_activate_totp": Row((302, 302), (302, 302)),
    "mfa_deactivate_totp": Row((302, 404), (302, 404)),
    "mfa_view_recovery_codes": Row((302, 404), (302, 405)),
    "mfa_generate_recovery_codes": Row((302, 302), (302, 302)),
    "mfa_download_recovery_codes": Row((302, 404), (302, 404)),
    "mfa_list_webauthn": Row(LOG_IN_FIRST, (302, 405)),
    "mfa_add_webauthn": Row((302, 302), (302, 302)),
    "mfa_reauthenticate_webauthn": Row((302, 302), (302, 302)),
    "mfa_remove_webauthn": Row((302, 302), (302, 302), lambda house: {"pk": 1}),
    "mfa_edit_webauthn": Row((302, 302), (302, 302), lambda house: {"pk": 1}),
    "account_sessions_end": Row((302, 405), (302, 302)),
    # An invitation of staff, and leaving: the visitor is no staff.
    "staff_invitation": Row((410, 410), (410, 410), lambda house: {"token": "none"}),
    "staff_leave": Row((302, 404), (302, 404), lambda house: {"membership_id": house.membership.pk}),
    "first_password": Row((410, 410), (410, 410), lambda house: {"token": "none"}),
    # Links in mails of friends and family.
    "links:show": Row((410, 410), (410, 410), lambda house: {"token": "none"}),
    "links:claim": Row((410, 410), (302, 302)),
    # The shop.
    "shop:index": Row(PAGE, BUTTON, shop, shared=True),
    "shop:event": Row(PAGE, BUTTON, lambda house: {**shop(house), "slug": house.event.slug}, shared=True),
    "shop:pass": Row(
        PAGE, BUTTON, lambda house: {**shop(house), "slug": house.season_pass.slug}, shared=True
    ),
    "shop:about": Row(PAGE, BUTTON, lambda house: {**shop(house), "page": "privacy"}, shared=True),
    "shop:theme": Row(PAGE, BUTTON, lambda house: {**shop(house), "fingerprint": "x"}, shared=True),
    "shop:cart": Row(PAGE, BUTTON, shop),
    "shop:cart_add": Row(BUTTON, (403, 302), shop),
    "shop:cart_people": Row(BUTTON, (302, 302), shop),
    "shop:cart_update": Row(BUTTON, (302, 302), shop),
    "shop:withdraw": Row(PAGE, PAGE, shop),
    "shop:checkout": Row((302, 302), (302, 302), shop),  # the cart is empty
    "shop:review": Row((302, 302), (302, 302), shop),
    # With the link of an order.
    "shop:order": Row(PAGE, BUTTON, of_order),
    "shop:tickets_pdf": Row(PAGE, BUTTON, of_order),
    "shop:tickets_page": Row(PAGE, BUTTON, of_order),
    "shop:receipt": Row(PAGE, BUTTON, of_order),
    "shop:receipt_pdf": Row(PAGE, BUTTON, of_order),
    "shop:invoice": Row(PAGE, PAGE, of_order),
    "shop:invoice_pdf": Row(PAGE, BUTTON, of_invoice),
    "shop:invoice_send": Row((302, 302), (302, 302), of_order),
    "shop:accepted_terms": Row(PAGE, BUTTON, of_order),
    "shop:calendar": Row(PAGE, BUTTON, of_order),
    # A paid order has no QR-bill: tests/sales/payments/test_qr_bills.py.
    "shop:qr_bill_code": Row((404, 404), BUTTON, of_order),
    "shop:qr_bill_pdf": Row((404, 404), BUTTON, of_order),
    "shop:order_cancel": Row(PAGE, (302, 302), to_cancel),
    # Paid at the box office, so that there is no page of a provider: to the order's page.
    "shop:order_pay": Row((302, 302), (302, 302), to_cancel),
    "shop:order_method": Row(PAGE, PAGE, to_cancel),
    "shop:answers": Row(PAGE, (302, 302), of_order),
    "shop:names": Row(PAGE, (302, 302), of_order),
    # The visitor's account.
    "account:home": Row(LOG_IN_FIRST, (302, 405), shop),
    "account:profile": Row(LOG_IN_FIRST, LOG_IN_FIRST, shop),
    "account:write_to": Row((302, 405), (302, 302), shop),
    "account:orders": Row(LOG_IN_FIRST, (302, 405), shop),
    "account:join": Row((302, 405), (302, 302), shop),
    "account:names": Row((302, 404), (302, 404), friend),  # a friend whom the visitor does not manage
    "account:join_chosen": Row(
        LOG_IN_FIRST, (302, 302), lambda house: {**shop(house), "contact_id": house.namesake.pk}
    ),
    # Tickets given to friends and family: one that the visitor may give, one that is offered to them, one that they were given.
    "account:give": Row(LOG_IN_FIRST, LOG_IN_FIRST, bought),
    "account:gift": Row(
        LOG_IN_FIRST, LOG_IN_FIRST, lambda house: {**shop(house), "gift_id": house.offered.pk}
    ),
    "account:ticket": Row(LOG_IN_FIRST, (302, 405), received),
    "account:ticket_pdf": Row(LOG_IN_FIRST, (302, 405), received),
    "account:ticket_calendar": Row(LOG_IN_FIRST, (302, 405), received),
    "account:ticket_name": Row(LOG_IN_FIRST, (302, 302), received),
    "account:ticket_answers": Row((302, 404), (302, 404), received),  # the form has asked nothing yet
    "account:give_back": Row(LOG_IN_FIRST, (302, 302), received),
    "account:friends": Row(LOG_IN_FIRST, (302, 405), shop),
    "account:friends_new": Row(LOG_IN_FIRST, LOG_IN_FIRST, shop),
    "account:friends_person": Row(LOG_IN_FIRST, (302, 405), friend),
    "account:friends_edit": Row(LOG_IN_FIRST, LOG_IN_FIRST, friend),
    "account:friends_remove": Row(LOG_IN_FIRST, (302, 302), friend),
    "account:friends_undo": Row((302, 405), (302, 302), friend),
    "account:friends_resend": Row((302, 405), (302, 302), friend),
    # The other side of a link: the visitor is its parent, so there is nothing to see or answer.
    "account:friends_seen": Row((302, 404), (302, 405), friend),
    "account:friends_answer": Row((302, 405), (302, 404), friend),
    "account:friends_stop": Row((302, 404), (302, 404), friend),
    "account:friends_stop_undo": Row((302, 405), (302, 404), friend),
    # One's own data: with a log-in (the copy after the password once more), and by a mailed link.
    "account:data": Row(LOG_IN_FIRST, (302, 405), shop),
    "account:data_copy": Row((302, 302), (302, 405), shop),
    "account:data_delete": Row(LOG_IN_FIRST, LOG_IN_FIRST, shop),
    "account:data_request": Row((302, 405), (302, 302), shop),
    "data:request": Row(BUTTON, (302, 302), shop),
    "account:data_child": Row((302, 404), (302, 405), friend),  # not a person the visitor acts for
    "account:data_child_delete": Row((302, 404), (302, 404), friend),
    "data:ask": Row(PAGE, PAGE, shop),
    "data:about": Row(PAGE, BUTTON, shop, shared=True),
    "data:open": Row((410, 410), (410, 410), lambda house: {**shop(house), "token": "none"}),
    "data:mine": Row((302, 302), BUTTON, shop),
    "data:copy": Row((302, 302), BUTTON, shop),
    "data:delete": Row((302, 302), (302, 302), shop),
    "data:confirm": Row((410, 410), (410, 410), lambda house: {**shop(house), "token": "none"}),
}


@dataclass(frozen=True)
class Pages:
    """The pages of one back-office model. ``buttons``: end of the URL -> required permissions."""

    add: bool = False
    delete: bool = False
    buttons: tuple[tuple[str, str], ...] = ()
    platform: bool = False  # for the platform's administrator alone


# Permissions to request and to fetch an export of participants.
READ_ANSWERS = "exports.add_job sales.view_order sales.view_ticket registration_forms.view_registrationform"
EXPORT = ("export", READ_ANSWERS)
# Permissions for buttons about the answers of an order, a ticket or a pass.
ENTERED = tuple((name, "sales.change_order") for name in ("names", "new_code", "answers", "enter_answers"))
ADMIN = {
    "organisers.organiser": Pages(add=True),
    "organisers.pointofsale": Pages(
        add=True,
        buttons=(
            ("test_payments", "sales.change_paymentmethod"),
            ("ready", "organisers.view_pointofsale"),
            (
                "basics",
                "organisers.change_pointofsale organisers.change_organiser sales.change_paymentmethod",
            ),
        ),
    ),
    "organisers.staffmembership": Pages(
        add=True,
        delete=True,
        buttons=tuple(
            (button, "organisers.manage_staff")
            for button in ("change_role", "end_sessions", "reset_second_factor", "remove")
        ),
    ),
    "organisers.staffinvitation": Pages(
        add=True,
        buttons=tuple((button, "organisers.manage_staff") for button in ("send_again", "take_back")),
    ),
    "history.event": Pages(),
    "mail.mail": Pages(buttons=(("send_again", "mail.change_mail"),)),
    "jobs.failure": Pages(buttons=(("try_again", "jobs.change_failure"),)),
    "contacts.contact": Pages(
        add=True,
        buttons=(
            ("add_connection", "contacts.add_contactlink"),
            ("merge", "contacts.merge_contact"),
            ("block", "contacts.change_contact"),
            ("unblock", "contacts.change_contact"),
        ),
    ),
    "contacts.contactlink": Pages(
        buttons=tuple(
            (button, "contacts.change_contactlink") for button in ("resend", "consent", "allow", "end")
        )
    ),
    "contacts.linktype": Pages(add=True, platform=True),
    "registration_forms.registrationform": Pages(
        add=True,
        buttons=(
            (
                "add_question",
                "registration_forms.change_registrationform registration_forms.add_field",
            ),
            ("preview", "registration_forms.view_registrationform"),
            ("publish", "registration_forms.change_registrationform"),
            ("versions", "registration_forms.view_registrationform"),
            (
                "copy",
                "registration_forms.view_registrationform registration_forms.add_registrationform",
            ),
            ("archive", "registration_forms.change_registrationform"),
            ("answers", "registration_forms.view_registrationform sales.view_order sales.view_ticket"),
            ("restore", "registration_forms.change_registrationform"),
            EXPORT,
            (
                "assign",
                "registration_forms.change_registrationform catalogue.change_tariff catalogue.change_seasonpass"
                " catalogue.add_orderform catalogue.delete_orderform",
            ),
            (
                "sold_before",
                "registration_forms.change_registrationform sales.view_ticket sales.view_order",
            ),
        ),
    ),
    "registration_forms.field": Pages(
        buttons=(
            ("archive", "registration_forms.change_field"),
            ("restore", "registration_forms.change_field"),
        )
    ),
    "catalogue.event": Pages(
        add=True,
        buttons=(
            EXPORT,
            ("copy", "catalogue.view_event catalogue.add_event"),
            ("dates", "catalogue.change_event catalogue.add_session"),
        ),
    ),
    "catalogue.session": Pages(
        delete=True,
        buttons=(
            EXPORT,
            ("door_list", "sales.view_ticket sales.view_order"),
            ("door_sheet", "sales.view_ticket sales.view_order"),
            ("door_entries", "sales.view_ticket sales.view_order"),
            ("door_entries_csv", "sales.view_ticket sales.view_order"),
            ("cancel", "catalogue.change_session sales.change_order sales.change_refund"),
            ("pay_back", "catalogue.change_session sales.change_order sales.change_refund"),
            ("message", "catalogue.view_session sales.view_ticket sales.add_datemessage"),
            ("messages", "catalogue.view_session sales.view_datemessage"),
            ("pay_back_left", "catalogue.view_session sales.view_order sales.view_ticket"),
        ),
    ),
    "catalogue.tariff": Pages(delete=True),
    "catalogue.seasonpass": Pages(
        add=True,
        buttons=(
            ("export", f"{READ_ANSWERS} sales.view_issuedpass"),
            ("copy", "catalogue.view_seasonpass catalogue.add_seasonpass"),
        ),
    ),
    "catalogue.allotment": Pages(add=True),
    "catalogue.venue": Pages(add=True, delete=True),
    "catalogue.category": Pages(add=True, delete=True),
    "sales.order": Pages(
        buttons=(
            ("counter", "sales.add_order"),
            ("print", "sales.add_order"),
            ("print_roll", "sales.add_order"),
            ("mark_paid", "sales.change_order"),
            ("ask_provider", "sales.change_order"),
            ("other_money", "sales.change_order"),
            ("names", "sales.change_order"),
            ("new_codes", "sales.change_order"),
            ("exchange", "sales.change_order"),
            ("answers", "sales.change_order"),
            ("enter_answers", "sales.change_order"),
            ("skip_questions", "registration_forms.waive_answers sales.change_order"),
            ("mail_answers_link", "sales.change_order"),
            ("cancel", "sales.change_order"),
            ("pay_back", "sales.change_order sales.change_refund"),
            ("withdrawal_settled", "sales.change_order"),
            ("end_network", "sales.change_order"),
            ("resend_mail", "sales.change_order"),
            ("receipt", "sales.view_order"),
            ("invoice", "sales.add_invoice"),
            ("withdraw_invoice", "sales.add_invoice"),
            ("mail_invoice", "sales.add_invoice"),
            ("archive", "sales.open_archivedpaper"),
            ("accepted_terms", "sales.view_order"),
        )
    ),
    "sales.ticket": Pages(buttons=(*ENTERED, ("take_back", "sales.change_order"))),
    "sales.issuedpass": Pages(buttons=ENTERED),
    "sales.customer": Pages(),
    "sales.payment": Pages(buttons=(("reverse", "sales.change_order"),)),
    "privacy.erasure": Pages(
        buttons=(
            ("copies_deleted", "privacy.manage_request"),
            ("extend", "privacy.manage_request"),
            ("refuse", "privacy.manage_request"),
        )
    ),
    "privacy.retentionrecord": Pages(),
    "exports.job": Pages(buttons=(("download", READ_ANSWERS), ("stop", "exports.change_job"))),
    "sales.bankfile": Pages(
        add=True, buttons=(("record_exact", "sales.change_bankentry sales.change_order"),)
    ),
    "sales.bankentry": Pages(
        buttons=(
            ("record", "sales.change_bankentry sales.change_order"),
            ("divide", "sales.change_bankentry sales.change_order"),
            ("assign", "sales.change_bankentry sales.change_order"),
            ("not_ours", "sales.change_bankentry"),
            ("done", "sales.change_bankentry"),
            ("reopen", "sales.change_bankentry"),
        )
    ),
    "sales.paymentdifference": Pages(
        buttons=(
            ("done", "sales.change_paymentdifference"),
            ("reopen", "sales.change_paymentdifference"),
        )
    ),
    "sales.refund": Pages(buttons=(("done", "sales.change_order sales.change_refund"),)),
    "accounts.user": Pages(
        add=True, platform=True, buttons=(("reset_second_factor", "accounts.change_user"),)
    ),
    "auth.group": Pages(platform=True),
}
# Pages of the platform's administrator, whose subject are codes.
ABOUT_CODES = {"auth.group", "contacts.linktype"}
# Back-office pages without a model; tests below check them.
SITE = {
    "admin:privacy_erasure_person",
    "admin:catalogue_event_simple",
    "admin:sales_export_customers",
    "admin:sales_export_accounting",
    "admin:sales_counter",
    "admin:sales_takings",
    "admin:sales_figures",
    "admin:sales_counter_details",
    "admin:index",
    "admin:login",
    "admin:logout",
    "admin:app_list",
    "admin:autocomplete",
    "admin:jsi18n",
}


def admin_names(model: str, pages: Pages) -> set[str]:
    name = f"admin:{model.replace('.', '_')}"
    kinds = [
        "changelist",
        "add",
        "change",
        "delete",
        "history",
        *(button for button, _needed in pages.buttons),
    ]
    return {f"{name}_{kind}" for kind in kinds}


def routes() -> Iterator[str]:
    """Return the name of every route. A route without a name must be one of Django's catch-alls."""

    def walk(patterns, namespace="", place=""):
        for pattern in patterns:
            here = place + str(pattern.pattern)
            if not isinstance(pattern, URLPattern):
                yield from walk(
                    pattern.url_patterns, f"{pattern.namespace}:" if pattern.namespace else namespace, here
                )
            elif pattern.name:
                yield f"{namespace}{pattern.name}"
            else:
                known = here == "admin/(?P<url>.*)$" or re.fullmatch(r"admin/\w+/\w+/<path:object_id>/", here)
                assert known, f"{here} has no name"

    return walk(get_resolver().url_patterns)


def test_each_route_has_a_row_and_each_row_a_route():
    rows = set(ROWS) | SITE
    for model, pages in ADMIN.items():
        rows |= admin_names(model, pages)
    found = set(routes())
    assert found - rows == set(), (
        "add a row to ROWS (for a page of the back office to ADMIN): who may open it?"
    )
    assert rows - found == set(), "there are no such routes"


# --- visitors -------------------------------------------------------------------------------------------


def test_posts_of_guests_and_visitors_get_the_expected_status(world):
    """``test_pages.py`` opens these pages."""
    people = (None, world.aye.visitor)
    sent = [
        (name, user, status)
        for name, row in ROWS.items()
        for user, status in zip(people, row.post, strict=True)
    ]
    found = []
    for name, user, _status in sent:
        url = reverse(name, kwargs=ROWS[name].args(world.aye))
        with transaction.atomic():
            found.append((name, user, browser(user).post(url).status_code))
            transaction.set_rollback(True)
    assert found == sent


def assert_private(page) -> None:
    """Check that only pictures and unchanging files may be stored by shared caches."""
    kept = page.headers["Cache-Control"]
    if "immutable" not in kept:
        assert "private" in kept
        assert "no-store" in kept


def test_shared_page_of_a_logged_in_user_is_private(world):
    url = f"/{world.aye.pos.slug}/"
    client = browser(world.aye.visitor)
    page = client.get(url)
    assert world.aye.visitor.email in page.content.decode()
    assert world.aye.visitor.email not in browser().get(url).content.decode()
    assert_private(page)


# --- rows of others -------------------------------------------------------------------------


def bare(page, url: str) -> str:
    """Return the page without its tokens and without its own URL."""
    text = page.content.decode(errors="replace")
    text = re.sub(r'(name="(?:csrfmiddlewaretoken|form_token)" value=")[^"]*', r"\1", text)
    for spelling in (escape(url), quote(url), quote(url, safe="")):
        text = text.replace(spelling, "HERE")
    return text


def assert_same_refusal(
    client: Client, foreign: str, missing: str, method: str = "GET", statuses: Set[int] = frozenset({404})
) -> None:
    """Check both responses: one of ``statuses`` (or 403 for a form that may only be seen), with the same bytes, headers and number
    of queries.
    """
    seen = []
    for url in (foreign, missing):
        with CaptureQueriesContext(connection) as queries:
            page = client.generic(method, url)
        headers = {name: value for name, value in page.headers.items() if name != "Content-Length"}
        seen.append((page.status_code, bare(page, url), headers, len(queries)))
    assert seen[0][0] in statuses or (method == "POST" and seen[0][0] == 403), f"{method} {foreign}"
    assert seen[0] == seen[1], f"{method} {foreign}"


def foreign_visits(world: World) -> Iterator[tuple[str, dict, dict]]:
    """Return routes with arguments of a foreign row, and the same with a missing row."""
    aye, bee = shop(world.aye), shop(world.bee)
    yield "shop:event", {**aye, "slug": world.bee.event.slug}, {**aye, "slug": "none-such"}
    yield "shop:pass", {**aye, "slug": world.bee.season_pass.slug}, {**aye, "slug": "none-such"}
    for name in (
        "shop:order", "shop:tickets_pdf", "shop:tickets_page", "shop:calendar", "shop:order_cancel", "shop:answers", "shop:names",
        "shop:qr_bill_code", "shop:qr_bill_pdf",
        "shop:receipt", "shop:receipt_pdf", "shop:accepted_terms", "shop:invoice", "shop:invoice_send",
    ):  # fmt: skip
        order, other = world.aye.order, world.bee.order
        wrong = {**aye, "reference": "AAAA-AAAA", "secret": "x" * 22}
        yield name, {**aye, "reference": order.reference, "secret": other.secret}, wrong
        yield name, {**aye, "reference": other.reference, "secret": other.secret}, wrong
        yield (
            name,
            {**bee, "reference": order.reference, "secret": order.secret},
            {**bee, **wrong, "pos": world.bee.pos.slug},
        )
    for name in ROWS:
        if ROWS[name].args is friend:
            nothing = {**aye, "link_id": NOWHERE}
            yield name, {**aye, "link_id": world.second_link.pk}, nothing
            yield name, {**aye, "link_id": world.bee.link.pk}, nothing


def test_row_of_another_person_gives_the_same_response_as_a_missing_one(world):
    client, checked = browser(world.aye.visitor), 0
    for name, foreign, missing in foreign_visits(world):
        for method, allowed in (("GET", ROWS[name].get[1]), ("POST", ROWS[name].post[1])):
            if allowed != 405:
                assert_same_refusal(
                    client, reverse(name, kwargs=foreign), reverse(name, kwargs=missing), method
                )
                checked += 1
    assert checked >= 30


def test_part_of_a_secret_opens_nothing(world):
    url = reverse("shop:order", kwargs=of_order(world.aye))
    assert browser().get(url).status_code == 200
    secret = world.aye.order.secret
    for wrong in (secret[:-1], secret + "x", secret.swapcase(), "-"):
        page = reverse("shop:order", kwargs={**of_order(world.aye), "secret": wrong})
        assert browser().get(page).status_code == 404


# --- the back office ------------------------------------------------------------------------------------------


def address(model: str, kind: str, pk=None) -> str:
    return reverse(f"admin:{model.replace('.', '_')}_{kind}", args=[] if pk is None else [pk])


def may(model: str, *verbs: str) -> set[str]:
    room, name = model.split(".")
    return {f"{room}.{verb}_{name}" for verb in verbs}


def admin_pages(house: House, model: str, pages: Pages) -> Iterator[tuple[str, set[str], set[str]]]:
    """Return (URL, permissions that open it, permissions without which it is refused) for each page of a model."""
    pk = house.row(model).pk
    see = may(model, "view")
    either = may(model, "view", "change")
    yield address(model, "changelist"), see, either
    yield address(model, "change", pk), see, either
    yield address(model, "history", pk), see | {"history.view_event"}, {"history.view_event"}
    if pages.add:
        yield address(model, "add"), may(model, "add"), may(model, "add")
    if pages.delete:
        yield address(model, "delete", pk), see | may(model, "delete"), may(model, "delete")
    for button, needed in pages.buttons:
        yield address(model, button, pk), see | set(needed.split()), set(needed.split())


TENANTS = {model: pages for model, pages in ADMIN.items() if not pages.platform}


@pytest.fixture
def undrawn_refusals(monkeypatch) -> None:
    """Hundreds of refusals are asked for, of which only the status is looked at."""
    undrawn(monkeypatch)


def undrawn(monkeypatch) -> None:
    """Answer 403 and 404 with the text of the error instead of the page."""
    for status in (403, 404):
        monkeypatch.setattr(urls, f"handler{status}", partial(refusal, status=status))


def refusal(_request, exception=None, *, status: int) -> HttpResponse:
    return HttpResponse(f"{type(exception).__name__} {exception}", status=status)


@pytest.mark.parametrize("model", TENANTS)
def test_each_permission_opens_only_its_pages(model, world, undrawn_refusals):
    """The page of a button that can't be pressed now leads to the row's page with a message; ``tests/office/test_buttons.py`` reads it there.

    Of two pages one sends a guest to the log-in and the other a visitor, and of two buttons one is opened without the permission
    and the other sent; with ``make soak`` each page refuses all.
    """
    limited, boss = world.aye.limited, world.aye.boss
    sole, without = browser(limited), browser(boss)
    strangers, ways = itertools.cycle([None, world.aye.visitor]), itertools.cycle([without.get, without.post])
    row_page = address(model, "change", world.aye.row(model).pk)
    buttons = {name.replace("_", "-") for name, _needed in TENANTS[model].buttons}
    opened = set()
    for url, enough, needed in admin_pages(world.aye, model, TENANTS[model]):
        permit(limited, enough)
        page = sole.get(url)
        if page.status_code == 302:
            assert url.split("/")[-2] in buttons
            assert page.headers["Location"] == row_page
            assert row_page in opened
            *_earlier, message = get_messages(page.wsgi_request)
            assert "is not possible now." in str(message), url
        else:
            assert page.status_code == 200, f"{url} with {enough}"
            opened.add(url)
            assert_private(page)
            assert codes_in(page) == [], url
        is_button = url.split("/")[-2] in buttons
        assert_refused(boss, needed, url, [next(ways)] if is_button else [without.get, without.post])
        assert_log_in_first(next(strangers), url)


@pytest.mark.soak
@pytest.mark.parametrize("model", TENANTS)
def test_no_page_opens_for_a_guest_or_a_visitor_or_without_its_permission(model, world, undrawn_refusals):
    without = browser(world.aye.boss)
    for url, _enough, needed in admin_pages(world.aye, model, TENANTS[model]):
        assert_log_in_first(None, url)
        assert_log_in_first(world.aye.visitor, url)
        assert_refused(world.aye.boss, needed, url, [without.get, without.post])


def assert_refused(boss: User, needed: Set[str], url: str, ways: list[Callable]) -> None:
    """Check that a page is refused to staff without the needed permissions, opened or sent in these ways."""
    with withdrawn(boss, needed):
        refusals = {way(url).status_code for way in ways}
    # Without the right to see the row at all it is not there.
    assert refusals <= {403, 404}, f"{url} without {needed}"


def assert_log_in_first(user: User | None, url: str) -> None:
    """Check that this guest or visitor is sent to the log-in, from a page and a posted form."""
    client, log_in = browser(user), "admin" if user else "accounts"
    assert client.get(url).headers["Location"] == f"/{log_in}/login/?next={quote(url)}"
    assert client.post(url).status_code == 302


@pytest.mark.parametrize("model", TENANTS)
def test_no_permission_opens_deleting_and_adding_by_hand(model, world, undrawn_refusals):
    """Django's delete, and adding rows that only functions create, are closed to everyone."""
    pages, pk = TENANTS[model], world.aye.row(model).pk
    clients = [browser(world.aye.boss), browser(world.admin)]
    closed = [] if pages.add else [address(model, "add")]
    closed += [] if pages.delete else [address(model, "delete", pk)]
    for url in closed:
        for client in clients:
            assert client.get(url).status_code == 403, url
            assert client.post(url, {"post": "yes"}).status_code == 403, url
    permit(world.aye.limited, may(model, "view"))
    assert browser(world.aye.limited).post(address(model, "change", pk)).status_code == 403


DJANGOS = ["change", "history", "delete"]


@pytest.mark.parametrize("model", TENANTS)
def test_row_of_another_organiser_gives_404(model, world, monkeypatch):
    """The same pages of an own row open in ``test_each_permission_opens_only_its_pages``.

    A button is opened or sent, the next one the other way, because all buttons get their row in the same function; with
    ``make soak`` each is opened and sent.
    """
    methods = itertools.cycle(["GET", "POST"])
    buttons = [(button, next(methods)) for button, _needed in TENANTS[model].buttons]
    assert_hidden(model, [*itertools.product(DJANGOS, ["GET", "POST"]), *buttons], world, monkeypatch)


@pytest.mark.soak
@pytest.mark.parametrize("model", TENANTS)
def test_row_of_another_organiser_gives_404_to_every_request(model, world, monkeypatch):
    buttons = [button for button, _needed in TENANTS[model].buttons]
    assert_hidden(model, itertools.product([*DJANGOS, *buttons], ["GET", "POST"]), world, monkeypatch)


def assert_hidden(model: str, requests: Iterable[tuple[str, str]], world: World, monkeypatch) -> None:
    """Check that a row of another organiser is answered like a missing one. ``requests`` are ends of URLs with methods.

    Of every fifth model the first error page is rendered, the same for all; of the others status and message are compared.
    """
    boss = browser(world.aye.boss)
    foreign = world.bee.row(model).pk
    if [*TENANTS].index(model) % 5:
        undrawn(monkeypatch)
    boss.get(address(model, "change", NOWHERE))  # the session knows of the click
    for kind, method in requests:
        closed = kind == "delete" and not TENANTS[model].delete
        pair = address(model, kind, foreign), address(model, kind, NOWHERE)
        assert_same_refusal(boss, *pair, method, statuses={403, 404} if closed else {404})
        undrawn(monkeypatch)


@pytest.mark.parametrize("model", [model for model in ADMIN if ADMIN[model].platform])
def test_pages_of_the_platform_are_for_the_administrator(model, world):
    assert browser(world.admin).get(address(model, "changelist")).status_code == 200
    for user in (world.aye.owner, world.mixed):
        assert browser(user).get(address(model, "changelist")).status_code == 403
        assert browser(user).get(address(model, "add")).status_code == 403
        pk = world.aye.visitor.pk if model == "accounts.user" else world.aye.membership.role_id
        assert browser(user).get(address(model, "change", pk)).status_code in {403, 404}


def test_pages_of_the_site_itself(world):
    guest, visitor, owner = browser(), browser(world.aye.visitor), browser(world.aye.owner)
    expected = {
        "/admin/": (302, 302, 200),
        "/admin/login/": (302, 403, 302),
        "/admin/logout/": (302, 302, 405),
        "/admin/jsi18n/": (302, 302, 200),
        "/admin/sales/": (302, 302, 302),
        "/admin/auth/": (302, 302, 404),
        "/admin/autocomplete/": (302, 302, 403),
        "/admin/sales/customer/export/": (302, 302, 200),
        f"/admin/privacy/erasure/person/{world.aye.erasure.contact_id}/": (302, 302, 200),
        f"/admin/privacy/erasure/person/{world.bee.erasure.contact_id}/": (302, 302, 404),
        f"/admin/privacy/erasure/person/{NOWHERE}/": (302, 302, 404),
        "/admin/none-such/": (302, 302, 404),
    }
    for url, statuses in expected.items():
        assert tuple(client.get(url).status_code for client in (guest, visitor, owner)) == statuses, url


def test_staff_of_two_organisers_have_the_rights_of_each_role_there(world):
    """Owner of one organiser, box office of the other."""
    mixed = browser(world.mixed)
    for model in ("sales.order", "contacts.contact", "catalogue.event", "sales.ticket"):
        page = mixed.get(address(model, "changelist")).content.decode()
        for house in (world.aye, world.bee):
            assert f"/{house.row(model).pk}/change/" in page, model
    # What only an owner sees, of the one house alone.
    for model in ("organisers.pointofsale", "mail.mail", "history.event", "organisers.organiser"):
        assert mixed.get(address(model, "change", world.aye.row(model).pk)).status_code == 200
        assert_same_refusal(
            mixed, address(model, "change", world.bee.row(model).pk), address(model, "change", NOWHERE)
        )
        assert world.bee.word not in mixed.get(address(model, "changelist")).content.decode()
    # A box office looks at events, and changes none.
    assert mixed.get(address("catalogue.event", "change", world.bee.event.pk)).status_code == 200
    assert mixed.post(address("catalogue.event", "change", world.bee.event.pk)).status_code == 403
    assert mixed.post(address("catalogue.event", "change", world.aye.event.pk)).status_code == 200


# --- what pages show: test_pages.py; the back office's lists, choices and actions: tests/office/test_scoped_admin.py

# --- objects swapped inside forms ---------------------------------------------------------------------------------


def test_offer_of_another_shop_is_not_added_to_a_cart(world):
    client = browser(world.aye.visitor)
    url = reverse("shop:cart_add", kwargs=shop(world.aye))
    for name, pk in (("offer", world.bee.offer.pk), ("pass", world.bee.season_pass.pk)):
        client.post(url, {f"{name}-{pk}": "1"})
        assert b"line-" not in client.get(reverse("shop:cart", kwargs=shop(world.aye))).content
    client.post(url, {f"offer-{world.aye.offer.pk}": "1"})
    assert b"line-" in client.get(reverse("shop:cart", kwargs=shop(world.aye))).content


def test_lines_of_another_cart_cannot_be_changed(world):
    client = browser(world.aye.visitor)
    client.post(reverse("shop:cart_add", kwargs=shop(world.aye)), {f"offer-{world.aye.offer.pk}": "1"})
    theirs = world.aye.cart.lines.get()
    client.post(
        reverse("shop:cart_update", kwargs=shop(world.aye)),
        {f"line-{theirs.pk}": "5", "remove": str(theirs.pk)},
    )
    theirs.refresh_from_db()
    assert theirs.quantity == 2


# --- withdrawal --------------------------------------------------------------------------------------------------


def test_withdrawn_permission_refuses_the_next_request(world):
    client = browser(world.mixed)
    order = address("sales.order", "change", world.bee.order.pk)
    assert client.get(order).status_code == 200
    StaffMembership.objects.filter(user=world.mixed, organiser=world.bee.organiser).delete()
    assert client.get(order).status_code == 404
    assert client.get(address("sales.order", "change", world.aye.order.pk)).status_code == 200
    StaffMembership.objects.filter(user=world.mixed).delete()
    assert not permissions.is_staff(type(world.mixed).objects.get(pk=world.mixed.pk))
    assert client.get(address("sales.order", "changelist"), follow=True).status_code == 403


def test_changed_role_takes_effect_at_once(world):
    client = browser(world.aye.owner)
    assert client.get(address("organisers.pointofsale", "changelist")).status_code == 200
    role = StaffMembership.objects.get(user=world.mixed, organiser=world.bee.organiser).role
    StaffMembership.objects.filter(user=world.aye.owner).update(role=role)
    assert client.get(address("organisers.pointofsale", "changelist")).status_code == 403
    assert client.get(address("sales.order", "changelist")).status_code == 200


def test_removed_friend_is_missing_on_the_next_page(world):
    client = browser(world.aye.visitor)
    page = reverse("account:friends_person", kwargs=friend(world.aye))
    assert "Ayesidebert" in client.get(page).content.decode()
    client.post(reverse("account:friends_remove", kwargs=friend(world.aye)))
    assert world.aye.link not in links.of_parent(world.aye.contact)
    assert "<h1>" in client.get(reverse("account:friends", kwargs=shop(world.aye))).content.decode()
