"""The plant as a Sparkplug B edge node on an MQTT broker (docs/sparkplug.md)."""

from robot_cell.gateway.sparkplug.service import told_to_broker

__all__ = ["told_to_broker"]
