"""The commands. One thin file each; torch is imported only when a command needs it."""
