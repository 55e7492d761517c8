"""What organisers ask for: form definitions, published versions, answers. Knows forms, not what a ticket is."""
