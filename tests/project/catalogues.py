"""The French catalogue: collect every text of the project, keep the translations, compile the file.

    python -m tests.project.catalogues            after texts were added or changed, or django.po was edited
    python -m tests.project.catalogues --check    tells what is missing; part of the tests

It needs no gettext on the system. It is part of the tests because production reads only the compiled file.
"""

import argparse
import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import polib
from django.conf import settings
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parents[2]
PO = ROOT / "ticketshop" / "locale" / "fr" / "LC_MESSAGES" / "django.po"
MO = PO.with_suffix(".mo")
ROOMS = ("accounts", "contacts", "privacy", "registration_forms", "templates", "ticketshop")

# Which argument is the context, the singular and the plural.
FUNCTIONS = {
    "gettext": (None, 0, None),
    "ngettext": (None, 0, 1),
    "pgettext": (0, 1, None),
    "npgettext": (0, 1, 2),
}
FUNCTIONS |= {f"{name}_lazy": positions for name, positions in FUNCTIONS.items()}
FUNCTIONS["gettext_noop"] = FUNCTIONS["gettext"]
TRANSLATION = "django.utils.translation"
# Texts of Django and allauth that we put in other words: theirs say “courriel”, ours “e-mail”.
OF_OTHERS = ("Email", "Email address", "Enter a valid email address.")

METADATA = {
    "Language": "fr",
    "MIME-Version": "1.0",
    "Content-Type": "text/plain; charset=UTF-8",
    "Content-Transfer-Encoding": "8bit",
    "Plural-Forms": "nplurals=2; plural=(n > 1);",
}

_CALL = re.compile(r"(?<!\w)(_|n?p?gettext)\(")
_STRING = re.compile(r"""\s*u?('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")\s*,?""")
_PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w*\}")

NO_BREAK, NARROW = "\u00a0", "\u202f"
_SPACES = f"[ {NO_BREAK}{NARROW}]"


class NoText(Exception):
    """A call whose text cannot be read from the source."""


@dataclass
class Message:
    """A text of the source, and the files that contain it."""

    context: str | None
    singular: str
    plural: str | None = None
    files: set[str] = field(default_factory=set)

    @property
    def key(self) -> tuple[str | None, str]:
        return self.context, self.singular


# --- reading the sources ------------------------------------------------------------------------------------------


def collect(root: Path = ROOT, rooms: tuple[str, ...] = ROOMS) -> dict[tuple[str | None, str], Message]:
    """Return every text below ``rooms``, by context and singular."""
    found: dict[tuple[str | None, str], Message] = {}
    for path in sorted(path for room in rooms for path in (root / room).rglob("*")):
        if path.suffix == ".py" and "migrations" not in path.parts:
            messages = of_python(path.read_text(encoding="utf-8"), str(path))
        elif path.suffix in {".html", ".txt"} and "templates" in path.parts:
            messages = of_template(path.read_text(encoding="utf-8"), str(path))
        else:
            continue
        for message in messages:
            known = found.setdefault(message.key, message)
            if known.plural and message.plural and known.plural != message.plural:
                raise NoText(f"{path}: “{message.singular}” has two plurals; make them the same.")
            known.plural = known.plural or message.plural
            known.files.add(path.relative_to(root).as_posix())
    return found


def of_python(source: str, name: str = "") -> Iterator[Message]:
    """Return the texts of a Python file, under any name by which it imports Django's functions."""
    if TRANSLATION.rpartition(".")[2] not in source:
        return  # it imports nothing of Django's module: most files need not be parsed
    tree = ast.parse(source, name)
    names, modules = _imported(tree)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        match node.func:
            case ast.Name(id=called) if called in names:
                function = names[called]
            case ast.Attribute(value=ast.Name(id=module), attr=called) if module in modules:
                function = called
            case _:
                continue
        if function in FUNCTIONS:
            texts = [_literal(argument, name) for argument in node.args[:3]]
            yield from _message(FUNCTIONS[function], texts)


def _imported(tree: ast.Module) -> tuple[dict[str, str], set[str]]:
    """Return the names of the functions in this file, and the names of the module."""
    names, modules = {}, set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if node.module == TRANSLATION and alias.name in FUNCTIONS:
                    names[alias.asname or alias.name] = alias.name
                elif f"{node.module}.{alias.name}" == TRANSLATION:
                    modules.add(alias.asname or alias.name)
    return names, modules


def _literal(node: ast.expr, name: str) -> str | None:
    """Return the text, or None for a number or a name.

    Raise NoText for a composed text, which the catalogue could never contain.
    """
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr | ast.BinOp):
        raise NoText(f"{name}:{node.lineno}: write the text as one literal with %(placeholders)s.")
    return None


def of_template(source: str, name: str = "") -> Iterator[Message]:
    """Return the texts of a template: translate, blocktranslate and _("…")."""
    drawn = templatize(source, origin=name)
    for call in _CALL.finditer(drawn):
        function = "gettext" if call[1] == "_" else call[1]
        texts, at = [], call.end()
        while text := _STRING.match(drawn, at):
            texts.append(ast.literal_eval(text[1]))
            at = text.end()
        yield from _message(FUNCTIONS[function], texts)


def _message(positions: tuple[int | None, ...], texts: list[str | None]) -> Iterator[Message]:
    """Return the message of one call, or None if it gets its text from a variable."""
    if all(at is None or (at < len(texts) and texts[at]) for at in positions):
        context, singular, plural = (None if at is None else texts[at] for at in positions)
        yield Message(context, str(singular), plural)


def texts() -> dict[tuple[str | None, str], Message]:
    """Return what the catalogue must contain: the texts of the project, and third-party texts that it words differently."""
    borrowed = {(None, text): Message(None, text, files={"django"}) for text in OF_OTHERS}
    return borrowed | collect()


# --- the catalogue ----------------------------------------------------------------------------------------------------


def catalogue() -> polib.POFile:
    """Return the French texts in the file; empty if there is no file."""
    return polib.pofile(str(PO), wrapwidth=110) if PO.exists() else polib.POFile(wrapwidth=110)


def merged(old: polib.POFile, messages: dict[tuple[str | None, str], Message]) -> polib.POFile:
    """Return the texts of the sources with their existing translations, without unused ones."""
    known = {(entry.msgctxt, entry.msgid): entry for entry in old if not entry.obsolete}
    new = polib.POFile(wrapwidth=110)
    new.metadata = dict(METADATA)
    for message in sorted(
        messages.values(), key=lambda one: (min(one.files), one.singular, one.context or "")
    ):
        entry = polib.POEntry(
            msgctxt=message.context,
            msgid=message.singular,
            msgid_plural=message.plural or "",
            occurrences=[(file, "") for file in sorted(message.files)],
            flags=["python-format"] if "%(" in message.singular or "%s" in message.singular else [],
        )
        before = known.get(message.key)
        if message.plural:
            entry.msgstr_plural = dict.fromkeys(range(2), "")
            if before and before.msgstr_plural:
                entry.msgstr_plural = {n: typeset(text) for n, text in before.msgstr_plural.items()}
            elif before:
                entry.msgstr_plural[0] = typeset(before.msgstr)
        elif before:
            entry.msgstr = typeset(before.msgstr or before.msgstr_plural.get(0, ""))
        if before:
            entry.comment, entry.tcomment = before.comment, before.tcomment
            entry.flags += [flag for flag in before.flags if flag not in entry.flags and flag == "fuzzy"]
        new.append(entry)
    return new


def typeset(text: str) -> str:
    """Return French with typographic apostrophes, and no-break spaces before : ; ! ? and inside « »."""
    text = re.sub(r"(?<=\w)'(?=[\w%«{])", "’", text)
    text = re.sub(f"{_SPACES}([;!?])", f"{NARROW}\\1", text)
    text = re.sub(f"{_SPACES}([:»])", f"{NO_BREAK}\\1", text)
    return re.sub(f"«{_SPACES}", f"«{NO_BREAK}", text)


def update() -> None:
    """Update django.po and compile it."""
    new = merged(catalogue(), texts())
    PO.parent.mkdir(parents=True, exist_ok=True)
    PO.write_text(f"{new}\n" if not str(new).endswith("\n") else str(new), encoding="utf-8")
    MO.write_bytes(new.to_binary())


# --- what is wrong with it ------------------------------------------------------------------------------------------


def problems() -> list[str]:
    """Return a sentence for each problem of the catalogue; empty if it is complete."""
    kept, sources = catalogue(), texts()
    there = {(entry.msgctxt, entry.msgid): entry for entry in kept if not entry.obsolete}
    found = [f"not in django.po: {key[1]!r}" for key in sources if key not in there]
    found += [f"in no source any more: {key[1]!r}" for key in there if key not in sources]
    found += [f"obsolete: {entry.msgid!r}" for entry in kept.obsolete_entries()]
    for entry in there.values():
        found += [f"{fault}: {entry.msgid!r}" for fault in faults(entry)]
    if not found and without_files(merged(kept, sources)) != without_files(kept):
        found.append("django.po is not as it would be written")
    if not MO.exists() or MO.read_bytes() != kept.to_binary():
        found.append("django.mo is not compiled from this django.po")
    return found


def without_files(kept: polib.POFile) -> str:
    """Return the catalogue without the file names of texts, because a moved text is no problem."""
    return re.sub(r"^#: .*\n", "", str(kept), flags=re.MULTILINE)


def faults(entry: polib.POEntry) -> Iterator[str]:
    """Return the problems of one translation."""
    texts = [*entry.msgstr_plural.values()] if entry.msgid_plural else [entry.msgstr]
    if entry.fuzzy:
        yield "fuzzy"
    if len(texts) != (2 if entry.msgid_plural else 1) or not all(texts):
        yield "not translated"
        return
    wanted = set(_PLACEHOLDER.findall(entry.msgid_plural or entry.msgid))
    for number, text in enumerate(texts):
        given = set(_PLACEHOLDER.findall(text))
        # "one place" may be said without its number.
        if given != wanted and not (entry.msgid_plural and number == 0 and given < wanted):
            yield f"placeholders {sorted(given)} instead of {sorted(wanted)}"
        if (text[0].isspace(), text[-1].isspace()) != (entry.msgid[0].isspace(), entry.msgid[-1].isspace()):
            yield "white space at an end differs"
        if text != typeset(text) or unspaced(text):
            yield f"spaces of French punctuation in {text!r}"


def unspaced(text: str) -> bool:
    """Return whether a sign lacks its space. 20:00 and https:// need none."""
    return bool(
        re.search(rf"[^\s{NARROW}{NO_BREAK}!?][;!?](?!\w)|\w:(?=\s|$)|«(?!{NO_BREAK})|(?<!{NO_BREAK})»", text)
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.project.catalogues", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--check", action="store_true", help="change nothing, say what is wrong")
    check = parser.parse_args().check
    # A template may load libraries that are not installed here; reading it needs no application.
    settings.configure(USE_I18N=True)
    if not check:
        update()
    found = problems()
    for sentence in found:
        print(sentence)
    if not check and not found:
        print(f"{len(catalogue())} texts, all in French.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
