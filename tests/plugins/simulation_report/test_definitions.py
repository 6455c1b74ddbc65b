"""Every measure is defined on the page and in the documentation, in the same words."""

from pathlib import Path

import pytest

from plugins.simulation_report.definitions import DEFINITIONS, Definition

DOCS = Path(__file__).parents[3] / "docs/simulate.md"


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda d: d.name)
def test_the_documentation_has_the_formula(definition: Definition):
    formula = definition.formula.replace("|", "\\|")
    assert f"| {definition.name} | {formula} |" in DOCS.read_text(encoding="utf-8")
