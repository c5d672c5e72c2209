"""What people read about a plan or a run: Gantt charts and reports."""
