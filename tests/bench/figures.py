"""The figures of the last landed measurement, in ``figures.json``: ratios, numbers of statements and megabytes, no times.

A figure is better if it is smaller. ``make bench`` prints which ones got worse by more than a tenth; ``make bench SAVE=1``
replaces those that it has measured.
"""

import json
from pathlib import Path

FILE = Path(__file__).with_name("figures.json")
TOLERANCE = 1.1

Figures = dict[str, dict[str, float]]  # work -> name of the figure -> value


def landed() -> Figures:
    """Return the figures of the file; none if there is no file."""
    return json.loads(FILE.read_text()) if FILE.exists() else {}


def worse(measured: Figures) -> list[str]:
    """Return a sentence for each figure that is more than a tenth larger than in the file."""
    before = landed()
    return [
        f"{work}: {name} {before[work][name]:g}, now {value:g}"
        for work, figures in measured.items()
        for name, value in figures.items()
        if name in before.get(work, {}) and value > TOLERANCE * before[work][name]
    ]


def save(measured: Figures) -> None:
    """Write the measured figures into the file. Those of other work stay."""
    merged = landed()
    for work, figures in measured.items():
        rounded = {name: float(f"{value:.3g}") for name, value in figures.items()}
        merged[work] = dict(sorted((merged.get(work, {}) | rounded).items()))
    FILE.write_text(json.dumps(merged, indent=2, ensure_ascii=False) + "\n")
