"""How the twin's camera sees it: from where, in what light, through how noisy a sensor."""

from dataclasses import dataclass, fields

import numpy as np

from ..errors import BadInputError

# The least and the most of each that is no mistake: beyond a quarter turn the face is out of sight.
RANGES = {
    "brightness": (0.1, 2.0),
    "light_deg": (-180.0, 180.0),
    "yaw_deg": (-90.0, 90.0),
    "pitch_deg": (-90.0, 90.0),
    "roll_deg": (-180.0, 180.0),
    "noise": (0.0, 50.0),
}


@dataclass(frozen=True)
class Appearance:
    """The head turns about the middle of the skull in front of the camera; light and camera stay."""

    brightness: float = 1.0  # of all lights
    light_deg: float = 0.0  # how far the main light has turned around the head, towards the subject's left
    yaw_deg: float = 0.0  # looks to its left
    pitch_deg: float = 0.0  # looks up
    roll_deg: float = 0.0  # leans to its left
    noise: float = 0.0  # standard deviation of the sensor's, in grey levels of 255

    def __post_init__(self) -> None:
        for field in fields(self):
            value, (low, high) = getattr(self, field.name), RANGES[field.name]
            if not low <= value <= high:  # NaN is refused too
                raise BadInputError(f"the twin's appearance: {field.name} is {value!r}; it goes from {low} to {high}.")

    @classmethod
    def random(cls, generator: np.random.Generator) -> "Appearance":
        """A plausible one: a head that is held nearly straight, in an ordinary room, before an ordinary camera."""
        return cls(
            brightness=generator.uniform(0.6, 1.25),
            light_deg=generator.uniform(-60.0, 60.0),
            yaw_deg=generator.uniform(-15.0, 15.0),
            pitch_deg=generator.uniform(-10.0, 10.0),
            roll_deg=generator.uniform(-8.0, 8.0),
            noise=generator.uniform(0.0, 6.0),
        )
