"""Sound in and out: microphone, files, streaming log-mel, delayed playback."""
