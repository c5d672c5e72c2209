"""Sets up robot_cell on a machine: what `make setup` runs. Standard library only."""
