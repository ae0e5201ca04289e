"""What a cheap camera makes of a scene: tone, colour or none, blur, few pixels, noise, JPEG; each by its
switch.

In and out: square (side, side, 3) uint8 RGB.
"""

import cv2
import numpy as np
import scene


def _infrared(rng, picture):
    """A night camera: one channel, skin and cloth alike, a lamp beside the lens that lights what is near
    the middle.
    """
    side = len(picture)
    mix = rng.dirichlet([4, 1, 1])
    grey = (picture.astype(np.float32) @ mix.astype(np.float32)) / 255
    grey = np.clip(grey, 0, 1) ** rng.uniform(0.4, 0.9)
    y, x = np.mgrid[0:side, 0:side] / side - 0.5
    at = rng.normal(0, 0.15, 2)
    lamp = np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / rng.uniform(0.1, 0.6))
    grey = grey * (rng.uniform(0.2, 0.6) + lamp)
    grain = scene.noise(rng, side, side // 2, 1) - 0.5
    grey = np.clip((grey + grain * rng.uniform(0, 0.25)) * 255, 0, 255).astype(np.uint8)
    return cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)


def _grain(rng, picture):
    """Sensor noise: fine, coarse where a camera smooths it, stronger in colour than in light now and then."""
    side = len(picture)
    cv2.setRNGSeed(int(rng.integers(1 << 30)))
    size = side if rng.random() < 0.7 else side // 2
    channels = 3 if rng.random() < 0.6 else 1
    grain = np.empty((size, size, channels), np.float32)
    cv2.randn(grain, 0, float(np.exp(rng.uniform(0, np.log(25)))))
    if size != side:
        grain = cv2.resize(grain, (side, side), interpolation=cv2.INTER_LINEAR)
    if channels == 1:
        grain = grain.reshape(side, side, 1)
    return np.clip(picture + grain, 0, 255).astype(np.uint8)


def _fewer_pixels(rng, picture):
    """Taken small and enlarged."""
    side = len(picture)
    small = max(20, int(side / np.exp(rng.uniform(np.log(1.3), np.log(5)))))
    picture = cv2.resize(picture, (small, small), interpolation=cv2.INTER_AREA)
    how = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_NEAREST)[rng.choice(3, p=[0.6, 0.3, 0.1])]
    return cv2.resize(picture, (side, side), interpolation=how)


def _jpeg(rng, picture):
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(15, 92))]
    return cv2.imdecode(cv2.imencode(".jpg", picture, quality)[1], cv2.IMREAD_COLOR)


def photograph(rng, picture, switches):
    """The picture as a camera gives it."""
    on = lambda name: rng.random() < getattr(switches, name)
    picture = cv2.LUT(picture, scene.tone(rng).reshape(1, 256, 3))
    if on("infrared"):
        picture = _infrared(rng, picture)
    elif on("grey"):
        picture = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    if on("motion"):
        picture = scene.motion_blur(rng, picture, max(3, len(picture) // 16))
    elif rng.random() < 0.2:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 1.6) * len(picture) / 256 + 0.2)
    if on("low_resolution"):
        picture = _fewer_pixels(rng, picture)
    if on("noise"):
        picture = _grain(rng, picture)
    if on("jpeg"):
        picture = _jpeg(rng, picture)
    return picture
