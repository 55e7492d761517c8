"""The import contract covers every package. (`make check` runs the contract itself.)"""

import pkgutil
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_each_package_is_in_a_layer():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    arrows = next(contract for contract in settings["contracts"] if contract["id"] == "arrows")
    placed = {name for layer in arrows["layers"] for name in re.split(r"[\s:|]+", layer)}
    inside = {f"ticketshop.{module.name}" for module in pkgutil.iter_modules([ROOT / "ticketshop"])}
    rooms = set(settings["root_packages"]) - {"ticketshop"}
    assert inside | rooms == placed
