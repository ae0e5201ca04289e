"""A small software renderer: textures with holes, a panorama's light, shadows, skin that lets some light
through.

In: a `Mesh` in camera space, a camera (focal, cx, cy) in pixels, a `light.Lighting`. Out: linear RGB times
cover, cover 0..1 and depth, all (side, side). Everything is computed in linear light; `to_srgb` makes the 8
bits.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numba import njit

from .geometry import normals

SAMPLES = 2  # a pixel's side
SHADOW_SIDE = 320
NEAR = 0.02  # metres
OPAQUE = 110  # alpha from which a texture's pixel is there
LINEAR = ((np.arange(256) / 255.0) ** 2.2).astype(np.float32)
SKIN, CLOTH, CUTOUT = range(3)


@dataclass
class Part:
    """One material of a mesh. `rest` are the vertices that its grain sticks to."""

    posed: np.ndarray  # (V, 3)
    rest: np.ndarray  # (V, 3)
    faces: np.ndarray  # (F, 3)
    uv: np.ndarray  # (F, 3, 2)
    texture: np.ndarray  # (side, side, 4) uint8
    tint: np.ndarray  # (3,), factor of the texture's colour
    kind: int  # SKIN, CLOTH or CUTOUT, whose transparent pixels are holes (hair, suits)


@dataclass
class Mesh:
    vertices: np.ndarray
    normals: np.ndarray
    rest: np.ndarray
    faces: np.ndarray
    uv: np.ndarray
    sheet: np.ndarray  # (F,), which part a face is of
    textures: np.ndarray  # (P, side, side, 4)
    tints: np.ndarray  # (P, 3)
    kinds: np.ndarray  # (P,)


def assemble(rng, parts, to_camera, rotation):
    """One mesh of all parts, moved by `to_camera`, whose rotation is `rotation`."""
    first = np.cumsum([0] + [len(p.posed) for p in parts])
    face_counts = [len(p.faces) for p in parts]
    turned = [normals(np.ascontiguousarray(p.posed, np.float64), p.faces) @ rotation.T for p in parts]
    return Mesh(
        np.concatenate([to_camera(p.posed) for p in parts]),
        np.concatenate(turned),
        # Shifted, so that no two parts share their grain.
        np.concatenate([p.rest + rng.uniform(0, 3, 3) for p in parts]),
        np.concatenate([p.faces + start for p, start in zip(parts, first, strict=False)]).astype(np.int32),
        np.ascontiguousarray(np.concatenate([p.uv for p in parts]), np.float32),
        np.repeat(np.arange(len(parts)), face_counts).astype(np.int32),
        np.stack([p.texture for p in parts]),
        np.array([p.tint for p in parts], np.float64),
        np.array([p.kind for p in parts], np.int32),
    )


@njit(cache=True, nogil=True, fastmath=True)
def _fill(z, screen, faces, uv, sheet, textures, kinds, depth, winner, weights):
    """The nearest face of every sample; `weights` are perspective-correct."""
    height, width = depth.shape
    side = textures.shape[1]
    for f in range(len(faces)):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        if z[a] < NEAR or z[b] < NEAR or z[c] < NEAR:
            continue
        xa, ya, xb, yb, xc, yc = (
            screen[a, 0],
            screen[a, 1],
            screen[b, 0],
            screen[b, 1],
            screen[c, 0],
            screen[c, 1],
        )
        area = (xb - xa) * (yc - ya) - (yb - ya) * (xc - xa)
        if abs(area) < 1e-9:
            continue
        holes = kinds[sheet[f]] == CUTOUT
        for y in range(max(0, int(np.ceil(min(ya, yb, yc)))), min(height - 1, int(max(ya, yb, yc))) + 1):
            for x in range(max(0, int(np.ceil(min(xa, xb, xc)))), min(width - 1, int(max(xa, xb, xc))) + 1):
                wa = ((xb - x) * (yc - y) - (yb - y) * (xc - x)) / area
                wb = ((xc - x) * (ya - y) - (yc - y) * (xa - x)) / area
                wc = 1 - wa - wb
                if wa < 0 or wb < 0 or wc < 0:
                    continue
                wa, wb, wc = wa / z[a], wb / z[b], wc / z[c]
                deep = 1 / (wa + wb + wc)
                if deep >= depth[y, x]:
                    continue
                wa, wb, wc = wa * deep, wb * deep, wc * deep
                if holes:
                    u = wa * uv[f, 0, 0] + wb * uv[f, 1, 0] + wc * uv[f, 2, 0]
                    v = wa * uv[f, 0, 1] + wb * uv[f, 1, 1] + wc * uv[f, 2, 1]
                    if textures[sheet[f], int((1 - v) * side) % side, int(u * side) % side, 3] < OPAQUE:
                        continue
                depth[y, x] = deep
                winner[y, x] = f
                weights[y, x, 0], weights[y, x, 1] = wa, wb


@njit(cache=True, nogil=True)
def _hash(x, y, z):
    h = (x * 374761393 + y * 668265263 + z * 2147483647) & 0xFFFFFFFF
    h = ((h ^ (h >> 13)) * 1274126177) & 0xFFFFFFFF
    return ((h ^ (h >> 16)) & 0xFFFF) / 65535.0


@njit(cache=True, nogil=True, fastmath=True)
def _noise(x, y, z):
    """Value noise, 0..1."""
    i, j, k = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
    x, y, z = x - i, y - j, z - k
    x, y, z = x * x * (3 - 2 * x), y * y * (3 - 2 * y), z * z * (3 - 2 * z)
    total = 0.0
    for a in range(2):
        for b in range(2):
            for c in range(2):
                w = (x if a else 1 - x) * (y if b else 1 - y) * (z if c else 1 - z)
                total += w * _hash(i + a, j + b, k + c)
    return total


@njit(cache=True, nogil=True, fastmath=True)
def _lookup(texture, u, v, out):
    """Bilinear, linear light in 0..1."""
    side = texture.shape[0]
    x, y = (u % 1.0) * side - 0.5, ((1 - v) % 1.0) * side - 0.5
    i, j = int(np.floor(y)), int(np.floor(x))
    fy, fx = y - i, x - j
    for k in range(3):
        a = (
            LINEAR[texture[i % side, j % side, k]] * (1 - fx)
            + LINEAR[texture[i % side, (j + 1) % side, k]] * fx
        )
        b = (
            LINEAR[texture[(i + 1) % side, j % side, k]] * (1 - fx)
            + LINEAR[texture[(i + 1) % side, (j + 1) % side, k]] * fx
        )
        out[k] = a * (1 - fy) + b * fy


@njit(cache=True, nogil=True, fastmath=True)
def _sun_share(shadow, frame, x, y, z):
    """How much of the sun arrives at a point: four taps of the shadow map."""
    lx = (frame[0, 0] * x + frame[0, 1] * y + frame[0, 2] * z) * frame[3, 0] + frame[3, 1]
    ly = (frame[1, 0] * x + frame[1, 1] * y + frame[1, 2] * z) * frame[3, 0] + frame[3, 2]
    lz = frame[2, 0] * x + frame[2, 1] * y + frame[2, 2] * z
    lit = 0.0
    for tap in range(4):
        i, j = int(ly + (tap // 2) * 1.5 - 0.25), int(lx + (tap % 2) * 1.5 - 0.25)
        if i < 0 or j < 0 or i >= SHADOW_SIDE or j >= SHADOW_SIDE or lz < shadow[i, j] + frame[4, 0]:
            lit += 0.25
    return lit


@njit(cache=True, nogil=True, fastmath=True)
def _shade(
    vertices, normal_of, rest, faces, uv, sheet, textures, tints, kinds, winner, weights,
    ambient, sun, sunlight, frame, shadow, bump, gloss, out, cover,
):  # fmt: skip
    albedo, n, total = np.empty(3), np.empty(3), np.empty(3)
    height, width = cover.shape
    for y in range(height):
        for x in range(width):
            count = 0
            total[:] = 0
            for s in range(SAMPLES * SAMPLES):
                sy, sx = y * SAMPLES + s // SAMPLES, x * SAMPLES + s % SAMPLES
                f = winner[sy, sx]
                if f < 0:
                    continue
                count += 1
                wa, wb = weights[sy, sx, 0], weights[sy, sx, 1]
                wc = 1 - wa - wb
                a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
                t = sheet[f]
                u = wa * uv[f, 0, 0] + wb * uv[f, 1, 0] + wc * uv[f, 2, 0]
                v = wa * uv[f, 0, 1] + wb * uv[f, 1, 1] + wc * uv[f, 2, 1]
                _lookup(textures[t], u, v, albedo)
                px = wa * rest[a, 0] + wb * rest[b, 0] + wc * rest[c, 0]
                py = wa * rest[a, 1] + wb * rest[b, 1] + wc * rest[c, 1]
                pz = wa * rest[a, 2] + wb * rest[b, 2] + wc * rest[c, 2]
                # Blotches and pores, which the textures are too coarse for.
                spots = _noise(px * 120, py * 120, pz * 120) - 0.5
                fine = _noise(px * 900, py * 900, pz * 900) - 0.5
                for k in range(3):
                    albedo[k] *= tints[t, k] * (1 + 0.18 * spots + 0.12 * fine)
                    n[k] = wa * normal_of[a, k] + wb * normal_of[b, k] + wc * normal_of[c, k]
                n[0] += bump * fine + 0.3 * bump * spots
                n[1] += bump * (_noise(py * 900, pz * 900, px * 900) - 0.5)
                n[2] += bump * (_noise(pz * 900, px * 900, py * 900) - 0.5)
                vx = wa * vertices[a, 0] + wb * vertices[b, 0] + wc * vertices[c, 0]
                vy = wa * vertices[a, 1] + wb * vertices[b, 1] + wc * vertices[c, 1]
                vz = wa * vertices[a, 2] + wb * vertices[b, 2] + wc * vertices[c, 2]
                length = np.sqrt(n[0] ** 2 + n[1] ** 2 + n[2] ** 2) + 1e-9
                # Both sides of cloth are lit.
                side = 1.0 if n[0] * vx + n[1] * vy + n[2] * vz < 0 else -1.0
                nx, ny, nz = side * n[0] / length, side * n[1] / length, side * n[2] / length
                lit = _sun_share(shadow, frame, vx, vy, vz)
                lambert = nx * sun[0] + ny * sun[1] + nz * sun[2]
                norm = np.sqrt(vx * vx + vy * vy + vz * vz)
                hx, hy, hz = sun[0] - vx / norm, sun[1] - vy / norm, sun[2] - vz / norm
                half = np.sqrt(hx * hx + hy * hy + hz * hz) + 1e-9
                shine = max(0.0, (nx * hx + ny * hy + nz * hz) / half) ** 24
                rim = (1 - max(0.0, -(nx * vx + ny * vy + nz * vz) / norm)) ** 4
                is_skin = kinds[t] == SKIN
                g = gloss if is_skin else 0.25 * gloss
                for k in range(3):
                    e = ambient[0, k] + ambient[1, k] * ny + ambient[2, k] * nz + ambient[3, k] * nx
                    e += ambient[4, k] * nx * ny + ambient[5, k] * ny * nz + ambient[6, k] * (3 * nz * nz - 1)
                    e += ambient[7, k] * nx * nz + ambient[8, k] * (nx * nx - ny * ny)
                    e = max(e, 0.0)
                    # Light that skin lets through reddens the shadow's edge.
                    wrap = (0.30, 0.10, 0.05)[k] if is_skin else 0.0
                    direct = max(0.0, (lambert + wrap) / (1 + wrap)) * (lit if lambert > 0 else 1.0)
                    total[k] += albedo[k] * (e + direct * sunlight[k]) + g * (
                        lit * shine * sunlight[k] + 0.5 * rim * e
                    )
            if count:
                for k in range(3):
                    out[y, x, k] = total[k] / count
                cover[y, x] = count / (SAMPLES * SAMPLES)


def project(points, camera):
    """(N, 3) to pixels (N, 2); the centre of pixel (i, j) is at (i, j)."""
    focal, cx, cy = camera
    z = np.maximum(points[:, 2], 1e-3)
    return np.stack([focal * points[:, 0] / z + cx, focal * points[:, 1] / z + cy], 1)


def _raster(mesh, z, screen, shape):
    depth = np.full(shape, np.inf, np.float32)
    winner = np.full(shape, -1, np.int32)
    weights = np.zeros((*shape, 2), np.float32)
    _fill(z, screen, mesh.faces, mesh.uv, mesh.sheet, mesh.textures, mesh.kinds, depth, winner, weights)
    return depth, winner, weights


def _shadow_map(mesh, vertices, sun):
    """Orthographic depth from the sun, and the frame that leads there: axes, scale with offsets, bias."""
    forward = -sun
    right = np.cross(forward, [0.1, 1, 0.2])
    right /= np.linalg.norm(right)
    frame = np.zeros((5, 3))
    frame[:3] = right, np.cross(forward, right), forward
    local = vertices @ frame[:3].T
    low, high = local.min(0), local.max(0)
    scale = (SHADOW_SIDE - 4) / max(high[:2] - low[:2])
    frame[3] = scale, 2 - low[0] * scale, 2 - low[1] * scale
    frame[4, 0] = 2.5 / scale + 0.0015
    # The rasteriser divides by depth: far away that is as good as orthographic.
    away = 1001 - low[2]
    flat = local[:, :2] * scale + frame[3, 1:]
    depth = _raster(mesh, local[:, 2] + away, flat, (SHADOW_SIDE, SHADOW_SIDE))[0]
    return frame, depth - away


def _hollows(depth, reach, amount):
    """Light left where a surface lies deeper than its surroundings, 0.4..1. `reach` in px, `amount` per
    metre.
    """
    covered = np.isfinite(depth)
    if not covered.any():
        return np.ones(depth.shape)
    filled = np.where(covered, depth, depth[covered].max()).astype(np.float32)
    deep = filled - cv2.GaussianBlur(filled, (0, 0), reach)
    return 1 - np.clip(deep * amount, 0, 0.6) * covered


def render(rng, mesh, camera, side, lighting, reach=0.02):
    """(linear RGB times cover, cover, depth). `reach`: how far one limb shades another, metres."""
    focal, cx, cy = camera
    fine = (focal * SAMPLES, (cx + 0.5) * SAMPLES - 0.5, (cy + 0.5) * SAMPLES - 0.5)
    vertices = np.ascontiguousarray(mesh.vertices, np.float64)
    screen = project(vertices, fine)
    z = np.ascontiguousarray(vertices[:, 2])
    depth, winner, weights = _raster(mesh, z, screen, (side * SAMPLES, side * SAMPLES))
    frame, shadow = _shadow_map(mesh, vertices, lighting.sun)
    out, cover = np.zeros((side, side, 3)), np.zeros((side, side))
    _shade(
        vertices, np.ascontiguousarray(mesh.normals), np.ascontiguousarray(mesh.rest), mesh.faces, mesh.uv,
        mesh.sheet, mesh.textures, mesh.tints, mesh.kinds, winner, weights, lighting.ambient, lighting.sun,
        lighting.sunlight, frame, shadow, rng.uniform(0.1, 0.45), lighting.gloss, out, cover,
    )  # fmt: skip
    coarse = depth.reshape(side, SAMPLES, side, SAMPLES).min((1, 3))
    covered = np.isfinite(coarse)
    middle = np.median(coarse[covered]) if covered.any() else 1.0
    out *= _hollows(coarse, max(2.0, reach * focal / middle), 0.28 / reach)[..., None]
    return out * cover[..., None], cover, coarse


def to_srgb(linear):
    """A soft shoulder, then 8 bits."""
    return (np.clip(linear / (1 + 0.25 * linear) * 1.15, 0, 1) ** (1 / 2.2) * 255 + 0.5).astype(np.uint8)


def figure(linear, cover):
    """Premultiplied RGBA uint8 in sRGB."""
    rgb = to_srgb(linear / np.maximum(cover, 1e-6)[..., None]) * cover[..., None]
    return np.dstack([rgb, cover * 255]).astype(np.uint8)
