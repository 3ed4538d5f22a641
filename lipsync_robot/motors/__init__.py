"""Robot landmarks to motor commands to the wire: inverse model, robot description, schedule, guard, serial bus."""
