"""Pure mathematics of the plant: kinematics, motion and scheduling. No ROS, no I/O."""
