"""What people and factory systems see of a plant: REST, a live WebSocket, metrics, the web page."""
