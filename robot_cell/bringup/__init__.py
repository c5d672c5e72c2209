"""From launch files to running processes, with ROS 2's launch or without it."""
