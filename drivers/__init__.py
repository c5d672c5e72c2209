"""Pure input and output: arms, fixtures and the plant's clock. No ROS, no planning."""
