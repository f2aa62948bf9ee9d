"""The program that people start: the command line and, where there is a desktop, the tray."""
