"""The command line. What a command does is in the module of its name; nothing heavy loads here."""
