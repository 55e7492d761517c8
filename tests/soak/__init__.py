"""The long proofs of ``make soak``, and each of them once, small, for every run of the tests."""

import os

# How long ``make soak`` goes on: ten is about twenty minutes.
ROUNDS = int(os.environ.get("SOAK_ROUNDS", "10"))
