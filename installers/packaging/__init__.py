"""What people download: packages and installers for each system, made of what PyInstaller built."""
