"""The Easy Box app, ported to Python for tests and simulations: it speaks HTTP only."""
