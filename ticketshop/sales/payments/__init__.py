"""Payments and refunds of orders. ``methods`` contains one file per payment method."""
