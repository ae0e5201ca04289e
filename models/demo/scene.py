"""Everything in a picture that is not the figure: backgrounds, occluders, light, and the camera.

All pictures are (h, w, 3) uint8 RGB. Every function takes a numpy random generator first.
"""

import cv2
import numpy as np


def _colour(rng):
    """A colour that is dull more often than not, 0..255."""
    grey = rng.uniform(10, 245)
    vivid = rng.uniform(0, 255, 3)
    mix = rng.beta(1, 1.6)
    return grey * (1 - mix) + vivid * mix


def _paint(rng):
    return tuple(float(c) for c in _colour(rng))


def _skin(rng):
    light = np.array([240, 200, 175.0])
    dark = np.array([75, 48, 36.0])
    return np.clip(dark + (light - dark) * rng.random() + rng.normal(0, 8, 3), 0, 255)


def noise(rng, size, coarsest=3, octaves=5):
    """Fractal noise (size, size) float32, roughly in 0..1."""
    total = np.zeros((size, size), np.float32)
    weight = 1.0
    for octave in range(octaves):
        side = min(size, coarsest << octave)
        grid = rng.random((side + 1, side + 1), np.float32)
        total += weight * cv2.resize(grid, (size, size), interpolation=cv2.INTER_CUBIC)
        weight *= rng.uniform(0.4, 0.65)
    low, high = total.min(), total.max()
    return (total - low) / (high - low + 1e-6)


def _ramp(values, colours):
    """Maps 0..1 through evenly spaced colours."""
    place = np.linspace(0, 1, len(colours))
    return np.stack([np.interp(values, place, colours[:, k]) for k in range(3)], 2)


def _gradient(rng, size):
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[0:size, 0:size] / size - 0.5
    values = np.clip(x * np.cos(angle) + y * np.sin(angle) + 0.5, 0, 1)
    return _ramp(values, np.stack([_colour(rng), _colour(rng)]))


def _clouds(rng, size):
    colours = np.stack([_colour(rng) for _ in range(rng.integers(2, 5))])
    return _ramp(noise(rng, size, int(rng.integers(2, 9))), colours)


def _tiles(rng, size):
    """Stripes, checkers or bricks seen at a slant."""
    angle, period = rng.uniform(0, np.pi), rng.uniform(6, 60)
    y, x = np.mgrid[0:size, 0:size].astype(np.float32)
    slant = 1 + rng.uniform(-0.6, 0.6) * (y / size - 0.5)
    u = (x * np.cos(angle) + y * np.sin(angle)) * slant / period
    v = (y * np.cos(angle) - x * np.sin(angle)) * slant / (period * rng.uniform(0.5, 2))
    kind = rng.integers(3)
    if kind == 0:
        mask = np.floor(u) % 2
    elif kind == 1:
        mask = (np.floor(u) + np.floor(v)) % 2
    else:
        shift = u + 0.5 * (np.floor(v) % 2)
        mask = ((shift % 1 < 0.08) | (v % 1 < 0.12)).astype(np.float32)
    picture = _ramp(mask, np.stack([_colour(rng), _colour(rng)]))
    return picture * (0.75 + 0.5 * noise(rng, size, 4, 4))[..., None]


def _blob(rng, centre, radius):
    """An irregular closed outline, as cv2 wants it."""
    corners = int(rng.integers(3, 10))
    angles = np.sort(rng.uniform(0, 2 * np.pi, corners))
    reach = radius * rng.uniform(0.5, 1.2, corners)
    points = centre + np.stack([np.cos(angles), np.sin(angles)], 1) * reach[:, None]
    return points.round().astype(np.int32)


def _clutter(rng, size):
    picture = _clouds(rng, size) if rng.random() < 0.5 else _gradient(rng, size)
    picture = np.ascontiguousarray(picture, np.float32)
    for _ in range(int(rng.integers(8, 45))):
        centre = rng.uniform(0, size, 2)
        radius = size * rng.beta(1.2, 5) * 0.6
        kind = rng.random()
        if kind < 0.45:
            cv2.fillPoly(picture, [_blob(rng, centre, radius)], _paint(rng), cv2.LINE_8)
        elif kind < 0.7:
            axes = (int(radius) + 1, int(radius * rng.uniform(0.2, 1)) + 1)
            at = tuple(int(c) for c in centre)
            cv2.ellipse(picture, at, axes, rng.uniform(0, 180), 0, 360, _paint(rng), -1)
        else:
            end = centre + rng.normal(0, size * 0.3, 2)
            ends = [tuple(int(c) for c in point) for point in (centre, end)]
            cv2.line(picture, *ends, _paint(rng), int(rng.integers(1, 16)))
    return picture


def _room(rng, size):
    """A wall, a floor, and boxes for furniture, shelves, screens and windows."""
    picture = np.empty((size, size, 3), np.float32)
    horizon = int(size * rng.uniform(0.45, 0.95))
    picture[:horizon] = _colour(rng)
    picture[horizon:] = _tiles(rng, size)[horizon:] if rng.random() < 0.4 else _colour(rng)
    for _ in range(int(rng.integers(3, 14))):
        width, height = (size * rng.beta(1.5, 4, 2) * [1.0, 1.2]).astype(int) + 6
        left, top = rng.integers(-20, size), rng.integers(-20, size)
        corner = (int(left + width), int(top + height))
        cv2.rectangle(picture, (int(left), int(top)), corner, _paint(rng), -1)
        for shelf in range(int(rng.integers(0, 5))):
            y = int(top + height * (shelf + 1) / 5)
            cv2.line(picture, (int(left), y), (corner[0], y), _paint(rng), int(rng.integers(1, 6)))
        if rng.random() < 0.5:
            cv2.rectangle(picture, (int(left), int(top)), corner, _paint(rng), 2)
    fall = _gradient(rng, size).mean(2, keepdims=True)
    return picture * (0.7 + 0.5 * (fall - fall.min()) / (np.ptp(fall) + 1e-6))


_KINDS = (_gradient, _clouds, _tiles, _clutter, _clutter, _room, _room)


def _distract(rng, picture):
    """Skin-coloured blobs and fingers that are no hand."""
    size = len(picture)
    for _ in range(int(rng.integers(1, 5))):
        colour = tuple(float(c) for c in _skin(rng))
        centre = rng.uniform(0, size, 2)
        at = tuple(int(c) for c in centre)
        if rng.random() < 0.5:
            axes = tuple(int(c) for c in rng.uniform(size * 0.02, size * 0.2, 2))
            cv2.ellipse(picture, at, axes, rng.uniform(0, 180), 0, 360, colour, -1)
        else:
            end = tuple(int(c) for c in centre + rng.normal(0, size * 0.2, 2))
            cv2.line(picture, at, end, colour, int(rng.uniform(0.02, 0.12) * size))


def background(rng, size):
    """One square background."""
    picture = np.ascontiguousarray(_KINDS[rng.integers(len(_KINDS))](rng, size), np.float32)
    if rng.random() < 0.3:
        other = _KINDS[rng.integers(len(_KINDS))](rng, size)
        mask = noise(rng, size, 2, 4)[..., None] > rng.uniform(0.3, 0.7)
        picture = np.where(mask, other, picture).astype(np.float32)
    if rng.random() < 0.4:
        picture = np.ascontiguousarray(picture)
        _distract(rng, picture)
    if rng.random() < 0.35:
        picture += rng.normal(0, rng.uniform(3, 18), (size, size, 1)).astype(np.float32)
    if rng.random() < 0.6:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.5, 5))
    return np.clip(picture, 0, 255).astype(np.uint8)


def light(rng):
    """A random directional light for `raster.render`, mostly from above and in front."""
    direction = rng.normal(0, 1, 3) * [1.0, 0.7, 0.6] + [0, -0.6, -0.7]
    ambient = rng.uniform(0.2, 0.6)
    tint = 1 + rng.normal(0, 0.05, 3)
    return {
        "direction": tuple(direction),
        "ambient": tuple(ambient * (1 + rng.normal(0, 0.06, 3))),
        "diffuse": tuple(rng.uniform(0.35, 1.05 - 0.5 * ambient) * tint),
        "specular": rng.uniform(0, 0.25),
        "shininess": rng.uniform(8, 40),
        "wrap": rng.uniform(0, 0.5),
        "sky": rng.uniform(0, 0.6),
    }


def occlude(rng, picture, low, high):
    """Draws one thing over part of the box from `low` to `high` (px), in place."""
    side = float(max(high - low))
    centre = low + rng.random(2) * (high - low)
    colour = _paint(rng) if rng.random() < 0.8 else tuple(float(c) for c in _skin(rng))
    kind = rng.integers(3)
    if kind == 0:
        outline = _blob(rng, centre, side * rng.uniform(0.08, 0.22))
        cv2.fillPoly(picture, [outline], colour, cv2.LINE_AA)
    elif kind == 1:
        axes = tuple(int(c) + 1 for c in side * rng.uniform(0.05, 0.2, 2))
        at = tuple(int(c) for c in centre)
        cv2.ellipse(picture, at, axes, rng.uniform(0, 180), 0, 360, colour, -1, cv2.LINE_AA)
    else:
        angle = rng.uniform(0, np.pi)
        reach = np.array([np.cos(angle), np.sin(angle)]) * side * rng.uniform(0.2, 1.5)
        ends = [tuple(int(c) for c in centre + sign * reach) for sign in (-1, 1)]
        cv2.line(picture, *ends, colour, max(1, int(side * rng.uniform(0.02, 0.1))), cv2.LINE_AA)


def motion_blur(rng, picture, longest):
    length = int(rng.integers(2, longest + 1))
    kernel = np.zeros((2 * length + 1,) * 2, np.float32)
    angle = rng.uniform(0, np.pi)
    reach = np.array([np.cos(angle), np.sin(angle)]) * length / 2
    ends = [tuple(int(round(c)) for c in length + sign * reach) for sign in (-1, 1)]
    cv2.line(kernel, *ends, 1.0, 1)
    return cv2.filter2D(picture, -1, kernel / kernel.sum())


def tone(rng):
    """A 256-entry table per channel: exposure, contrast, gamma and colour cast."""
    values = np.linspace(0, 1, 256)[:, None] ** np.exp(rng.normal(0, 0.22))
    values = (values - 0.5) * rng.uniform(0.65, 1.25) + 0.5 + rng.normal(0, 0.07)
    values = values * (1 + rng.normal(0, 0.07, 3))
    return np.clip(values * 255, 0, 255).astype(np.uint8)


def camera(rng, picture):
    """What a cheap camera does: tone, blur, low resolution, sensor noise, JPEG."""
    side = len(picture)
    picture = cv2.LUT(picture, tone(rng).reshape(1, 256, 3))
    if rng.random() < 0.06:
        picture = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    kind = rng.random()
    if kind < 0.2:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 1.6) * side / 256 + 0.2)
    elif kind < 0.32:
        picture = motion_blur(rng, picture, max(3, side // 32))
    elif kind < 0.5:
        small = int(side / rng.uniform(1.2, 3))
        picture = cv2.resize(picture, (small, small), interpolation=cv2.INTER_AREA)
        picture = cv2.resize(picture, (side, side), interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.5:
        grain = np.empty(picture.shape, np.int16)
        cv2.setRNGSeed(int(rng.integers(1 << 30)))
        cv2.randn(grain, 0, rng.uniform(1, 12))
        picture = np.clip(picture + grain, 0, 255).astype(np.uint8)
    if rng.random() < 0.4:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 92))]
        picture = cv2.imdecode(cv2.imencode(".jpg", picture, quality)[1], cv2.IMREAD_COLOR)
    return picture
