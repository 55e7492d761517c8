"""Errors that the browser reports fail a test, also those of another tab."""

import pytest


def test_error_in_another_tab_fails_the_test(shop, browse):
    with pytest.raises(AssertionError, match="of the other tab"), browse() as page:
        page.goto(shop.home)
        other = page.context.new_page()
        other.goto(shop.home)
        other.evaluate("console.error('of the other tab')")
