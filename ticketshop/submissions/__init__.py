"""Forms that were posted after the log-in had ended: saved for an hour, and shown again after the log-in."""
