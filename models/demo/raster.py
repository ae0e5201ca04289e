"""A z-buffer triangle rasteriser with per-pixel lighting, compiled by numba.

In: a triangle mesh in camera space (x right, y down, z forward, metres) with colours in 0..1 and
unit normals per vertex, a pinhole camera in pixels, and one directional light.
Out: `rgba` (h, w, 4) uint8 with straight (not premultiplied) alpha, and `depth` (h, w) float32 in
metres, `inf` where nothing was drawn. Both are averaged (depth: the nearest) over SAMPLES x SAMPLES
samples per pixel, which is what softens the edges.
The centre of pixel (i, j) is at (i, j).
"""

import cv2
import numpy as np
from numba import njit

SAMPLES = 2
NEAR = 0.02

DEFAULT_LIGHT = {
    "direction": (0.3, -0.8, -0.6),  # from the surface toward the light
    "ambient": 0.35,  # a number, or one per colour channel; so is `diffuse`
    "diffuse": 0.75,
    "specular": 0.1,
    "shininess": 20.0,
    "wrap": 0.2,  # how far the light reaches round the terminator, 0..1
    "sky": 0.3,  # how much darker the ambient light is from below than from above, 0..1
}


@njit(cache=True, nogil=True, fastmath=True)
def _draw(vertices, faces, screen, winner, depth, weights):
    """Fills the z-buffer: per sample the nearest face, its depth and barycentric weights."""
    height, width = depth.shape
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        za, zb, zc = vertices[a, 2], vertices[b, 2], vertices[c, 2]
        if za < NEAR or zb < NEAR or zc < NEAR:
            continue
        xa, ya = screen[a, 0], screen[a, 1]
        xb, yb = screen[b, 0], screen[b, 1]
        xc, yc = screen[c, 0], screen[c, 1]
        area = (xb - xa) * (yc - ya) - (yb - ya) * (xc - xa)
        if abs(area) < 1e-9:
            continue
        left = max(0, int(np.ceil(min(xa, xb, xc))))
        right = min(width - 1, int(np.floor(max(xa, xb, xc))))
        top = max(0, int(np.ceil(min(ya, yb, yc))))
        bottom = min(height - 1, int(np.floor(max(ya, yb, yc))))
        scale = 1.0 / area
        for y in range(top, bottom + 1):
            for x in range(left, right + 1):
                wa = ((xb - x) * (yc - y) - (yb - y) * (xc - x)) * scale
                wb = ((xc - x) * (ya - y) - (yc - y) * (xa - x)) * scale
                wc = 1.0 - wa - wb
                if wa < 0.0 or wb < 0.0 or wc < 0.0:
                    continue
                # Perspective-correct: 1/z is what varies linearly over the screen.
                wa, wb, wc = wa / za, wb / zb, wc / zc
                z = 1.0 / (wa + wb + wc)
                if z < depth[y, x]:
                    depth[y, x] = z
                    winner[y, x] = f
                    weights[y, x, 0] = wa * z
                    weights[y, x, 1] = wb * z


@njit(cache=True, nogil=True, fastmath=True)
def _shade(faces, colours, normals, winner, depth, weights, rays, light, rgba, coarse):
    """Lights each sample once and averages the samples of each pixel."""
    direction, ambient, diffuse = light[0], light[1], light[2]
    specular, shininess, wrap, sky = light[3, 0], light[3, 1], light[3, 2], light[4, 0]
    height, width = coarse.shape
    total = np.empty(3)
    colour = np.empty(3)
    normal = np.empty(3)
    for y in range(height):
        for x in range(width):
            total[:] = 0.0
            covered = 0
            nearest = np.inf
            for sub in range(SAMPLES * SAMPLES):
                sy = y * SAMPLES + sub // SAMPLES
                sx = x * SAMPLES + sub % SAMPLES
                f = winner[sy, sx]
                if f < 0:
                    continue
                covered += 1
                nearest = min(nearest, depth[sy, sx])
                wa, wb = weights[sy, sx, 0], weights[sy, sx, 1]
                wc = 1.0 - wa - wb
                for k in range(3):
                    a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
                    colour[k] = wa * colours[a, k] + wb * colours[b, k] + wc * colours[c, k]
                    normal[k] = wa * normals[a, k] + wb * normals[b, k] + wc * normals[c, k]
                normal /= np.sqrt((normal * normal).sum()) + 1e-9
                lambert = (normal * direction).sum()
                lit = max(0.0, (lambert + wrap) / (1.0 + wrap))
                # y points down, so a normal with negative y faces the sky.
                hemisphere = 1.0 - sky * 0.5 * (1.0 + normal[1])
                shine = 0.0
                if specular > 0.0 and lambert > 0.0:
                    rx = (sx - rays[2]) * rays[0]
                    ry = (sy - rays[3]) * rays[1]
                    norm = np.sqrt(rx * rx + ry * ry + 1.0)
                    hx = direction[0] - rx / norm
                    hy = direction[1] - ry / norm
                    hz = direction[2] - 1.0 / norm
                    half = np.sqrt(hx * hx + hy * hy + hz * hz) + 1e-9
                    facing = (normal[0] * hx + normal[1] * hy + normal[2] * hz) / half
                    shine = specular * max(0.0, facing) ** shininess
                for k in range(3):
                    value = colour[k] * (ambient[k] * hemisphere + diffuse[k] * lit)
                    total[k] += min(1.0, value + shine * diffuse[k])
            coarse[y, x] = nearest
            if covered > 0:
                for k in range(3):
                    rgba[y, x, k] = int(total[k] / covered * 255.0 + 0.5)
                rgba[y, x, 3] = (covered * 255) // (SAMPLES * SAMPLES)


def _pack(light):
    """The light as one 5 x 3 array for the compiled code."""
    merged = {**DEFAULT_LIGHT, **(light or {})}
    packed = np.zeros((5, 3))
    packed[0] = merged["direction"]
    packed[0] /= np.linalg.norm(packed[0])
    packed[1] = merged["ambient"]
    packed[2] = merged["diffuse"]
    packed[3] = merged["specular"], merged["shininess"], merged["wrap"]
    packed[4, 0] = merged["sky"]
    return packed


def project(points, camera):
    """Camera-space points (N, 3) to pixels (N, 2)."""
    fx, fy, cx, cy = camera
    points = np.asarray(points, np.float64)
    depth = np.maximum(points[:, 2], 1e-6)
    return np.stack([fx * points[:, 0] / depth + cx, fy * points[:, 1] / depth + cy], 1)


def render(vertices, faces, colours, normals, camera, size, light=None):
    """Draws the mesh; `camera` is (fx, fy, cx, cy) and `size` (width, height), both in pixels."""
    width, height = size
    fx, fy, cx, cy = camera
    shape = (height * SAMPLES, width * SAMPLES)
    centre = (cx + 0.5) * SAMPLES - 0.5, (cy + 0.5) * SAMPLES - 0.5
    vertices = np.ascontiguousarray(vertices, np.float64)
    faces = np.ascontiguousarray(faces, np.int32)
    screen = project(vertices, (fx * SAMPLES, fy * SAMPLES, *centre))
    depth = np.full(shape, np.inf, np.float32)
    winner = np.full(shape, -1, np.int32)
    weights = np.empty((*shape, 2), np.float32)
    _draw(vertices, faces, screen, winner, depth, weights)
    rgba = np.zeros((height, width, 4), np.uint8)
    coarse = np.empty((height, width), np.float32)
    rays = np.array([1.0 / (fx * SAMPLES), 1.0 / (fy * SAMPLES), *centre])
    colours = np.ascontiguousarray(colours, np.float64)
    normals = np.ascontiguousarray(normals, np.float64)
    _shade(faces, colours, normals, winner, depth, weights, rays, _pack(light), rgba, coarse)
    return rgba, coarse


def vertex_normals(vertices, faces):
    """Area-weighted unit normals (V, 3) of a mesh."""
    corners = vertices[faces]
    face = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(normals, faces[:, corner], face)
    return normals / (np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12)


def ambient_occlusion(depth, reach, amount):
    """How much light reaches each pixel, 0..1: less where it lies deeper than its surroundings.

    `depth` as `render` gives it; `reach` is the neighbourhood in pixels, `amount` the darkening per
    metre of depth below the neighbourhood's mean.
    """
    covered = np.isfinite(depth)
    if not covered.any():
        return np.ones_like(depth)
    filled = np.where(covered, depth, depth[covered].max()).astype(np.float32)
    mean = cv2.GaussianBlur(filled, (0, 0), reach)
    return 1.0 - np.clip((filled - mean) * amount, 0.0, 0.5) * covered
