"""Back office: what is sold, to whom, and how each point of sale is set up."""

from . import admissions, assigning, consulting, customers, exports, orders, payments, points_of_sale  # noqa: F401
