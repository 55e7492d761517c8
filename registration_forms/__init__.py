"""Forms of organisers: definitions, published versions, answers. Contains nothing about tickets or orders."""
