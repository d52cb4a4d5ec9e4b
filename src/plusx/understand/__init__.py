"""Why a network answers as it does, and what residual networks do."""
