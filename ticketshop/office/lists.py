"""Lists of the back office: pages without counting the rows, and filters limited to the own organisers."""

from collections.abc import Callable

from django.contrib.admin.filters import RelatedFieldListFilter
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.templatetags.admin_list import result_headers
from django.contrib.admin.utils import quote
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.safestring import SafeString
from django.utils.text import capfirst

from ticketshop.organisers import permissions

from . import list_cells

LAST_PAGE = 10_000


class PageList(ChangeList):
    """A change list that reads one row more than a page holds, to know whether there is a next page. It never counts rows."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if not self.is_popup:
            self.title = capfirst(self.opts.verbose_name_plural)

    @property
    def headers(self) -> list[dict]:
        """Return Django's headers of the columns."""
        return list(result_headers(self))

    @property
    def cells(self) -> SafeString:
        """Return the rows as HTML."""
        return list_cells.html_of(self)

    def url_for_result(self, result):
        """Return the URL of the row's page, with the filters of the list, so that saving leads back to them."""
        return self._row_url(quote(result.pk))

    @cached_property
    def _row_url(self) -> Callable[[object], str]:
        filters = f"?{self.preserved_filters}" if self.preserved_filters else ""
        return urls_of_rows(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", filters)

    def get_queryset(self, request, exclude_parameters=None):
        """Return the rows with the related ones that the page names in ``list_select_related``, instead of those of a row's own page.

        A list of tickets joins seven tables instead of ten, which PostgreSQL would plan for longer than it reads them.
        """
        rows = super().get_queryset(request, exclude_parameters)
        if isinstance(self.list_select_related, list | tuple) and self.list_select_related:
            return rows.select_related(None).select_related(*self.list_select_related)
        return rows

    def get_results(self, request):
        # PostgreSQL refuses a query with a NUL character.
        if any("\x00" in value for values in request.GET.lists() for value in values[1]):
            raise IncorrectLookupParameters
        self.page_num = min(max(self.page_num, 1), LAST_PAGE)
        start = (self.page_num - 1) * self.list_per_page
        rows = list(self.queryset[start : start + self.list_per_page + 1])
        self.has_previous, self.has_next = self.page_num > 1, len(rows) > self.list_per_page
        self.result_list = rows[: self.list_per_page]
        # Django's templates read these; they count the rows of this page only.
        self.result_count = self.full_result_count = len(self.result_list)
        self.show_full_result_count = self.can_show_all = self.multi_page = False
        self.show_admin_actions = bool(self.result_list)
        self.paginator = UncountedPaginator(self.queryset, self.list_per_page)

    @property
    def previous_page(self) -> str:
        """Return the query string of the previous page."""
        return self.get_query_string({"p": self.page_num - 1})

    @property
    def next_page(self) -> str:
        """Return the query string of the next page."""
        return self.get_query_string({"p": self.page_num + 1})


def urls_of_rows(name: str, ending: str = "") -> Callable[[object], str]:
    """Return a function that returns the URL named ``name`` of the row with a primary key, with ``ending`` behind it.

    Its parts are looked up once: for each row of a list that would take a tenth of the list's CPU time.
    """
    before, _key, after = reverse(name, args=[0]).rpartition("0")
    return lambda key: f"{before}{key}{after}{ending}"


class UncountedPaginator(Paginator):
    """Django's paginator for autocomplete, without a count. A full page is taken to have a next one."""

    @cached_property
    def count(self):
        return LAST_PAGE * self.per_page

    def page(self, number):
        number = min(self.validate_number(number), LAST_PAGE)
        start = (number - 1) * self.per_page
        rows = list(self.object_list[start : start + self.per_page + 1])
        page = self._get_page(rows[: self.per_page], number, self)
        page.has_next = lambda: len(rows) > self.per_page
        return page


class OwnRowsFilter(RelatedFieldListFilter):
    """A filter by a related row. Offers only rows of the organisers whose rows the user may see."""

    def field_choices(self, field, request, model_admin):
        rows = permissions.within(
            field.remote_field.model._default_manager.all(), model_admin.allowed(request, "view", "change")
        )
        return [(row.pk, str(row)) for row in rows[:100]]
