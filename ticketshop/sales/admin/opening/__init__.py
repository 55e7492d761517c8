"""Opening a point of sale: what is still missing, the page *Ready to open?*, and the switch."""
