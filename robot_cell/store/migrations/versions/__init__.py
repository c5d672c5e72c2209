"""One file for each change of the tables. A file is never changed after its release."""
