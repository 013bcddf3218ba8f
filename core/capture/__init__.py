"""Pictures that a visitor captures with the camera, and the head fitted to them meanwhile."""
