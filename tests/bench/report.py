"""The table of measurements, with the values to compare, the targets, and what got worse since the last landed figures."""

import textwrap
from dataclasses import dataclass, field

from . import figures
from .load import Cost

WIDTHS = (48, 58, 40, 36)


@dataclass
class Table:
    """Prints each line as soon as it is measured. Stores values that others are compared with."""

    hello: float = 0.0
    plain: float = 0.0
    in_the_way: list[str] = field(default_factory=list)
    measured: figures.Figures = field(default_factory=dict)

    def head(self) -> None:
        self.line("work", "measured", "beside it", "target")
        print("-" * (sum(WIDTHS) + 3))

    def line(
        self, work: str, measured: str, beside: str = "", target: str = "", way: str = "", **values: float
    ) -> None:
        """Print a line. ``values``: its figures by name, which are compared with the last landed ones."""
        if values:
            self.measured[work.strip()] = {name.replace("_", " "): value for name, value in values.items()}
        cells = [
            textwrap.wrap(text, width) or [""]
            for text, width in zip((work, measured, beside, target), WIDTHS, strict=True)
        ]
        for number in range(max(map(len, cells))):
            parts = [cell[number] if number < len(cell) else "" for cell in cells]
            print(
                " ".join(part.ljust(width) for part, width in zip(parts, WIDTHS, strict=True)).rstrip(),
                flush=True,
            )
        if way:
            self.in_the_way.append(f"{work}: {way}")

    def cost(
        self,
        work: str,
        cost: Cost,
        what: str,
        target: str = "",
        way: str = "",
        extra: str = "",
        **values: float,
    ) -> None:
        """Print a line with the CPU seconds of a piece of work, compared with *hello* or *plain* (``what``)."""
        measured = f"{ms(cost.cpu)} ({ms(cost.web / cost.count)} + {ms(cost.database / cost.count)}), {cost.rate:,.0f}/s{extra}"
        beside = f"{cost.cpu / self.hello:,.1f} × hello" if self.hello and what != "plain" else ""
        if self.plain and what == "plain":
            beside = f"{cost.cpu / self.plain:,.1f} × plain"
            values["times_plain"] = cost.cpu / self.plain
        elif self.hello and what == "hello":
            values["times_hello"] = cost.cpu / self.hello
        self.line(work, measured, beside, target, way, **values)

    def end(self) -> None:
        if self.in_the_way:
            print("\nWhat stands in the way")
        for text in self.in_the_way:
            print(textwrap.fill(text, sum(WIDTHS), initial_indent="- ", subsequent_indent="  "))
        if lines := figures.worse(self.measured):
            print("\nWorse than the last landed figures by more than a tenth")
        for text in lines:
            print(f"- {text}")


def ms(seconds: float) -> str:
    return f"{1000 * seconds:,.1f} ms" if seconds < 0.01 else f"{1000 * seconds:,.0f} ms"
