"""How small the searches of these tests are, in their own process and in that of `crash_server`."""

from vitnas.run.prepare import RatingSettings

RATING = RatingSettings(reference_networks=4, shown=("naswot",), batch=256)
IN_FLIGHT = 8
