"""A plant that is not there: physics, emulated devices and the owner of simulated time."""
