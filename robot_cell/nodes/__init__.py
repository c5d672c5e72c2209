"""Thin ROS 2 nodes: messages to calls and back, nothing else."""
