"""Withdrawal from contracts without a fixed date: Directive (EU) 2023/2673, article 11a of Directive 2011/83/EU."""
