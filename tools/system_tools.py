"""Find, and where there is the right to, install the programs the tests need from the system.

`python tools/system_tools.py` makes sure that Chromium and Mosquitto are there; the tests ask
`find_tool` where. Runs on the standard library alone.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Tool:
    """A program, the places it is looked for, and the packages that bring it.

    Attributes:
        name: What messages call it.
        commands: Commands looked up on PATH, then paths looked at, in order.
        packages: Names of its packages by package manager.
    """

    name: str
    commands: tuple[str, ...]
    packages: dict[str, tuple[str, ...]]


CHROMIUM = Tool(
    "Chromium",
    (
        "chromium",
        "chromium-browser",
        "google-chrome",
        "google-chrome-stable",
        "/Applications/Chromium.app/Contents/MacOS/Chromium",
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    ),
    {
        "apt-get": ("chromium", "fonts-dejavu-core"),
        "dnf": ("chromium", "dejavu-sans-fonts"),
        "brew": ("--cask", "chromium"),
    },
)
# Debian puts the broker into a folder that is not on everybody's PATH.
MOSQUITTO = Tool(
    "Mosquitto",
    (
        "mosquitto",
        "/usr/sbin/mosquitto",
        "/usr/local/sbin/mosquitto",
        "/opt/homebrew/sbin/mosquitto",
    ),
    {"apt-get": ("mosquitto",), "dnf": ("mosquitto",), "brew": ("mosquitto",)},
)
MOSQUITTO_CLIENTS = Tool(
    "mosquitto_pub",
    ("mosquitto_pub",),
    {"apt-get": ("mosquitto-clients",), "dnf": ("mosquitto",), "brew": ("mosquitto",)},
)
TOOLS = (CHROMIUM, MOSQUITTO, MOSQUITTO_CLIENTS)


def find_tool(tool: Tool) -> Path | None:
    """Path of the program, or None where it is not installed."""
    for command in tool.commands:
        path = shutil.which(command)
        if path is not None:
            return Path(path)
    return None


def root_prefix() -> list[str] | None:
    """What to put before a command that needs root's rights; None where there is no way."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") is None:
        return None
    granted = subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False)
    return ["sudo", "-n"] if granted.returncode == 0 else None


def install_command(missing: Sequence[Tool]) -> str:
    """The command that installs the missing programs, for people; names only where unknown."""
    for package_manager, command in (
        ("apt-get", "sudo apt-get install"),
        ("dnf", "sudo dnf install"),
        ("brew", "brew install"),
    ):
        if shutil.which(package_manager) is not None:
            return " && ".join(
                f"{command} {' '.join(t.packages[package_manager])}" for t in missing
            )
    return f"install {', '.join(tool.name for tool in missing)} with your system's package manager"


def apt_install(prefix: list[str], missing: Sequence[Tool]) -> None:
    """Install the missing programs with apt-get.

    Raises:
        subprocess.CalledProcessError: apt-get failed; it has said why.
    """
    packages = [package for tool in missing for package in tool.packages["apt-get"]]
    print(f"      apt-get install {' '.join(packages)} ...", flush=True)
    apt = [
        *prefix,
        "env",
        "DEBIAN_FRONTEND=noninteractive",
        "apt-get",
        "-qq",
        "-o",
        "DPkg::Lock::Timeout=300",
    ]
    subprocess.run([*apt, "update"], check=True)
    subprocess.run(
        [*apt, "install", "-y", "--no-install-recommends", *packages],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    # Debian starts a service for each broker it installs. The tests start brokers of their own,
    # and the port belongs to the hub's embedded one.
    if MOSQUITTO in missing and Path("/run/systemd/system").is_dir():
        subprocess.run([*prefix, "systemctl", "disable", "--now", "mosquitto"], check=False)


def main(tools: Sequence[Tool] = TOOLS) -> int:
    """Make sure that every tool is there. Exit code 0: all are; 1: not, and what to do is said."""
    missing = [tool for tool in tools if find_tool(tool) is None]
    if not missing:
        return 0
    prefix = root_prefix()
    if shutil.which("apt-get") is not None and prefix is not None:
        try:
            apt_install(prefix, missing)
        except subprocess.CalledProcessError as error:
            print(f"setup: apt-get failed with exit code {error.returncode}", file=sys.stderr)
        missing = [tool for tool in missing if find_tool(tool) is None]
    if missing:
        names = ", ".join(tool.name for tool in missing)
        print(f"setup: the tests need {names}: {install_command(missing)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
