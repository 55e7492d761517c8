"""Find the mistakes in the HTML of a page that an HTML checker reports. ``test_pages.py`` reads all pages with it."""

import re
from collections import Counter
from html.parser import HTMLParser

TEXT_TYPES = {"email", "password", "search", "tel", "text", "url"}
AS_STORED = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d")
RUN_ON = re.compile(r"[a-z]{2}\.[A-Z][a-z]")
MICROSECONDS = re.compile(r"\.\d{4}")
WITHOUT_REQUIRED = {"hidden", "color", "range", "submit", "button", "image", "reset"}
WITHOUT_AUTOCOMPLETE = {"checkbox", "radio", "file", "submit", "button", "image", "reset"}


class Markup(HTMLParser):
    """Collects ids, labels and fields."""

    def __init__(self, source: str):
        super().__init__()
        self.ids: Counter = Counter()
        self.labels: list[str] = []
        self.inputs: list[dict] = []
        self.landmarks: Counter = Counter()
        self.references: list[str] = []
        self.texts: list[str] = []
        self.times: list[str] = []
        self.parts_of_tables: list[str] = []
        self.feed(source)

    def handle_data(self, data):
        self.texts.append(data)

    def handle_starttag(self, tag, attrs):
        found = {name: value or "" for name, value in attrs}
        if "id" in found:
            self.ids[found["id"]] += 1
        if tag == "time":
            self.times.append(found.get("datetime", ""))
        if tag in {"table", "thead", "tbody", "tfoot"}:
            self.parts_of_tables.append(tag)
        if tag == "label" and "for" in found:
            self.labels.append(found["for"])
        if tag == "input":
            self.inputs.append(found)
        for name in ("aria-labelledby", "aria-describedby"):
            self.references += found.get(name, "").split()
        name = found.get("aria-labelledby") or found.get("aria-label")
        if name and (tag in {"nav", "section"} or found.get("role") == "region"):
            self.landmarks[name] += 1

    def mistakes(self) -> list[str]:
        kinds = {one["id"]: one.get("type", "text") for one in self.inputs if "id" in one}
        found = [f"id {name} stands {count} times" for name, count in self.ids.items() if count > 1]
        found += [
            f"label for {name}, which nobody sees" for name in self.labels if kinds.get(name) == "hidden"
        ]
        found += [f"label for {name}, which is not there" for name in self.labels if name not in self.ids]
        found += [f"{name} is referred to and not there" for name in self.references if name not in self.ids]
        found += [
            f"{count} landmarks are called {name}" for name, count in self.landmarks.items() if count > 1
        ]
        found += [
            f"{text.strip()} is not written as people read it"
            for text in self.texts
            if AS_STORED.search(text)
        ]
        found += [
            f"“{text.strip()}” has no space between sentences" for text in self.texts if RUN_ON.search(text)
        ]
        found += [f"{time} has more than milliseconds" for time in self.times if MICROSECONDS.search(time)]
        found += ["the foot of a table stands before its body"] * (
            "tfoot tbody" in " ".join(self.parts_of_tables)
        )
        for one in self.inputs:
            kind, name = one.get("type", "text"), one.get("name")
            if kind == "hidden" and any(key.startswith("aria-") for key in one):
                found.append(f"hidden {name} is described")
            if "maxlength" in one and kind not in TEXT_TYPES:
                found.append(f"maxlength at {name} ({kind})")
            if "required" in one and kind in WITHOUT_REQUIRED:
                found.append(f"required at {name} ({kind})")
            if "autocomplete" in one and kind in WITHOUT_AUTOCOMPLETE:
                found.append(f"autocomplete at {name} ({kind})")
        return found


def test_checker_finds_mistakes_in_markup():
    """The counter-test."""
    page = """<nav aria-label="Menu"></nav><nav aria-label="Menu"></nav><label for="a">A</label><label for="x">X</label>
      <input id="a" type="hidden" name="h" aria-describedby="gone"><input id="a" type="color" maxlength="7" required>
      <input type="checkbox" name="c" autocomplete="off"><p>2026-12-07 11:46:52.128775+00:00</p>
      <p>Deleted after this day.The law wants it.</p><time datetime="2026-12-07T11:46:52.128775+00:00">7 December</time><table><tfoot></tfoot><tbody></tbody></table>"""
    found = " ".join(Markup(page).mistakes())
    for words in (
        "id a stands 2 times", "label for x, which is not there", "gone is referred to", "2 landmarks are called Menu",
        "hidden h is described", "maxlength at", "required at", "autocomplete at c",
        "is not written as people read it", "before its body", "more than milliseconds",
        "no space between sentences",
    ):  # fmt: skip
        assert words in found
