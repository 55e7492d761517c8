"""A formset in pages, since a single request may not contain all rows."""

from ticketshop.lib.forms.formsets import BoundedFormSet

from .pages import page_number


class PagedFormSet(BoundedFormSet):
    """Shows ``per_page`` rows; new ones can be added on the last page. A posted form contains the ids of its rows.

    parameter: the query parameter with the number of the page.
    title: label of the navigation between pages.
    range_text: label of one page, such as "Choices %(first)s to %(last)s of %(count)s".
    """

    per_page = 50
    parameter = ""
    title = ""
    range_text = ""

    def __init__(self, *args, page: str = "", queryset=None, **kwargs):
        super().__init__(*args, **kwargs, queryset=queryset)  # type: ignore[misc]
        self.ids = self.order()
        self.last = max(1, -(-len(self.ids) // self.per_page))
        self.number = page_number(page, self.last) if page else self.first_shown()
        if not self.is_bound:
            start = (self.number - 1) * self.per_page
            self.queryset = self.queryset.filter(pk__in=self.ids[start : start + self.per_page])
            self.extra = self.extra if self.number == self.last else 0

    def order(self) -> list[int]:
        """Return the ids of all rows, in their order."""
        return list(self.get_queryset().values_list("pk", flat=True)) if self.instance.pk else []

    def first_shown(self) -> int:
        """Return the number of the page that is shown by default."""
        return 1

    @property
    def pages(self) -> list[dict]:
        """The pages for the navigation, each with number, first, last, count, current and text; empty if there is only one."""
        if self.last == 1:
            return []
        return [self._page(number) for number in range(1, self.last + 1)]

    def _page(self, number: int) -> dict:
        rows = {
            "first": (number - 1) * self.per_page + 1,
            "last": min(number * self.per_page, len(self.ids)),
            "count": len(self.ids),
        }
        return {**rows, "number": number, "current": number == self.number, "text": self.range_text % rows}
