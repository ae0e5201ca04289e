"""Fetches the rigged hand mesh from npm into the cache; nothing of it is kept in the repository.

In: the cache folder. Out: the folder that holds `left.glb` and `right.glb` (MIT licence, see the
package's own LICENSE). Needs `npm` once.
"""

import os
import subprocess
import tarfile

PACKAGE = "@webxr-input-profiles/assets@1.0.20"
_INSIDE = "package/dist/profiles/generic-hand"


def hand_folder(cache):
    folder = os.path.join(cache, "generic-hand")
    if os.path.exists(os.path.join(folder, "right.glb")):
        return folder
    os.makedirs(folder, exist_ok=True)
    command = ["npm", "pack", PACKAGE, "--silent", "--pack-destination", cache]
    name = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1]
    archive = os.path.join(cache, os.path.basename(name))
    with tarfile.open(archive) as package:
        for side in ("left.glb", "right.glb"):
            content = package.extractfile(f"{_INSIDE}/{side}").read()
            with open(os.path.join(folder, side), "wb") as file:
                file.write(content)
    os.remove(archive)
    return folder
