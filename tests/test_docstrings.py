"""Every example in a docstring of the package runs and prints what it says."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import attribution

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(attribution.__path__, "attribution.")
    if ".migrations" not in module.name and not module.name.endswith("__main__")  # these run when imported
)


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name: str) -> None:
    """The examples of one module."""
    failed, _ = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert failed == 0
