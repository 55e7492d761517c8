"""Back office: what is sold, to whom, and how each point of sale is set up."""

from . import (  # noqa: F401
    admissions,
    answer_search,
    customers,
    date_changes,
    door,
    exports,
    form_assignment,
    missing_answers,
    orders,
    payments,
    points_of_sale,
    time_zones,
)
