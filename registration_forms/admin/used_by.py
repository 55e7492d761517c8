"""The places that ask a form. Read through reverse relations, because this package must not import the packages that use forms."""

from django.db.models import Count, Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ticketshop.office.sections import Section, link

from ..models import RegistrationForm

# Name of the button for the page that sets where the form is asked; ``sales`` adds the button.
ASSIGN = "assign"
# Name of the button that asks buyers of tickets sold before; ``sales`` adds it if there are some.
SOLD_BEFORE = "sold-before"
RELATIONS = ("tariffs", "season_passes", "season_passes_adding", "order_forms")


def counts(form_ids: list[int]) -> dict[int, dict[str, int]]:
    """Return form id -> number of tariffs, events, passes and order forms that use it; one query."""
    rows = (
        RegistrationForm.objects.filter(pk__in=form_ids)
        .order_by()
        .annotate(
            tariff_count=Count("tariffs", distinct=True),
            event_count=Count("tariffs__event", distinct=True),
            pass_count=Count("season_passes", distinct=True),
            added_count=Count("season_passes_adding", distinct=True),
            order_form_count=Count("order_forms", distinct=True),
        )
        .values("pk", "tariff_count", "event_count", "pass_count", "added_count", "order_form_count")
    )
    return {row["pk"]: row for row in rows}


def answers(form_ids: list[int]) -> dict[int, int]:
    """Return form id -> number of answered forms without cancelled orders, as in the list of answers; one query."""
    rows = RegistrationForm.objects.filter(pk__in=form_ids).order_by()
    alive = Count("responses", filter=Q(responses__void=False))
    return dict(rows.annotate(count=alive).values_list("pk", "count"))


def text(row: dict[str, int]) -> str:
    """Return the counts as text: “2 tariffs, 1 event”."""
    passes = row["pass_count"] + row["added_count"]
    texts = [
        (row["tariff_count"], ngettext("%(count)d tariff", "%(count)d tariffs", row["tariff_count"])),
        (row["event_count"], ngettext("%(count)d event", "%(count)d events", row["event_count"])),
        (passes, ngettext("%(count)d pass", "%(count)d passes", passes)),
        (
            row["order_form_count"],
            ngettext("%(count)d order form", "%(count)d order forms", row["order_form_count"]),
        ),
    ]
    return ", ".join(words % {"count": number} for number, words in texts if number)


def answers_text(number: int) -> str:
    """Return the number of answers as text."""
    return ngettext("%(count)d answer", "%(count)d answers", number) % {"count": number}


def is_used(form: RegistrationForm) -> bool:
    """Return whether a tariff, a pass or an order form uses the form."""
    return any(getattr(form, name).exists() for name in RELATIONS)


def section(form: RegistrationForm) -> Section:
    """Return the table of events, tariffs, passes and points of sale that ask the form, with links."""
    rows = [
        [tariff._meta.verbose_name, link(tariff, tariff.name), link(tariff.event, tariff.event.title)]
        for tariff in form.tariffs.select_related("event").order_by("pk")
    ]
    for name in ("season_passes", "season_passes_adding"):
        rows += [
            [season_pass._meta.verbose_name, link(season_pass, season_pass.name), ""]
            for season_pass in getattr(form, name).order_by("pk")
        ]
    for order_form in form.order_forms.select_related("point_of_sale", "event").order_by("pk"):
        place = order_form.point_of_sale or order_form.event
        rows.append([place._meta.verbose_name, link(place, place), ""])
    used = counts([form.pk])[form.pk]
    note = ", ".join(part for part in (text(used), answers_text(answers([form.pk])[form.pk])) if part)
    return Section(_("Used by"), [_("kind"), _("name"), _("event")], rows, note)
