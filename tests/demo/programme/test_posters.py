"""Posters are small, reproducible and different from each other."""

import io

import pytest
from PIL import Image

from ticketshop.demo.programme import poster_canvas, posters


@pytest.mark.parametrize("kind", posters.KINDS)
def test_poster_is_reproducible_small_and_of_the_given_size(kind):
    palette = poster_canvas.PALETTES["sea"][0]
    small = posters.poster("Seeklang", kind, palette, 160)
    assert small == posters.poster("Seeklang", kind, palette, 160)
    made = posters.poster("Seeklang", kind, palette, 640)
    assert Image.open(io.BytesIO(made)).size == (640, 426)
    assert len(made) < 14_000


def test_seed_kind_and_palette_change_the_poster():
    one, other = poster_canvas.PALETTES["lake"][:2]
    made = {
        posters.poster("a", "play", one, 160),
        posters.poster("b", "play", one, 160),
        posters.poster("a", "dance", one, 160),
        posters.poster("a", "play", other, 160),
    }
    assert len(made) == 4
