"""Pages about one date: cancelling it, and what is written to its visitors."""
