"""The plant as an OPC UA server; nothing of it is imported unless a plant asks for it."""
