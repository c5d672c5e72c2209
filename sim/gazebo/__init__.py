"""A cell in Gazebo (gz-sim): its world, its bridge to ROS 2, and the engine that lets it step."""
