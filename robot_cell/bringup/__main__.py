"""`python -m robot_cell.bringup`: what `robot-cell run` starts in the background."""

from robot_cell.bringup.up import main

raise SystemExit(main())
