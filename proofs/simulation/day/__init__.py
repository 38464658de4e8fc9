"""A day of a small warehouse, played in memory: people with the installed app, a bad network, and a reader."""
