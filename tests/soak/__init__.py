"""The long tests of ``make soak``. Each also runs once, small, with the other tests."""

import os

# Factor for the length of ``make soak``: ten takes about twenty minutes.
ROUNDS = int(os.environ.get("SOAK_ROUNDS", "10"))
