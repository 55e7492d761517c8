"""Read the privacy declarations of all models, check them, and derive queries and texts from them."""
