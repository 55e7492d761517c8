"""Back office: bank files read in by staff, and the payments in them."""
