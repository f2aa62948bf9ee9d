"""The icon in the files that systems, packages and documents want. `python -m assets.render` draws them all anew."""
