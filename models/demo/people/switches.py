"""What real pictures have and plain renders lack: the share of pictures that has each, in one place.

A switch at 0 turns its subject off, so that its effect can be measured: `train.py --without gloves`.
"""

from dataclasses import dataclass, fields, replace


@dataclass(frozen=True)
class Switches:
    # Rendered hands.
    person: float = 0.4  # a whole person whose hand the camera looks at, else an arm alone
    held: float = 0.2
    fists: float = 0.12
    grazing: float = 0.14  # seen along the palm or from the finger tips
    two_hands: float = 0.16
    on_skin: float = 0.12  # on a face or a leg
    gloves: float = 0.08
    sleeves: float = 0.55
    dirty: float = 0.12
    wet: float = 0.08
    # Rendered bodies.
    lying: float = 0.1
    behind: float = 0.2  # the back to the camera
    # Both.
    hard_light: float = 0.18
    # Crops.
    group: float = 0.3  # other figures near the subject
    cut: float = 0.2  # by the picture's edge
    table: float = 0.15  # something wide in front of the lower part
    grey: float = 0.08
    infrared: float = 0.05
    noise: float = 0.5
    motion: float = 0.12
    low_resolution: float = 0.2
    jpeg: float = 0.4
    negatives: float = 1 / 3

    def without(self, *names):
        """The same with some switches off."""
        known = {field.name for field in fields(self)}
        for name in names:
            if name not in known:
                raise ValueError(f"switch '{name}' does not exist: one of {', '.join(sorted(known))}")
        return replace(self, **dict.fromkeys(names, 0.0))


ALL = Switches()
