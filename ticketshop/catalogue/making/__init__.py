"""Several rows of the catalogue made at once: an event on one page, copies of events and passes, dates by weekday."""
