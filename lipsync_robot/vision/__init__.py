"""Camera to human landmarks: FaceMesh and the metric face."""
