"""The contract of the arrows covers the whole house. (`make check` runs the contract itself.)"""

import pkgutil
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_room_has_its_place_among_the_layers():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    arrows = next(contract for contract in settings["contracts"] if contract["id"] == "arrows")
    placed = {name for layer in arrows["layers"] for name in re.split(r"[\s:|]+", layer)}
    inside = {f"ticketshop.{module.name}" for module in pkgutil.iter_modules([ROOT / "ticketshop"])}
    rooms = set(settings["root_packages"]) - {"ticketshop"}
    assert inside | rooms == placed
