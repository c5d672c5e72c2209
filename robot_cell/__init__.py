"""What is ordered, run, recorded and shown: the middle floor of robot_cell."""
