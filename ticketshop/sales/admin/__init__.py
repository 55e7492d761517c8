"""Back office: what is sold, to whom, and how each point of sale is set up."""

from . import (  # noqa: F401
    admissions,
    customers,
    date_changes,
    door,
    exports,
    orders,
    points_of_sale,
    time_zones,
)
from .bank import entries, files  # noqa: F401
from .dates import cancelling, messages  # noqa: F401
from .form_pages import answer_search, form_assignment, missing_answers  # noqa: F401
from .money import differences, payments  # noqa: F401
from .opening import basics, page  # noqa: F401
from .papers import order_papers  # noqa: F401
