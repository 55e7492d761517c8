"""Days, instants and their formats, in the time zone of an organiser."""
