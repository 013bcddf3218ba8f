"""Pictures captured by camera, and a head that is refitted while they are captured."""
