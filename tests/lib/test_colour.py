"""Themes from any brand colour are readable in both schemes."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketshop.lib import colour

SHOP_CSS = Path(colour.__file__).parents[1] / "static" / "shop" / "shop.css"
any_colour = st.integers(0, 0xFFFFFF).map("#{:06x}".format)


@given(any_colour)
def test_every_brand_colour_gives_readable_text_in_both_schemes(brand):
    for scheme, made in colour.theme(brand).items():
        ground = colour.GROUNDS[scheme]
        for surface in (ground["paper"], ground["card"]):
            assert colour.contrast(made["accent"], surface) >= 7
            assert colour.contrast(made["accent-edge"], surface) >= 3
        assert colour.contrast(made["accent"], made["accent-soft"]) >= 4.5
        assert colour.contrast(ground["ink"], made["accent-soft"]) >= 7
        for surface in (made["accent-fill"], made["accent-hover"]):
            assert colour.contrast(made["on-accent"], surface) >= 4.5


@given(any_colour)
def test_a_colour_survives_the_way_to_oklch_and_back(brand):
    back = colour.from_oklch(colour.to_oklch(brand))
    assert all(abs(a - b) <= 1 for a, b in zip(colour.parse(brand), colour.parse(back), strict=True))


@pytest.mark.parametrize("brand", ["#0b5c6b", "#7a1f3d", "#3d2c8d"])
def test_a_colour_that_already_carries_white_text_is_kept_for_buttons(brand):
    kept = colour.theme(brand)["light"]["accent-fill"]
    assert all(abs(a - b) <= 1 for a, b in zip(colour.parse(brand), colour.parse(kept), strict=True))


def test_a_dark_brand_becomes_a_light_button_on_a_dark_page():
    made = colour.theme("#0d1b2a")["dark"]
    assert colour.contrast(made["accent-fill"], colour.GROUNDS["dark"]["paper"]) >= 3


def test_contrast_as_wcag_states_it():
    assert colour.contrast("#000", "#fff") == 21
    assert round(colour.contrast("#767676", "#ffffff"), 2) == 4.54


@pytest.mark.parametrize("text", ["", "red", "#12", "#12345g", "#1234567", "rgb(0,0,0)", "#fff;}"])
def test_what_is_no_colour_is_refused_with_a_sentence(text):
    with pytest.raises(ValueError, match="Write it as #"):
        colour.parse(text)


def test_the_stylesheet_names_each_property_once_per_scheme_and_nothing_else():
    text = colour.stylesheet("#0b5c6b")
    assert text.count("--accent:") == text.count("--on-accent:") == 2
    assert re.fullmatch(r"[\s\w:;#{}()@-]+", text)
    assert colour.fingerprint("#0b5c6b") != colour.fingerprint("#7a1f3d")


def test_the_grounds_are_those_of_the_stylesheet():
    light, dark = SHOP_CSS.read_text(encoding="utf-8").split("prefers-color-scheme: dark", 1)
    for scheme, text in (("light", light), ("dark", dark)):
        for name, value in colour.GROUNDS[scheme].items():
            assert f"--{name}: {value};" in text
