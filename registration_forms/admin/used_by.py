"""Where a form is asked: read off the relations, since the rooms above are not known here."""

from django.db.models import Count, Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ticketshop.office.sections import Section, link

from ..models import RegistrationForm

# The name of the button that opens the page where this is chosen. A room above offers it.
ASSIGN = "assign"
# The name of the button that asks the buyers of what was sold before; offered by a room above, where there are some.
SOLD_BEFORE = "sold-before"
RELATIONS = ("tariffs", "season_passes", "season_passes_adding", "order_forms")


def counts(form_ids: list[int]) -> dict[int, dict[str, int]]:
    """Form id -> how many tariffs, events, passes, shops and answers; one query."""
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
    """Form id -> how often it was answered, without cancelled orders: as the list of answers counts; one query."""
    rows = RegistrationForm.objects.filter(pk__in=form_ids).order_by()
    alive = Count("responses", filter=Q(responses__void=False))
    return dict(rows.annotate(count=alive).values_list("pk", "count"))


def text(row: dict[str, int]) -> str:
    """“2 tariffs, 1 event”."""
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
    return ngettext("%(count)d answer", "%(count)d answers", number) % {"count": number}


def is_used(form: RegistrationForm) -> bool:
    return any(getattr(form, name).exists() for name in RELATIONS)


def section(form: RegistrationForm) -> Section:
    """Every event, tariff, pass and point of sale that asks the form, with links."""
    rows = [
        [tariff._meta.verbose_name, link(tariff, tariff.name), link(tariff.event, tariff.event.title)]
        for tariff in form.tariffs.select_related("event").order_by("pk")
    ]
    for name in ("season_passes", "season_passes_adding"):
        rows += [
            [one._meta.verbose_name, link(one, one.name), ""] for one in getattr(form, name).order_by("pk")
        ]
    for one in form.order_forms.select_related("point_of_sale", "event").order_by("pk"):
        place = one.point_of_sale or one.event
        rows.append([place._meta.verbose_name, link(place, place), ""])
    used = counts([form.pk])[form.pk]
    note = ", ".join(one for one in (text(used), answers_text(answers([form.pk])[form.pk])) if one)
    return Section(_("Used by"), [_("kind"), _("name"), _("event")], rows, note)
