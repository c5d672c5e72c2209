"""What happens in a cell: state, steps, the servo and the supervisor. No ROS in here."""
