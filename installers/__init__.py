"""How the program gets onto a machine and into its login: packages, start at login, client configurations."""
