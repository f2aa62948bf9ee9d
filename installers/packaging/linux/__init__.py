"""What people on Linux download: a package for Debian and its kin, and an archive for those without root."""
