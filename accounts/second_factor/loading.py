"""Load the library for security keys when a key is used: it takes 15 MB, and ``allauth.mfa`` imports it at every log-in."""

import importlib.util
import sys

MODULE = "allauth.mfa.webauthn.internal.auth"


def load_when_used(name: str = MODULE) -> None:
    """Register a module that is executed when its first attribute is read. See ``importlib.util.LazyLoader``."""
    if name in sys.modules:
        return
    spec = importlib.util.find_spec(name)
    assert spec and spec.loader, name
    spec.loader = importlib.util.LazyLoader(spec.loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    # ``from package import module`` reads this attribute, else the module's own ones, which would load it.
    package, _dot, last = name.rpartition(".")
    setattr(importlib.import_module(package), last, module)
