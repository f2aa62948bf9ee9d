"""The disk image for macOS, and the cask that installs it."""
