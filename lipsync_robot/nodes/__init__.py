"""ROS 2 nodes, one file each, thin: parameters, topics, one call into a room below."""
