"""Reads a skinned mesh from a binary glTF 2.0 file (.glb) with numpy alone.

In: the path of a .glb with one mesh of one primitive and one skin.
Out: a `SkinnedMesh` in the file's own frame (metres): rest positions, normals, faces, four bones and
weights per vertex, and per bone its name, rest transform and inverse bind matrix.
"""

import json
import struct
from dataclasses import dataclass

import numpy as np

_DTYPES = {5121: np.uint8, 5123: np.uint16, 5125: np.uint32, 5126: np.float32}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
_MAGIC, _JSON, _BIN = 0x46546C67, 0x4E4F534A, 0x004E4942


@dataclass
class SkinnedMesh:
    vertices: np.ndarray  # (V, 3)
    normals: np.ndarray  # (V, 3)
    faces: np.ndarray  # (F, 3) int32
    bones: np.ndarray  # (V, 4) indices into `names`
    weights: np.ndarray  # (V, 4), each row sums to 1
    names: list  # bone names
    rest: np.ndarray  # (B, 4, 4) bone to mesh frame at rest
    inverse_bind: np.ndarray  # (B, 4, 4) mesh frame to bone


def _chunks(data):
    magic, version, length = struct.unpack_from("<III", data)
    if magic != _MAGIC or version != 2:
        raise ValueError("not a glTF 2.0 binary file")
    offset, found = 12, {}
    while offset < length:
        size, kind = struct.unpack_from("<II", data, offset)
        found[kind] = data[offset + 8 : offset + 8 + size]
        offset += 8 + size
    return json.loads(found[_JSON]), found[_BIN]


def _accessor(document, binary, index):
    accessor = document["accessors"][index]
    view = document["bufferViews"][accessor["bufferView"]]
    if "byteStride" in view:
        raise ValueError("interleaved buffers are not supported")
    width, count = _WIDTHS[accessor["type"]], accessor["count"]
    start = view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
    values = np.frombuffer(binary, _DTYPES[accessor["componentType"]], count * width, start)
    return values.reshape(count, width)


def _local(node):
    """A node's 4 x 4 transform from its translation, quaternion (x, y, z, w) and scale."""
    x, y, z, w = node.get("rotation", (0, 0, 0, 1))
    rotation = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    transform = np.eye(4)
    transform[:3, :3] = rotation * np.array(node.get("scale", (1, 1, 1)))
    transform[:3, 3] = node.get("translation", (0, 0, 0))
    return transform


def _globals(nodes):
    parents = {child: i for i, node in enumerate(nodes) for child in node.get("children", ())}

    def world(index):
        here = _local(nodes[index])
        return world(parents[index]) @ here if index in parents else here

    return [world(i) for i in range(len(nodes))]


def read(path):
    with open(path, "rb") as file:
        document, binary = _chunks(file.read())
    (primitive,) = document["meshes"][0]["primitives"]
    (skin,) = document["skins"]

    def get(index):
        return _accessor(document, binary, index)

    attributes = primitive["attributes"]
    world = _globals(document["nodes"])
    # glTF stores matrices column by column.
    inverse_bind = get(skin["inverseBindMatrices"]).reshape(-1, 4, 4).transpose(0, 2, 1)
    weights = get(attributes["WEIGHTS_0"]).astype(np.float64)
    return SkinnedMesh(
        vertices=get(attributes["POSITION"]).astype(np.float64),
        normals=get(attributes["NORMAL"]).astype(np.float64),
        faces=get(primitive["indices"]).reshape(-1, 3).astype(np.int32),
        bones=get(attributes["JOINTS_0"]).astype(np.int32),
        weights=weights / weights.sum(1, keepdims=True),
        names=[document["nodes"][i]["name"] for i in skin["joints"]],
        rest=np.stack([world[i] for i in skin["joints"]]),
        inverse_bind=inverse_bind.astype(np.float64),
    )
