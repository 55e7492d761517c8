"""The buyer's details, review and payment: forms and pages."""
