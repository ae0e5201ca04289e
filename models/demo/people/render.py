"""Renders pictures in bulk into the cache, on all cores, in shards: what is there is kept, what is missing is
made.

In: the cache folder, a kind (`hand`, `body`, `negative`, `background`), a split, a count, switches. Out:
`Figures` or background pictures, memory-mapped. Each picture depends on the seed of its split, its kind and
its number alone.

    python -m people.render KIND COUNT [--split train|test] [--jobs N] [--cache DIR]

"""

import argparse
import hashlib
import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np

from . import shots
from .shots import KINDS, SEEDS
from .studio import PICTURES_A_PERSON, open_studio
from .switches import ALL

# A multiple of PICTURES_A_PERSON, so that no person spans two shards.
SHARD = 10 * PICTURES_A_PERSON
REPORT_EVERY_S = 30

_studio = None


def folder(cache, kind, split, switches=ALL):
    """Where a kind's shards lie; other code or other switches are other pictures."""
    text = shots.code(kind) + repr(sorted(asdict(switches).items()))
    return Path(cache, "people", f"{kind}-{split}-{hashlib.sha256(text.encode()).hexdigest()[:8]}")


def _make_shard(target, kind, split, first, count, switches):
    """One shard's arrays, in order."""
    _studio.fresh()
    made = [shots.take(_studio, kind, split, number, switches) for number in range(first, first + count)]
    # The pictures come last: a shard is whole once they bear their name.
    for name in made[0]:
        path = target.with_name(f"{target.name}-{name}.npy")
        with open(path.with_suffix(".part"), "wb") as file:
            np.save(file, np.stack([one[name] for one in made]))
        os.replace(path.with_suffix(".part"), path)


def _begin(cache):
    global _studio
    cv2.setNumThreads(1)
    _studio = open_studio(cache)


def _cores():
    return len(os.sched_getaffinity(0))


def fill(cache, kind, split, count, switches=ALL, jobs=None):
    """Renders the shards that are missing of `count` pictures."""
    place = folder(cache, kind, split, switches)
    place.mkdir(parents=True, exist_ok=True)
    cuts = range(0, count, SHARD)
    missing = [first for first in cuts if not (place / f"{first:06}-pictures.npy").exists()]
    if not missing:
        return place
    # Made once here, so that the workers only read it.
    open_studio(cache)
    start = reported = time.time()
    # Fresh processes: a forked one would inherit the locks of the libraries' threads.
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs or _cores(), fresh, initializer=_begin, initargs=(cache,)) as pool:
        work = [
            pool.submit(_make_shard, place / f"{first:06}", kind, split, first, SHARD, switches)
            for first in missing
        ]
        for done, job in enumerate(as_completed(work), 1):
            job.result()
            now = time.time()
            if now - reported > REPORT_EVERY_S or done == len(work):
                left = (now - start) / done * (len(work) - done)
                made = (len(cuts) - len(missing) + done) * SHARD
                print(f"{kind} {split}: {made} pictures, {left / 60:.1f} min to go", flush=True)
                reported = now
    return place


class Shards:
    """One array that lies in many files; indexing maps the file that holds the item."""

    def __init__(self, place, name, count):
        paths = [place / f"{first:06}-{name}.npy" for first in range(0, count, SHARD)]
        self._arrays = [np.load(path, mmap_mode="r") for path in paths]
        self._count = count

    def __len__(self):
        return self._count

    def __getitem__(self, index):
        return self._arrays[index // SHARD][index % SHARD]


def _whole(place, name, count):
    """A small array of all shards, in memory."""
    firsts = range(0, count, SHARD)
    return np.concatenate([np.load(place / f"{first:06}-{name}.npy") for first in firsts])[:count]


class Figures:
    """`pictures` (N, SIDE, SIDE, 4), `joints` (N, J, 2), `visible` (N, J), `labels` (N,), and of bodies
    `hands` (N, 2, 21, 3), as in `studio.Picture`.

    A label is 1 for a right hand, 0 for a left one, NaN for a body, and a negative's place in
    `negatives.KINDS`.
    """

    def __init__(self, cache, kind, split, count, switches=ALL, jobs=None):
        place = fill(cache, kind, split, count, switches, jobs)
        self.pictures = Shards(place, "pictures", count)
        self.joints, self.visible, self.labels = (
            _whole(place, name, count) for name in ("joints", "visible", "labels")
        )
        if kind == "body":
            self.hands = _whole(place, "hands", count)

    def __len__(self):
        return len(self.pictures)


def backgrounds(cache, split, count, jobs=None):
    return Shards(fill(cache, "background", split, count, ALL, jobs), "pictures", count)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("count", type=int)
    parser.add_argument("--split", choices=SEEDS, default="train")
    parser.add_argument("--jobs", type=int, help="processes; all cores if not given")
    parser.add_argument("--cache", default=str(Path(__file__).resolve().parent.parent / ".cache"))
    options = parser.parse_args()
    fill(options.cache, options.kind, options.split, options.count, jobs=options.jobs)


if __name__ == "__main__":
    main()
