"""A Universal Robots controller that is not there: RTDE as published, with faults on request."""
