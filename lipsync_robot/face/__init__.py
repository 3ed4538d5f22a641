"""What a face is: landmark sets, the metric face, retargeting, scores. numpy only."""
