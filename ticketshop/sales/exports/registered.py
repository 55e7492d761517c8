"""The kinds of export about sales, in the order in which they are offered."""

from ticketshop.exports import kinds

from .accounting import Accounting
from .customers import Customers
from .filters import ScopedKind
from .long import Long
from .orders import Orders
from .participants import Participants
from .passes import Passes

ALL: list[ScopedKind] = [Participants(), Customers(), Passes(), Orders(), Long()]
ACCOUNTING = Accounting()
for kind in (*ALL, ACCOUNTING):
    kinds.register(kind)
