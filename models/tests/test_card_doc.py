"""docs/model-card.md names every field, and its TOML example is a card the tools accept."""

import re
import tomllib

from conftest import MODELS

from posewire_models import card

TEXT = (MODELS.parent / "docs" / "model-card.md").read_text(encoding="utf-8")


# Measured on a network and pictures, and the maps that only some networks have: no plain export writes them.
OPTIONAL = {"presence", "extra_channels"}


def test_every_field_is_described():
    described = set(re.findall(r"^\| `(\w+)` \|", TEXT, re.M))
    assert described == set(card.make("hand", 256, "", "")) | OPTIONAL


def test_the_toml_example_is_a_card():
    example = tomllib.loads(re.search(r"```toml\n(.*?)```", TEXT, re.S)[1])
    card.check(example, "docs/model-card.md")
    assert example == card.make("body", 384, "my-hourglass.onnx", "")
