"""The Homebrew cask, for a tap of our own: `python -m installers.packaging.macos.cask FOLDER OUTPUT` writes it for the
disk images that lie in FOLDER. The formula `cliproxyapi` of Homebrew's main tap is another program, so the cask has
another name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import click

from core import __version__
from core.paths import Paths
from installers.launch_agent import LABEL
from installers.packaging import identity
from installers.packaging.artefacts import ARCHITECTURES, disk_image, sha256

# Below the home, as platformdirs has it.
_DATA = Path("~/Library/Application Support/cliproxyapi")
_LOGS = Path("~/Library/Logs/cliproxyapi")
# Apple's own processors begin with it.
_OLDEST_MACOS = ":big_sur"


def macos_paths() -> Paths:
    """Where the program's files are on macOS."""
    return Paths(config_dir=_DATA, data_dir=_DATA, log_dir=_LOGS, run_dir=_DATA / "run")


def render_cask(version: str, checksums: Mapping[str, str]) -> str:
    """The cask of `version`; `checksums` are those of the disk images, by architecture (SHA-256, hexadecimal)."""
    arm, intel = ARCHITECTURES["macos"]
    image = disk_image("#{version}", "#{arch}")
    written = [str(PurePosixPath(name)) for name in macos_paths().written_names()]
    folders = [str(PurePosixPath(folder)) for folder in macos_paths().directories()]
    return f'''cask "{identity.CASK}" do
  arch arm: "{arm}", intel: "{intel}"

  version "{version}"
  sha256 arm:   "{checksums[arm]}",
         intel: "{checksums[intel]}"

  url "{identity.HOMEPAGE}/releases/download/v#{{version}}/{image}"
  name "{identity.NAME}"
  desc "{identity.SUMMARY}"
  homepage "{identity.HOMEPAGE}"

  depends_on macos: ">= {_OLDEST_MACOS}"

  app "{identity.NAME}.app"
  binary "#{{appdir}}/{identity.NAME}.app/Contents/MacOS/{identity.NAME}", target: "cliproxyapi"

  uninstall launchctl: "{LABEL}",
            quit:      "{identity.APPLICATION_ID}"

  zap trash: [
{_list(written)}
      ],
      rmdir: [
{_list(folders)}
      ]

  caveats <<~EOS
    The formula "cliproxyapi" of Homebrew's main tap is another program, with a command of the same name:
    have one of them installed. "cliproxyapi doctor" says which one a terminal starts.
    Homebrew takes Start at Login away with each upgrade: switch it on again in the menu of the icon.
  EOS
end
'''


def _list(paths: list[str]) -> str:
    return "\n".join(f'        "{path}",' for path in paths)


@click.command(help=__doc__)
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("output", type=click.Path(path_type=Path, dir_okay=False))
def main(folder: Path, output: Path) -> None:
    images = {arch: folder / disk_image(__version__, arch) for arch in ARCHITECTURES["macos"]}
    missing = [image.name for image in images.values() if not image.is_file()]
    if missing:
        raise click.ClickException(f"{folder} holds no {' and no '.join(missing)}.")
    checksums = {arch: sha256(image) for arch, image in images.items()}
    output.write_text(render_cask(__version__, checksums), encoding="utf-8")


if __name__ == "__main__":
    main()
