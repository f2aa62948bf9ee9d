"""What a desktop and a shell make of the package's files: its entry in the menu, its page, its completions."""

from __future__ import annotations

import gzip
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from installers.packaging.linux import completions, desktop_files
from tests import needs
from tests.desktop.tray_host import Desktop
from tests.packages.linux import SECONDS, LinuxPackages, unpacked


@pytest.fixture(scope="module")
def system(linux_packages: LinuxPackages, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpacked(linux_packages.deb, tmp_path_factory.mktemp("system"))


@pytest.fixture
def environ(system: Path, tmp_path: Path) -> dict[str, str]:
    """That of somebody who finds the package's files where a package puts them."""
    return {
        "HOME": str(tmp_path),
        "PATH": f"{system}/usr/bin:/usr/bin:/bin",
        "XDG_DATA_DIRS": f"{system}/usr/share:/usr/share",
        "LANG": "C.UTF-8",
        "TERM": "dumb",
    }


def said(*command: str | Path, environ: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(
        [str(word) for word in command], env=environ, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def quit_afterwards(desktop: Desktop) -> Iterator[None]:
    """Ends what a menu started, which is nobody's child."""
    try:
        yield
    finally:
        subprocess.run(["cliproxyapi", "quit"], env=desktop.environment, check=False, timeout=SECONDS)


def test_a_double_click_brings_the_icon_up(system: Path, environ: dict[str, str]) -> None:
    launch = needs.program("gtk-launch")
    with Desktop("xfce") as desktop:
        desktop.environment |= {name: environ[name] for name in ("PATH", "XDG_DATA_DIRS")}
        desktop.environment |= {"CLIPROXYAPI_PORT": "0", "CLIPROXYAPI_ROUTE": "demo"}
        with quit_afterwards(desktop):
            # Not waited for: what it starts holds its output open.
            desktop.spawn(str(launch), desktop_files.ENTRY.stem)
            icon = desktop.find_icon()
            menu = desktop.open_menu(icon)
            if folder := os.environ.get("SCREENSHOTS"):
                desktop.screenshot().save(Path(folder) / "double-click.png")
            for line in ("Open Dashboard", "Start at Login", "Quit CLIProxyAPI"):
                assert line in menu
            desktop.click(menu["Quit CLIProxyAPI"])
            assert desktop.icon_is_gone()


def test_the_entry_is_valid(system: Path) -> None:
    entry = system / "usr/share" / desktop_files.ENTRY
    assert said(needs.program("desktop-file-validate"), entry) == ""


def test_software_centres_accept_the_description(system: Path) -> None:
    metainfo = system / "usr/share" / desktop_files.METAINFO
    said(needs.program("appstreamcli"), "validate", "--no-net", metainfo)


def test_the_manual_page_is_well_written(system: Path, tmp_path: Path) -> None:
    page = tmp_path / "cliproxyapi.1"
    page.write_bytes(gzip.decompress((system / "usr/share/man/man1/cliproxyapi.1.gz").read_bytes()))
    assert said(needs.program("mandoc"), "-T", "lint", "-W", "warning", page) == ""


def test_bash_completes(system: Path, environ: dict[str, str]) -> None:
    script = system / "usr/share" / completions.PLACES["bash"]
    ask = f"""
        source {script}
        COMP_WORDS=(cliproxyapi autostart en) COMP_CWORD=2
        _cliproxyapi_completion cliproxyapi && echo "${{COMPREPLY[@]}}"
    """
    assert said(needs.program("bash"), "--norc", "-c", ask, environ=environ) == "enable\n"


def test_fish_completes(environ: dict[str, str]) -> None:
    offered = said(needs.program("fish"), "-c", "complete -C 'cliproxyapi autostart en'", environ=environ)
    assert [line.partition("\t")[0] for line in offered.splitlines()] == ["enable"]


def test_zsh_completes(system: Path, environ: dict[str, str]) -> None:
    folder = (system / "usr/share" / completions.PLACES["zsh"]).parent
    # A terminal of zsh's own, with somebody who types half a word and asks.
    ask = f"""
        zmodload zsh/zpty
        zpty shell "PS1= zsh -f -i"
        zpty -w shell "fpath=({folder} \\$fpath); autoload -U compinit; compinit -u -D; PS1=; echo read''y"
        zpty -r shell line '*ready*'
        zpty -w -n shell $'cliproxyapi autostart en\\t'
        zpty -r shell line '*enable*' && print found
    """
    assert said("timeout", "60", needs.program("zsh"), "-f", "-c", ask, environ=environ) == "found\n"
