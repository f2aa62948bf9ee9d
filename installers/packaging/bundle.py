"""What goes into the frozen program, and what stays out: the lists that `build.spec` hands to PyInstaller.

What a library imports "if it is there" comes along with all it needs, unless it is named here. `tests/packages`
measures what is inside.
"""

from __future__ import annotations

import re
from pathlib import Path

from core import __version__
from installers.packaging import identity

ROOT = Path(__file__).parents[2]
ENTRY = str(ROOT / "installers" / "packaging" / "entry.py")

# A place in the bundle, the file that comes from, and its kind: PyInstaller's own form.
Contents = list[tuple[str, str, str]]

# The dashboard reads its files as data of its package.
_STATIC = "core/dashboard/static"

# Imported by name, which PyInstaller cannot see: the dashboard by `core.server.app`, a backend by pystray.
_HIDDEN = ("core.server.pages", "pystray._dummy")

# The backends of the tray, by `sys.platform`: each needs a toolkit that the others lack.
_BACKENDS = {
    "darwin": ("tray.macos", "pystray._darwin"),
    "linux": ("tray.linux", "pystray._xorg"),
    "win32": ("tray.windows", "pystray._win32"),
}

# Nothing of ours uses them. `sqlite3` stays out of this list: it is Python's own, small, and not ours to break.
UNNEEDED = (
    # of Python's library
    *("curses", "doctest", "ensurepip", "idlelib", "lib2to3", "pdb", "pydoc", "test", "tkinter", "unittest"),
    # of those who build
    *("_pytest", "pip", "pkg_resources", "pytest", "setuptools", "wheel"),
    # of libraries, "if it is there"
    *("IPython", "gi", "h2", "jinja2", "numpy", "pygments", "rich", "trio", "watchfiles", "websockets"),
    *("brotli", "brotlicffi", "dotenv", "email_validator", "multipart", "orjson", "python_multipart", "ujson", "yaml"),
    "zstandard",
    # of Pillow: formats of pictures, fonts and windows; the icons need neither
    *(f"PIL.{name}" for name in ("_avif", "_imagingcms", "_imagingft", "_imagingmath", "_imagingmorph", "_imagingtk")),
    *("PIL._webp", "PIL.ImageQt", "PIL.ImageTk", "PIL.ImageShow"),
    *("pystray._appindicator", "pystray._gtk"),
)

# Scripts by which PyInstaller repairs modules of Python before the program begins. Ours looks for no source text and no
# modules, and starts no copies of itself by `multiprocessing`; what these import is a third of a start.
_IDLE_REPAIRS = ("pyi_rth_inspect", "pyi_rth_multiprocessing", "pyi_rth_pkgutil")


def hidden_imports(platform: str) -> list[str]:
    return [*_HIDDEN, *_BACKENDS[platform]]


def excluded(platform: str) -> list[str]:
    others = (module for other, modules in _BACKENDS.items() if other != platform for module in modules)
    return [*UNNEEDED, *others]


def data_files() -> list[tuple[str, str]]:
    """Each a file or folder, and the folder in the bundle that it goes to."""
    return [(str(ROOT / _STATIC), _STATIC)]


def without_idle_repairs(scripts: Contents) -> Contents:
    return [script for script in scripts if script[0] not in _IDLE_REPAIRS]


def forget_last_build(work: str | Path) -> None:
    """Both executables have one name, and so have what PyInstaller keeps of them: it would take one for the other."""
    for kept in [*Path(work).glob("EXE-*.toc"), *Path(work).glob("PKG-*.toc")]:
        kept.unlink()


def info_plist() -> dict[str, object]:
    """What macOS reads of the app. It lives in the menu bar: neither in the Dock nor among the open apps."""
    return {
        "CFBundleDisplayName": identity.NAME,
        "CFBundleShortVersionString": __version__,
        "LSUIElement": True,
        "NSHumanReadableCopyright": f"© {identity.PUBLISHER}, {identity.LICENSE} license",
    }


def version_resource(program: str) -> str:
    """What Windows shows as the properties of `program`, in the form that PyInstaller reads."""
    numbers = ([int(number) for number in re.findall(r"\d+", __version__)[:3]] + [0, 0, 0, 0])[:4]
    strings = {
        "CompanyName": identity.PUBLISHER,
        "FileDescription": identity.NAME,
        "FileVersion": __version__,
        "InternalName": identity.NAME,
        "LegalCopyright": f"© {identity.PUBLISHER}, {identity.LICENSE} license",
        "OriginalFilename": program,
        "ProductName": identity.NAME,
        "ProductVersion": __version__,
    }
    table = ", ".join(f"StringStruct({name!r}, {text!r})" for name, text in strings.items())
    # 0409 and 1033 are English, 04B0 and 1200 are UTF-16:
    # https://learn.microsoft.com/windows/win32/menurc/varfileinfo-block
    return (
        f"VSVersionInfo(FixedFileInfo(filevers={tuple(numbers)}, prodvers={tuple(numbers)}), ["
        f"StringFileInfo([StringTable('040904B0', [{table}])]), "
        "VarFileInfo([VarStruct('Translation', [1033, 1200])])])\n"
    )
