"""How small the searches of these tests are, in their own process and in that of `crash_server`."""

SAMPLE = 4  # networks of the reference sample
IN_FLIGHT = 8
