"""`python -m tests.secret_scan DIR...`: whether a secret of the tests came out anywhere.

Every fake key and token of the tests contains one marker. Logs, captured output, reports and whatever else a run left
in the named directories must not, in plain text, as base64, in an archive or compressed.
"""

from __future__ import annotations

import base64
import gzip
import io
import sys
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

MARKER = "s3cr3t-marker"


def traces(data: bytes, name: str) -> Iterator[str]:
    """Where in `data`, the file `name`, the marker stands."""
    if any(form in data for form in _FORMS):
        yield name
    if data.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for inner in archive.namelist():
                yield from traces(archive.read(inner), f"{name} → {inner}")
    elif data.startswith(b"\x1f\x8b"):
        yield from traces(gzip.decompress(data), f"{name} (unpacked)")


def scan(places: Sequence[Path]) -> tuple[int, list[str]]:
    """How many files were read, and where the marker was found: in their names, too."""
    found: list[str] = []
    count = 0
    for place in places:
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if MARKER in path.name:
                found.append(f"{path} (its name)")
            if path.is_file() and not path.is_symlink():
                count += 1
                found += traces(path.read_bytes(), str(path))
    return count, found


def main(arguments: Sequence[str]) -> int:
    places = [Path(argument) for argument in arguments]
    missing = [place for place in places if not place.exists()]
    if not places or missing:
        usage = "usage: python -m tests.secret_scan DIR..."
        print(f"not there: {missing[0]}" if missing else usage, file=sys.stderr)
        return 64
    count, found = scan(places)
    for where in found:
        print(f"a secret of the tests is in {where}")
    print(f"{count} files read, {len(found)} with a secret")
    # Nothing that was read proves nothing.
    return int(bool(found) or count == 0)


def _base64_forms(text: bytes) -> Iterator[bytes]:
    """`text` as it looks inside base64, which depends on how many bytes stand before it."""
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + text)
        first = (shift * 8 + 5) // 6
        whole = (shift + len(text)) * 8 // 6
        yield encoded[first:whole]


_FORMS = (MARKER.encode(), MARKER.encode("utf-16-le"), *_base64_forms(MARKER.encode()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
