"""Where the frozen program begins: PyInstaller starts a script, not a module of a package."""

from tray.__main__ import main

main()
