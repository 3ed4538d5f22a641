"""Sound to human landmarks, streaming: log-mel > APC > audio2landmark, and blinks."""
