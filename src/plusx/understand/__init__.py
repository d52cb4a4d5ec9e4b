"""Why residual networks work, and what a network looks at."""
