"""Back office: what is sold, to whom, and how each point of sale is set up."""

from . import (  # noqa: F401
    admissions,
    assigning,
    consulting,
    customers,
    date_changes,
    door,
    exports,
    orders,
    payments,
    points_of_sale,
    time_zones,
    unanswered,
)
