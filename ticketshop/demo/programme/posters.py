"""Posters for the demo's events: geometry only, drawn from a seed, the same bytes every time.

They follow the printed posters of Swiss theatres: few flat colours, large shapes, nothing written on them (text is
HTML). Each kind is one composition; the seed varies its numbers, the palette its colours, so that a season looks
like one season and no two events look alike.
"""

import io
import math
import random
from collections.abc import Callable, Sequence

from PIL import Image

from .poster_canvas import SIZE, Canvas

_BYTES_PER_PIXEL = 16  # of width: 10 kB at 640


def spotlight(s: Canvas) -> None:
    """Cones of light meeting on a stage: plays."""
    floor = s.rng.uniform(1.5, 1.66)
    target = s.rng.uniform(1.15, 1.9)
    s.box(0, floor, 3, 2, s.three if s.three != s.light else s.dark)
    for lamp, share in ((s.rng.uniform(-0.2, 0.3), 0.16), (s.rng.uniform(2.7, 3.2), 0.3)):
        s.polygon(
            [(lamp, -0.1), (target - 0.62, floor + 0.12), (target + 0.62, floor + 0.12)],
            s.mix(s.ground, s.light, share),
        )
    s.polygon(
        [(target, 0.5), (target - 0.62, floor + 0.12), (target + 0.62, floor + 0.12)],
        s.two if s.two != s.dark else s.one,
    )
    s.draw.ellipse(
        [v * s.unit for v in (target - 0.62, floor - 0.02, target + 0.62, floor + 0.26)], fill=s.light
    )
    s.box(target - 0.1, floor - 0.42, target + 0.1, floor + 0.12, s.dark, 0.1)
    s.disc(target, floor - 0.56, 0.105, s.dark)


def eclipse(s: Canvas) -> None:
    """Halves of discs that slip past each other: tragedies."""
    tilt = s.rng.choice([-35, -20, 25, 40])
    x, y = s.rng.uniform(1.3, 1.7), 1.0
    s.slice(x, y, 0.82, tilt - 90, tilt + 90, s.one)
    shift = 0.3
    dx, dy = math.cos(math.radians(tilt + 90)) * shift, math.sin(math.radians(tilt + 90)) * shift
    s.slice(x + dx, y + dy, 0.82, tilt + 90, tilt + 270, s.four)
    s.slice(x - dx * 0.2, y - dy * 0.2, 0.42, tilt - 90, tilt + 90, s.two)
    s.slice(x + dx, y + dy, 0.42, tilt + 90, tilt + 270, s.three)


def rhythm(s: Canvas) -> None:
    """Bars that rise and fall like a phrase: concerts."""
    count, phase = 19, s.rng.uniform(0, math.tau)
    step = 3 / count
    for index in range(count):
        swing = math.sin(phase + index * 0.55) * 0.45 + math.sin(phase * 2 + index * 1.3) * 0.25
        height = 0.16 + abs(swing) * 0.78
        centre = 1.0 + math.sin(phase + index * 0.31) * 0.16
        colour = s.four if index % 3 else (s.one if index % 2 else s.two)
        s.box(
            (index + 0.22) * step,
            centre - height,
            (index + 0.78) * step,
            centre + height,
            colour,
            step * 0.28,
        )


def puppets(s: Canvas) -> None:
    """Three figures on strings: plays for children."""
    colours = [colour for colour in (s.one, s.two, s.three, s.four) if colour != s.light]
    s.rng.shuffle(colours)
    s.box(0.35, 0.12, 2.65, 0.2, s.light, 0.04)
    for index, colour in enumerate(colours):
        x, head = 0.72 + index * 0.78, 0.78 + s.rng.uniform(-0.12, 0.16)
        for offset in (-0.2, 0.2):
            s.box(x + offset - 0.008, 0.2, x + offset + 0.008, head + 0.5, s.light)
        shape = index % 3
        if shape == 0:
            s.polygon([(x, head + 0.02), (x - 0.36, head + 0.9), (x + 0.36, head + 0.9)], colour)
        elif shape == 1:
            s.slice(x, head + 0.86, 0.38, 180, 360, colour)
            s.box(x - 0.16, head, x + 0.16, head + 0.6, colour)
        else:
            s.box(x - 0.27, head + 0.12, x + 0.27, head + 0.86, colour, 0.14)
        s.disc(x, head, 0.21, s.light)
        s.slice(x, head, 0.21, 180, 360, colours[(index + 1) % 3])
        for eye in (-0.07, 0.07):
            s.disc(x + eye, head + 0.06, 0.025, s.ground if s.ground != s.light else s.dark)
        s.disc(x, head + 0.52, 0.05, s.light)


def ribbons(s: Canvas) -> None:
    """Bands that turn around each other: dance."""
    phase = s.rng.uniform(0, 1.2)
    for index, colour in enumerate((s.three, s.two, s.one, s.four)):
        lift, swing = 0.55 + index * 0.3, 0.42 - index * 0.05

        def middle(t, lift=lift, swing=swing, index=index):
            return -0.2 + t * 3.4, lift + math.sin(t * 4.4 + phase + index * 0.75) * swing

        s.ribbon(middle, 0.3 - index * 0.04, colour)
    s.disc(2.25 - phase * 0.3, 0.42, 0.17, s.four)


def waves(s: Canvas) -> None:
    """A sun over the lake."""
    sun = s.rng.uniform(0.9, 2.1)
    s.disc(sun, 0.82, 0.52, s.one)
    phase = s.rng.uniform(0, math.tau)
    for index, colour in enumerate((s.three, s.four, s.two, s.ground, s.three)):
        top, length = 0.86 + index * 0.235, 3.2 + index * 0.7
        crest = [
            (x / 60, top + math.sin(x / 60 * length + phase + index * 1.4) * (0.055 + index * 0.012))
            for x in range(181)
        ]
        s.polygon([*crest, (3, 2), (0, 2)], colour)


def curtain(s: Canvas) -> None:
    """Folds that open on a lit disc: opera."""
    gap = s.rng.uniform(0.52, 0.72)
    middle = s.rng.uniform(1.35, 1.65)
    s.disc(middle, 1.02, 0.66, s.two)
    s.box(0, 1.72, 3, 2, s.three)
    folds = 6
    for side in (-1, 1):
        edge = middle + side * gap
        far = 0 if side < 0 else 3
        for index in range(folds):
            left, right = sorted(
                (edge + (far - edge) * index / folds, edge + (far - edge) * (index + 1) / folds)
            )
            hem = 1.66 + (0.09 if index % 2 else 0)
            s.box(
                left, -0.2, right, hem, s.one if index % 2 else s.mix(s.one, s.dark, 0.16), (right - left) / 2
            )
    for index in range(9):
        s.disc((index + 0.5) / 3, -0.02, 1 / 6 + 0.002, s.four if index % 2 else s.mix(s.four, s.dark, 0.12))


def tiles(s: Canvas) -> None:
    """Quarter discs on a grid: comedies."""
    side = 0.5
    for row in range(4):
        for column in range(6):
            ground, figure = s.rng.sample([s.ground, s.one, s.two, s.three, s.four], 2)
            left, top = column * side, row * side
            s.box(left, top, left + side, top + side, ground)
            corner = s.rng.randrange(5)
            if corner == 4:
                s.disc(left + side / 2, top + side / 2, side * 0.3, figure)
                continue
            x, y = left + side * (corner in (1, 2)), top + side * (corner in (2, 3))
            s.slice(x, y, side, corner * 90, corner * 90 + 90, figure)


def seaweed(s: Canvas) -> None:
    """Strands that sing: the festival by the lake."""
    count = 9
    for index in range(count):
        x, top = 0.2 + index * 2.6 / (count - 1), s.rng.uniform(0.25, 1.0)
        sway, phase = s.rng.uniform(0.06, 0.13), s.rng.uniform(0, math.tau)

        def middle(t, x=x, top=top, sway=sway, phase=phase):
            return x + math.sin(phase + t * 7) * sway * (0.3 + t), 2.1 - (2.1 - top) * t

        colour = (s.one, s.three, s.four, s.two)[index % 4]
        s.ribbon(middle, 0.15, colour)
        tip = middle(1.0)
        s.disc(*tip, 0.075, colour)
        s.disc(tip[0], tip[1] - 0.16, 0.03 + 0.02 * (index % 3), s.four if colour != s.four else s.two)


def sound(s: Canvas) -> None:
    """Rings from two sources, crossing."""
    x, y = s.rng.uniform(0.7, 1.0), s.rng.uniform(0.8, 1.25)
    for index in range(6, 0, -1):
        s.disc(x, y, index * 0.27, s.three if index % 2 == 0 else s.ground)
    other, low = 3 - x * 0.9, 2 - y * 0.75
    for index in range(4, 0, -1):
        s.ring(other, low, index * 0.24 + 0.06, 0.1, s.one if index % 2 else s.four)
    s.disc(x, y, 0.2, s.one)
    s.disc(other, low, 0.11, s.two)


def halftone(s: Canvas) -> None:
    """A moon out of dots: films, nights."""
    x, y = s.rng.uniform(1.6, 2.2), s.rng.uniform(0.85, 1.15)
    step = 0.2
    for row in range(11):
        for column in range(16):
            px, py = (column + 0.5 * (row % 2)) * step, row * step * 0.87
            near = math.hypot(px - x, py - y)
            if near < 0.82:
                s.disc(
                    px,
                    py,
                    step * (0.16 + 0.34 * (1 - near / 0.82)) * 1.15,
                    s.one if (px - x) + (py - y) < 0.35 else s.two,
                )
    s.box(0, 1.72, 3, 2, s.three)
    s.polygon([(0.25, 1.72), (0.62, 0.72), (0.99, 1.72)], s.four)


def leaves(s: Canvas) -> None:
    """A book opened wide: readings."""
    x, y, turn = 1.5, 2.3, s.rng.uniform(-5, 5)
    colours = (s.dark, s.one, s.two, s.light, s.three, s.four)
    for index in range(6):
        for side in (-1, 1):
            angle = math.radians(-90 + turn + side * (78 - index * 13))
            dx, dy = math.cos(angle), math.sin(angle)
            reach, half = 1.66 + index * 0.045, 0.2
            far = (x + dx * reach, y + dy * reach)
            s.polygon(
                [(x, y), (far[0] + dy * half, far[1] - dx * half), (far[0] - dy * half, far[1] + dx * half)],
                colours[(index + (side > 0)) % 6],
            )
    s.disc(1.5 + turn * 0.02, 0.34, 0.2, s.one)


def mountains(s: Canvas) -> None:
    """Peaks and their image in the water."""
    shore = 1.26
    s.disc(s.rng.uniform(0.5, 2.4), 0.42, 0.24, s.two)
    s.box(0, shore, 3, 2, s.three)
    places = [0.35, 0.95, 1.6, 2.2, 2.75]
    peaks = sorted(
        ((x + s.rng.uniform(-0.15, 0.15), s.rng.uniform(0.45, 0.92)) for x in places),
        key=lambda peak: -peak[1],
    )
    for index, (x, height) in enumerate(peaks):
        colour, snow = ((s.one, s.light), (s.dark, s.light), (s.four, s.one))[index % 3]
        s.polygon([(x - height, shore), (x, shore - height), (x + height, shore)], colour)
        cap = height * 0.32
        s.polygon(
            [
                (x, shore - height),
                (x + cap, shore - height + cap),
                (x + cap / 3, shore - height + cap * 0.7),
                (x, shore - height + cap * 1.2),
                (x - cap / 3, shore - height + cap * 0.7),
                (x - cap, shore - height + cap),
            ],
            snow,
        )
    for line in range(5):
        width = s.rng.uniform(0.5, 1.3)
        left = s.rng.uniform(0, 3 - width)
        s.box(left, 1.4 + line * 0.115, left + width, 1.43 + line * 0.115, s.light, 0.015)


def arches(s: Canvas) -> None:
    """Doors within doors: for families."""
    shift = s.rng.uniform(-0.25, 0.25)
    colours = [s.one, s.four, s.two, s.three, s.ground]
    for index, colour in enumerate(colours):
        radius = 1.14 - index * 0.2
        x = 1.5 + shift * index * 0.35
        s.slice(x, 1.3, radius, 180, 360, colour)
        s.box(x - radius, 1.3 - 0.005, x + radius, 2, colour)
    x = 1.5 + shift * 1.4
    s.disc(x, 1.62, 0.13, s.two)
    s.box(x - 0.13, 1.72, x + 0.13, 2, s.two, 0.05)


def fan(s: Canvas) -> None:
    """Rays from a corner: season passes, opening nights."""
    right = s.rng.random() < 0.5
    x = 3.0 if right else 0.0
    count = 12
    for index in range(count):
        start = (180 if right else 270) + index * 90 / count
        s.slice(x, 2.0, 3.7, start, start + 90 / count + 0.2, (s.one, s.ground, s.two, s.ground)[index % 4])
    for radius, colour in ((1.02, s.four), (0.74, s.three), (0.44, s.one)):
        s.disc(x, 2.0, radius, colour)


def steps(s: Canvas) -> None:
    """Stairs and a ball on its way down: circus, physical theatre."""
    mirrored = s.rng.random() < 0.5
    for index in range(6):
        top, left = 0.72 + index * 0.235, index * 0.5
        edges = (0, 3 - left) if mirrored else (left, 3)
        s.box(edges[0], top, edges[1], 2, (s.one, s.three, s.two)[index % 3])
    for hop, (x, y) in enumerate(((2.72, 0.5), (2.2, 0.28), (1.6, 0.36))):
        s.disc(x if not mirrored else 3 - x, y, 0.19 - hop * 0.03, s.four)


KINDS: dict[str, Callable[[Canvas], None]] = {
    "play": spotlight,
    "tragedy": eclipse,
    "concert": rhythm,
    "children": puppets,
    "dance": ribbons,
    "lake": waves,
    "opera": curtain,
    "comedy": tiles,
    "seaweed": seaweed,
    "sound": sound,
    "night": halftone,
    "reading": leaves,
    "mountains": mountains,
    "family": arches,
    "pass": fan,
    "circus": steps,
}


def poster(seed: str, kind: str, palette: Sequence[str], width: int = SIZE[0]) -> bytes:
    """Return a WebP image, 3 to 2, `width` pixels wide. `kind` is a key of KINDS, `palette` five colours as in PALETTES."""
    sheet = Canvas(palette, random.Random(f"{kind}/{seed}"))
    KINDS[kind](sheet)
    small = sheet.image.resize((width, width * 2 // 3), Image.Resampling.LANCZOS)
    for quality in (74, 64, 54, 44):  # hard edges cost bytes: rings more than bars
        out = io.BytesIO()
        small.save(out, "WEBP", quality=quality, method=5)
        if out.tell() <= _BYTES_PER_PIXEL * width:
            break
    return out.getvalue()
